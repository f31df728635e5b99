"""Faults of the pool of machines, the same under fleet and in swarm mode."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import pytest
from docker.types import RestartPolicy

from fixtures.sabotage.faults import until
from testbed.cluster import demand_running
from testbed.faults import demand, stopped
from testbed.machine import Machine
from testbed.managers import Manager, Service, Spread, fleet_units, swarm
from testbed.wait import wait_until

SECONDS = 20
APPEND_ONLY = ("--appendonly", "yes", "--appendfsync", "always")


@contextmanager
def told_otherwise(*_: Machine, service: str, **changes: object) -> Iterator[None]:
    """Whenever the manager is given the service of that name, these of its fields are others."""
    others = {name: _of_service(name, value) for name, value in changes.items()}
    with _told(service, lambda given: replace(given, **others)):  # type: ignore[arg-type]  # as YAML has them
        yield


@contextmanager
def pinned_with_its_data(*_: Machine, service: str) -> Iterator[None]:
    """The Redis of that name may run on the first of its machines only, and keeps all that it is told on a volume there."""

    def pinned(given: Service) -> Service:
        command = (*given.command, *APPEND_ONLY)
        return replace(given, machines=given.machines[:1], volumes=("kept:/data",), command=command)

    with _told(service, pinned):
        yield


@contextmanager
def never_restarts(*_: Machine) -> Iterator[None]:
    """The manager leaves down what has ended."""
    unit = fleet_units._unit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(swarm, "RestartPolicy", lambda *_, **__: RestartPolicy("none"))
        patch.setattr(fleet_units, "_unit", lambda *given: unit(*given).replace("Restart=always", "Restart=no"))
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
            until(manager.asked, f"docker node update --availability active {machine}")
    _wait_until_counted(manager, machine, True)


def _wait_until_counted(manager: Manager, machine: Machine, wanted: bool) -> None:
    def counted() -> bool:
        known: Mapping[str, bool] = manager.machines()
        return known[machine.name] is wanted

    wait_until(counted, f"{manager.name} counts {machine} {'in' if wanted else 'out'}", seconds=SECONDS)


@contextmanager
def _told(service: str, otherwise: Callable[[Service], Service]) -> Iterator[None]:
    manager = type(demand_running().manager)
    start = manager.start

    def start_otherwise(self: Manager, given: Service) -> None:
        start(self, otherwise(given) if given.name == service else given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manager, "start", start_otherwise)
        yield


def _of_service(field: str, value: object) -> object:
    """What YAML has for a field of Service, as Service has it."""
    if field == "spread":
        return Spread[str(value)]
    return tuple(value) if isinstance(value, list) else value
