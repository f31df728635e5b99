"""The drill of the restart policies: servers with each of them crash or are stopped, then lose their engine, then their node."""

import time
from dataclasses import dataclass

import redis

from fixtures.machines import free_node, leader, leased, tidied
from testbed import ssh
from testbed.cluster import Cluster
from testbed.leases import QUORUM, Use
from testbed.machine import Machine
from testbed.restart import wait_until_ready
from testbed.transcript import Result
from testbed.wait import settled
from tests.cluster.redis_steps import asked_until, serve
from tests.cluster.steps import do

POLICIES = {
    "plain": "no",
    "always": "always",
    "always-killed": "always",
    "always-stopped": "always",
    "unless-killed": "unless-stopped",
    "unless-stopped": "unless-stopped",
}
"""The servers by their names, which tell what happens to each by hand, and their restart policies."""
LOOK = "docker inspect -f '{{.Name}} {{.State.Status}} {{.State.ExitCode}} {{.RestartCount}} {{.Id}}'"
NAME = "redis-restart"
REBOOT_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A server at one moment, by docker's own words, and how often its policy has restarted it."""

    status: str
    exit_code: int
    restarts: int
    id: str


@dataclass(frozen=True)
class Look:
    """All servers at one moment; `answer` is that of `always`, which was asked until it answered, for so many `seconds`."""

    answer: Result
    seconds: float
    seen: Result

    def server(self, name: str) -> Server:
        """The server of that name."""
        words = [line.split() for line in self.seen.stdout.splitlines()]
        _, status, exit_code, restarts, container = next(one for one in words if one[0] == f"/{name}")
        return Server(status, int(exit_code), int(restarts), container)


@dataclass(frozen=True)
class RestartDrill:
    """What was seen before and after each blow; before the second and the third, `plain` was started again by hand."""

    started: Look
    crashed: Look
    engine_restarted: Look
    answered_without_login: bool
    rebooted: Look


def run(cluster: Cluster) -> RestartDrill:
    """The drill, on one node, which is a member of etcd and may be one of the manager's."""
    name = free_node(cluster, spared=leader(cluster))
    with leased(cluster, (name,), Use.ALONE, {QUORUM: Use.ALONE}) as held, tidied(held[name]):
        return _drill(cluster, held[name])


def kill_process(machine: Machine, name: str) -> None:
    """`kill -9` of the server's process, which is a crash to docker: it did not ask for it."""
    do(machine, f"sudo kill -9 $(docker inspect -f '{{{{.State.Pid}}}}' {name})")


def _drill(cluster: Cluster, node: Machine) -> RestartDrill:
    for name, policy in POLICIES.items():
        serve(node, f"--restart={policy} {'-p 6379:6379' if name == 'always' else ''}", name=name)
    started = _look(node)
    do(node, "docker kill always-killed unless-killed && docker stop always-stopped unless-stopped")
    # `plain` goes first: once `always` is back, a policy would have brought the others back too.
    kill_process(node, "plain")
    kill_process(node, "always")
    crashed = _look(node)
    do(node, "docker start plain && sudo systemctl restart docker")
    engine_restarted = _look(node)
    do(node, "docker start plain")
    answered = _power_cycle(cluster, node)
    return RestartDrill(started, crashed, engine_restarted, answered, _look(node))


def _look(node: Machine) -> Look:
    began = time.monotonic()
    answer = asked_until(node, "docker exec always redis-cli ping", "PONG")
    return Look(answer, time.monotonic() - began, node.run(f"{LOOK} {' '.join(POLICIES)}"))


def _power_cycle(cluster: Cluster, node: Machine) -> bool:
    """Whether the server answered after its node's power was gone, before anybody logged in or asked the engine for anything."""
    cluster.provider.power_off(node.name)
    ssh.disconnect(node.name)
    cluster.provider.power_on(node.name)
    answered = settled(lambda: _answers(node.address), bool, seconds=REBOOT_SECONDS)
    wait_until_ready(node)
    return answered


def _answers(address: str) -> bool:
    try:
        return bool(redis.Redis(address, socket_timeout=1, socket_connect_timeout=1).ping())
    except redis.RedisError:
        return False
