"""The servers that a drill watches side by side, all on the machine that the fault will hit."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from testbed.machine import Machine
from testbed.managers import Manager, Service
from testbed.managers.keeping import clear, kept_running, wait_until_running

CONFIG = "/etc/redis/redis.conf"
BALLAST = 3
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


def managed(*machines: Machine) -> Service:
    """The manager's Redis, on either of these machines."""
    names = tuple(machine.name for machine in machines)
    command = tuple(_command(MANAGED).split())
    return Service(MANAGED.name, "redis", command, machines=names, announced=MANAGED.key, port=MANAGED.port)


@contextmanager
def kept_off(machine: Machine, manager: Manager) -> Iterator[None]:
    """What a manager is given meanwhile and may run on several machines it does not put on this one, which has more to do."""
    ballast = [Service(f"ballast-{n}", "busybox", ("sleep", "1000"), machines=(machine.name,)) for n in range(BALLAST)]
    with kept_running(manager, (machine,), *ballast):
        yield


@contextmanager
def beside(manager: Manager, victim: Machine, other: Machine, *, all_of_them: bool) -> Iterator[None]:
    """Beside the managed one runs that of the restart policy, or all run; at the end they are gone, also from a lost machine."""
    by_both = _by_both(victim, other)
    try:
        if all_of_them:
            copy = f"--replicaof {victim.address} {MANAGED.port}"
            other.run(f"{RUN} --detach --name {REPLICA.name} redis {_command(REPLICA)} {copy}")
            with kept_off(other, manager):
                manager.start(by_both)
                wait_until_running(manager, by_both)
        victim.run(f"{RUN} --detach --name {BY_POLICY.name} --restart=always redis {_command(BY_POLICY)}")
        # By hand and for good: nobody looks after it.
        address = f"{victim.address}:{BY_POLICY.port}"
        other.run(f"curl -sL http://127.0.0.1:4001/v2/keys{BY_POLICY.key}/{victim} -XPUT -d value={address}")
        yield
    finally:
        if all_of_them:
            clear(manager, (victim, other), (by_both,))
        for machine in (victim, other):
            machine.run(f"docker rm --force $(docker ps --all --quiet --filter label={LABEL})")
        other.run(f"curl -sL http://127.0.0.1:4001/v2/keys{BY_POLICY.key}?recursive=true -XDELETE")


def _by_both(*machines: Machine) -> Service:
    """As the texts' units do it: a process on the machine runs `docker run`; but the container has a policy of its own.

    And a name of its own: fleet's units call theirs by the service's name.
    """
    run = f"exec {RUN} --name {BY_BOTH.name}-server --restart=always redis {_command(BY_BOTH)}"
    names = tuple(machine.name for machine in machines)
    return Service(BY_BOTH.name, "busybox", ("chroot", "/machine", "sh", "-c", run), volumes=("/:/machine",), machines=names)


def _command(contestant: Contestant) -> str:
    return f"redis-server {CONFIG} --port {contestant.port}"
