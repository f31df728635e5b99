"""The servers that a drill watches side by side, all on the machine that the fault will hit."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from testbed.errors import TestbedError
from testbed.machine import Machine
from testbed.managers import Manager, Service
from testbed.managers.keeping import clear, kept_running, wait_until_running

CONFIG = "/etc/redis/redis.conf"

KEYS = "/failover"
LABEL = "cododemo.failover"
RUN = f"docker run --network host --label {LABEL}"


@dataclass(frozen=True)
class Contestant:
    """A Redis on the machines' own network, by its port, and the key in etcd below which clients find it."""

    name: str
    port: int

    @property
    def key(self) -> str:
        return f"{KEYS}/{self.name}"


MANAGED = Contestant("managed", 6379)
BY_POLICY = Contestant("by-policy", 6380)
BY_BOTH = Contestant("by-both", 6381)
"""Started by the manager's unit with `docker run --restart=always`, so that two look after it."""
REPLICA = Contestant("replica", 6382)
"""A second server of the managed one's data, on the other machine."""


@contextmanager
def servers(manager: Manager, victim: Machine, other: Machine, *, all_of_them: bool) -> Iterator[None]:
    """The managed one and that of the policy run, or all; at the end they are gone, also from a machine that was away."""
    given = [_managed((victim.name, other.name))] + ([_by_both((victim.name, other.name))] if all_of_them else [])
    try:
        _place(manager, victim, other, given)
        victim.run(f"{RUN} --detach --name {BY_POLICY.name} --restart=always redis {_command(BY_POLICY)}")
        if all_of_them:
            other.run(
                f"{RUN} --detach --name {REPLICA.name} redis {_command(REPLICA)} --replicaof {victim.address} {MANAGED.port}"
            )
        _announce(other, BY_POLICY, victim)
        yield
    finally:
        clear(manager, (victim, other), given)
        for machine in (victim, other):
            machine.run(f"docker rm --force $(docker ps --all --quiet --filter label={LABEL})")
        other.run(f"curl -sL http://127.0.0.1:4001/v2/keys{KEYS}?recursive=true -XDELETE")


def _managed(machines: tuple[str, ...]) -> Service:
    command = tuple(_command(MANAGED).split())
    return Service(MANAGED.name, "redis", command, machines=machines, announced=MANAGED.key, port=MANAGED.port)


def _by_both(machines: tuple[str, ...]) -> Service:
    """As the texts' units do it: a process on the machine runs `docker run`; but the container has a policy of its own.

    And a name of its own: fleet's units call theirs by the service's name.
    """
    run = f"exec {RUN} --name {BY_BOTH.name}-server --restart=always redis {_command(BY_BOTH)}"
    return Service(BY_BOTH.name, "busybox", ("chroot", "/machine", "sh", "-c", run), volumes=("/:/machine",), machines=machines)


def _command(contestant: Contestant) -> str:
    return f"redis-server {CONFIG} --port {contestant.port}"


def _place(manager: Manager, victim: Machine, other: Machine, services: list[Service]) -> None:
    """Have the manager choose the victim, though it may choose either: it takes the machine that has less to do."""
    ballast = [Service(f"ballast-{n}", "busybox", ("sleep", "1000"), machines=(other.name,)) for n in range(len(services) + 1)]
    with kept_running(manager, (other,), *ballast):
        for service in services:
            manager.start(service)
            wait_until_running(manager, service)
    for service in services:
        if manager.where(service.name) != [victim.name]:
            raise TestbedError(f"{manager.name} did not put {service.name} on {victim}: {manager.status(service.name)}")


def _announce(at: Machine, contestant: Contestant, on: Machine) -> None:
    """By hand and for good: nobody looks after it."""
    at.run(f"curl -sL http://127.0.0.1:4001/v2/keys{contestant.key}/{on} -XPUT -d value={on.address}:{contestant.port}")
