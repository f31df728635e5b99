"""What drills of several chapters share: machines to play on, and steps that have to succeed."""

from collections.abc import Iterator
from contextlib import contextmanager

from fixtures.machines import free_docker_host, free_nodes, leased, tidied
from testbed.cluster import Cluster
from testbed.leases import Use
from testbed.machine import Machine
from testbed.transcript import Result


@contextmanager
def nodes_alone(cluster: Cluster, count: int = 1) -> Iterator[tuple[Machine, ...]]:
    """So many nodes, whichever are free; what is left in their engines is removed at the end."""
    with leased(cluster, free_nodes(cluster, count), Use.ALONE) as held, tidied(*held.values()):
        yield tuple(held.values())


@contextmanager
def docker_host_alone(cluster: Cluster) -> Iterator[Machine]:
    """The same with one machine, for who needs no more than an engine."""
    name = free_docker_host(cluster)
    with leased(cluster, (name,), Use.ALONE) as held, tidied(held[name]):
        yield held[name]


def do(machine: Machine, command: str) -> Result:
    """A step of the story, which shows no claim by itself but has to succeed."""
    result = machine.run(command)
    assert result.rc == 0, result.expected("exit code 0")
    return result
