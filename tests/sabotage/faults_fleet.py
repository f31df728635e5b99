"""Faults of the pool of machines, the same under fleet and in swarm mode."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import pytest

from testbed.cluster import demand_running
from testbed.faults import demand, stopped
from testbed.machine import Machine
from testbed.managers import Manager, Service, Spread
from testbed.wait import wait_until

SECONDS = 20


@contextmanager
def told_otherwise(*_: Machine, service: str, **changes: object) -> Iterator[None]:
    """Whenever the manager is given the service of that name, these of its fields are others."""
    manager = type(demand_running().manager)
    start = manager.start
    others = {name: _of_service(name, value) for name, value in changes.items()}

    def start_otherwise(self: Manager, given: Service) -> None:
        start(self, replace(given, **others) if given.name == service else given)  # type: ignore[arg-type]  # as YAML has them

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manager, "start", start_otherwise)
        yield


@contextmanager
def out_of_work(machine: Machine) -> Iterator[None]:
    """The manager counts this machine out: fleetd says goodbye on it, swarm mode may give it no work."""
    manager = demand_running().manager
    if manager.name == "fleet":
        with stopped("fleet", machine):
            _wait_until_counted(manager, machine, False)
            yield
    else:
        demand(manager.asked, f"docker node update --availability drain {machine}")
        try:
            yield
        finally:
            demand(manager.asked, f"docker node update --availability active {machine}")
    _wait_until_counted(manager, machine, True)


def _wait_until_counted(manager: Manager, machine: Machine, wanted: bool) -> None:
    def counted() -> bool:
        known: Mapping[str, bool] = manager.machines()
        return known[machine.name] is wanted

    wait_until(counted, f"{manager.name} counts {machine} {'in' if wanted else 'out'}", seconds=SECONDS)


def _of_service(field: str, value: object) -> object:
    """What YAML has for a field of Service, as Service has it."""
    if field == "spread":
        return Spread[str(value)]
    return tuple(value) if isinstance(value, list) else value
