"""Faults of a machine's users and connections."""

from collections.abc import Iterator
from contextlib import contextmanager

from testbed import ssh
from testbed.faults import demand
from testbed.machine import Machine


@contextmanager
def not_in_group(*machines: Machine, group: str) -> Iterator[None]:
    """The machines' users are not in the group, in new sessions as those that the suite then has."""
    for machine in machines:
        _anew(machine, f"sudo gpasswd -d {machine.user} {group}")
    try:
        yield
    finally:
        for machine in machines:
            _anew(machine, f"sudo gpasswd -a {machine.user} {group}")


def _anew(machine: Machine, command: str) -> None:
    demand(machine, command)
    ssh.disconnect(machine.name)
    ssh.connect(machine.name)
