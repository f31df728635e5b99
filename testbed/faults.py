"""Faults that heal: each is a context manager that always undoes what it did."""

from collections.abc import Iterator
from contextlib import contextmanager

from testbed.machine import Machine


@contextmanager
def stopped(unit: str, *machines: Machine) -> Iterator[None]:
    """The unit is stopped on these machines; it is started again at the end."""
    for machine in machines:
        _demand(machine, f"sudo systemctl stop {unit}")
    try:
        yield
    finally:
        for machine in machines:
            # A start waits for readiness, and a member without its peers is never ready: queue them all.
            _demand(machine, f"sudo systemctl start --no-block {unit}")


@contextmanager
def blocked(rule: str, *machines: Machine, verdict: str = "DROP") -> Iterator[None]:
    """Packets that match the rule, as in `INPUT -p tcp --dport 2380`, are dropped on these machines, or REJECTed."""
    for machine in machines:
        _demand(machine, f"sudo iptables -I {rule} -j {verdict}")
    try:
        yield
    finally:
        for machine in machines:
            _demand(machine, f"sudo iptables -D {rule} -j {verdict}")


def _demand(machine: Machine, command: str) -> None:
    result = machine.run(command)
    if result.rc != 0:
        raise RuntimeError(result.expected("exit code 0"))
