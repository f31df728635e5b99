"""Two machines as one pool: three web servers that the manager runs there, and what it says of them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from fixtures.machines import leased, tidied
from testbed.cluster import Cluster
from testbed.leases import KEYS, QUORUM, Use
from testbed.machine import Machine
from testbed.managers import SERVICE_LABEL, Manager, Service
from testbed.managers.keeping import clear
from testbed.transcript import Result
from testbed.wait import settled

PORTS = (8081, 8082, 8083)
SECONDS = 40

# The workshop's commands, and what Docker's swarm mode has in their place.
LIST_MACHINES = {"fleet": "fleetctl list-machines", "swarm": "docker node ls"}
LIST_UNITS = {
    "fleet": "fleetctl list-units --no-legend",
    "swarm": "docker service ls -q | xargs docker service ps --filter desired-state=running "
    "--format '{{.Name}} {{.Node}} {{.CurrentState}}'",
}
LIST_TEMPLATES = {
    "fleet": "fleetctl list-unit-files --no-legend",
    "swarm": "docker service ls --format '{{.Name}} {{.Replicas}}'",
}


@dataclass(frozen=True)
class Pool:
    """The manager, the machines that the services are confined to, and how long it took until every page was served."""

    manager: Manager
    machines: tuple[Machine, ...]
    seconds: float

    def service(self, name: str, port: int, *machines: str) -> Service:
        """A web server at a port of whichever of these machines; without any, of the pool's."""
        return Service(name, "web", environment={"PORT": str(port)}, machines=machines or self.names)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(machine.name for machine in self.machines)

    @contextmanager
    def running(self, *services: Service) -> Iterator[None]:
        """These services are given to the manager meanwhile; no more is waited for than that they are gone at the end."""
        try:
            for service in services:
                self.manager.start(service)
            yield
        finally:
            clear(self.manager, self.machines, services)

    def told(self, commands: dict[str, str], machine: Machine) -> Result:
        """What the manager's own command prints on that machine."""
        return machine.run(commands[self.manager.name])

    def where(self, name: str) -> list[str]:
        """Where the service runs, as soon as it runs anywhere, else nowhere."""
        return settled(lambda: self.manager.where(name), bool, seconds=SECONDS)

    def chosen(self, name: str) -> list[str]:
        """The machines that were chosen for the service's instances, with an empty name for one that has none."""
        return [instance.machine for instance in self.manager.instances(name)]

    def really(self, name: str) -> list[str]:
        """Where the engines have a container of the service that runs."""
        return [machine.name for machine in self.machines for _ in self._ids(machine, name)]

    def containers(self, name: str) -> list[str]:
        """The containers of the service that run."""
        return [container for machine in self.machines for container in self._ids(machine, name)]

    def _ids(self, machine: Machine, name: str) -> list[str]:
        return machine.run(f"docker ps -q --filter label={SERVICE_LABEL}={name}").stdout.split()


@pytest.fixture(scope="module")
def pool(the_cluster: Cluster) -> Iterator[Pool]:
    """Three web servers somewhere on two machines, which have the image already."""
    names = tuple(node.name for node in the_cluster.nodes[:2])
    with leased(the_cluster, names, Use.ALONE, {QUORUM: Use.SHARED, KEYS: Use.SHARED}) as held, tidied(*held.values()):
        machines = tuple(held.values())
        for machine in machines:
            machine.run("docker pull -q web")
        empty = Pool(the_cluster.manager, machines, 0)
        began = time.monotonic()
        with empty.running(*(empty.service(f"web-{port}", port) for port in PORTS)):
            settled(lambda: all(serving(machines, port) for port in PORTS), bool, seconds=SECONDS)
            yield Pool(empty.manager, machines, time.monotonic() - began)


@dataclass(frozen=True)
class Ended:
    """What was seen of a service that ran on one machine and was asked for and destroyed from another."""

    service: Service
    asked: Machine
    status: str
    logs: str
    before: list[str]
    left: list[str]
    known: list[str]


@pytest.fixture(scope="module")
def ended(pool: Pool) -> Iterator[Ended]:
    """The drill: a service on the first machine; all questions and orders are given on the second."""
    here, other = pool.machines
    service, manager = pool.service("web-8084", 8084, here.name), pool.manager.seen_from(other)
    with pool.running(service):
        settled(lambda: serving(pool.machines, 8084), bool, seconds=SECONDS)
        logs = settled(lambda: manager.logs(service.name), bool, seconds=SECONDS)
        status, before = manager.status(service.name), pool.containers(service.name)
        manager.stop(service.name)
        left = settled(lambda: pool.really(service.name), lambda seen: not seen, seconds=SECONDS)
        yield Ended(service, other, status, logs, before, left, manager.services())


def serving(machines: tuple[Machine, ...], port: int) -> list[Result]:
    """The answers at that port, of those machines that answer there."""
    asked = (machine.run(page_at(machine, port)) for machine in machines)
    return [answer for answer in asked if answer.rc == 0]


def page_at(machine: Machine, port: int | str) -> str:
    """The command that asks for the page."""
    return f"curl -sS -m 5 http://{machine.address}:{port}/bar"
