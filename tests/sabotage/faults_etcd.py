"""Faults of etcd that take more than a command on one machine."""

from collections.abc import Iterator
from contextlib import contextmanager

from testbed.cluster import demand_running
from testbed.faults import blocked
from testbed.machine import Machine
from testbed.readiness import wait_for_members

PEERS = "INPUT -p tcp -m multiport --ports 2380,7001"


@contextmanager
def cut_off(*members: Machine) -> Iterator[None]:
    """The members do not hear the others, who have found a leader among themselves."""
    with blocked(PEERS, *members):
        wait_for_members(*(node for node in demand_running().nodes if node not in members))
        yield
