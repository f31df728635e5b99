"""Faults that heal: each is a context manager that always undoes what it did, also what it did by halves."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from testbed.machine import Machine


@contextmanager
def stopped(unit: str, *machines: Machine) -> Iterator[None]:
    """The unit is stopped on these machines; at the end its start is queued on all of them."""
    with _down(unit, machines, f"sudo systemctl stop {unit}"):
        yield


@contextmanager
def crashed(unit: str, *machines: Machine) -> Iterator[None]:
    """The unit is killed on these machines, with no time for a goodbye, and stays down; at the end its start is queued."""
    with _down(unit, machines, f"sudo systemctl kill --signal=KILL {unit}; sudo systemctl stop {unit}"):
        yield


@contextmanager
def blocked(rule: str, *machines: Machine, verdict: str = "DROP") -> Iterator[None]:
    """Packets that match the rule, as in `INPUT -p tcp --dport 2380`, are dropped on these machines, or REJECTed."""
    with ExitStack() as undo:
        for machine in machines:
            demand(machine, f"sudo iptables -I {rule} -j {verdict}")
            undo.callback(demand, machine, f"sudo iptables -D {rule} -j {verdict}")
        yield


def demand(machine: Machine, command: str) -> None:
    """Run a step of a fault; raises RuntimeError when it fails."""
    result = machine.run(command)
    if result.rc != 0:
        raise RuntimeError(result.expected("exit code 0"))


@contextmanager
def _down(unit: str, machines: tuple[Machine, ...], command: str) -> Iterator[None]:
    with ExitStack() as undo:
        for machine in machines:
            # A start waits for readiness, and a member without its peers is never ready: queue them all.
            undo.callback(demand, machine, f"sudo systemctl start --no-block {unit}")
            demand(machine, command)
        yield
