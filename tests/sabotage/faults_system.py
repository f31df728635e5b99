"""Faults of a machine's users and connections, and of what a check does to a machine as a whole."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

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


@contextmanager
def left_out(*_: Machine, step: str) -> Iterator[None]:
    """This function of the check, by its module's name and its own, does nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step, lambda *_: None)
        yield
