"""The page that stays up: three web servers and nginx, kept by the manager, and what becomes of the page as each is lost."""

import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import pytest

from fixtures.machines import leased
from testbed.cluster import Cluster
from testbed.leases import KEYS, QUORUM, Use
from testbed.machine import Machine
from testbed.managers import SERVICE_LABEL, Manager, Service, Spread
from testbed.managers.keeping import announced, clear
from testbed.plain_http import HTTP
from testbed.restart import off
from testbed.timeline import Event, Story, tell
from testbed.transcript import Result
from testbed.wait import settled
from tests.cluster.background.outcome import of_drill
from tests.cluster.failover.watch import Watch
from tests.cluster.front import Front, Loss, Page, after, look, page, reloaded

NAME = "ha-drill"
GROUP = pytest.mark.xdist_group(NAME)
WEB = Service("web", "web", instances=3, spread=Spread.NEVER_TOGETHER, announced="/app/server", port=8080)
# On its machine's own network nginx has etcd at the loopback address.
NGINX = Service("nginx", "nginx", environment={"HOST_IP": "127.0.0.1"})
BAD_GATEWAY = 502
SECONDS = 20
"""So long the drill waits for what a claim says; then it goes on and leaves the judgement to the claim's test."""


@dataclass(frozen=True)
class HaDrill:
    """What was seen: of the web servers, and of the front after this and that."""

    nodes: tuple[Machine, ...]
    web: list[str]
    """The machines that the manager chose for the web servers."""
    keys: dict[str, dict[str, Any]]
    """Their keys in etcd, by machine."""
    address: Result
    """What /etc/environment says on the machine where nginx runs at first."""
    at_first: Front
    instance_lost: Loss
    without_web: Page
    web_again: Front
    containers: tuple[set[str], set[str]]
    """Those of the web servers before they were destroyed, and after they were started again."""
    without_nginx: Front
    nginx_again: Front
    machine_lost: Loss
    everywhere: Front


@pytest.fixture(scope="session")
def ha_drill(the_cluster: Cluster) -> HaDrill:
    """The drill, run once for all who read it."""
    return of_drill(NAME, lambda: run(the_cluster))


def run(cluster: Cluster) -> HaDrill:
    """The drill, on all nodes."""
    names = tuple(node.name for node in cluster.nodes)
    with leased(cluster, names, Use.ALONE, {QUORUM: Use.ALONE, KEYS: Use.ALONE}):
        manager = cluster.manager
        try:
            return _drill(cluster, manager)
        finally:
            clear(manager, cluster.nodes, (NGINX, WEB))
            manager.asked.run("curl -s http://127.0.0.1:4001/v2/keys/app?recursive=true -XDELETE")


def _drill(cluster: Cluster, manager: Manager) -> HaDrill:
    nodes = cluster.nodes
    manager.start(WEB)
    settled(lambda: (manager.where(WEB.name), announced(manager, WEB)), lambda seen: all(map(_complete, seen)), seconds=SECONDS)
    web, keys = manager.where(WEB.name), _keys(manager)
    at_first = _started(manager, nodes, NGINX)
    here = _machine(cluster, at_first)
    address = here.run("grep COREOS_PUBLIC_IPV4 /etc/environment | awk -F= '{print $2}'")
    instance_lost = _lose_instance(manager, here, min(nodes, key=lambda node: (node.name not in web, node == here)))
    before = _containers(*nodes)
    manager.stop(WEB.name)
    without_web = settled(lambda: page(here), lambda seen: seen.status == BAD_GATEWAY, seconds=SECONDS)
    manager.start(WEB)
    settled(lambda: {page(here).writer for _ in range(2 * len(web))}, lambda seen: seen >= set(web), seconds=SECONDS)
    web_again, containers = look(manager, nodes, NGINX.name), (before, _containers(*nodes))
    without_nginx = _stopped(manager, nodes)
    nginx_again = _started(manager, nodes, replace(NGINX, machines=tuple(node.name for node in nodes if node != here)))
    machine_lost = _lose_machine(cluster, manager, _machine(cluster, nginx_again))
    _stopped(manager, nodes)
    return HaDrill(
        nodes=nodes,
        web=web,
        keys=keys,
        address=address,
        at_first=at_first,
        instance_lost=instance_lost,
        without_web=without_web,
        web_again=web_again,
        containers=containers,
        without_nginx=without_nginx,
        nginx_again=nginx_again,
        machine_lost=machine_lost,
        everywhere=_started(manager, nodes, replace(NGINX, spread=Spread.EVERYWHERE), len(nodes)),
    )


def _complete(seen: Collection[str]) -> bool:
    return len(seen) == WEB.instances


def _started(manager: Manager, nodes: tuple[Machine, ...], nginx: Service, instances: int = 1) -> Front:
    """The front when so many nginx run and answer; else as it is after a while."""
    manager.start(nginx)

    def answers() -> bool:
        where = manager.where(nginx.name)
        return len(where) == instances and all(page(node).status for node in nodes if node.name in where)

    settled(answers, bool, seconds=SECONDS)
    return look(manager, nodes, nginx.name)


def _stopped(manager: Manager, nodes: tuple[Machine, ...]) -> Front:
    """The front when nobody answers any more; else as it is after a while."""
    manager.stop(NGINX.name)
    settled(lambda: any(page(node).status for node in nodes), lambda answers: not answers, seconds=SECONDS)
    return look(manager, nodes, NGINX.name)


def _machine(cluster: Cluster, front: Front) -> Machine:
    """The node that nginx runs on; any other where it runs on none, so that the drill can go on."""
    return next((node for node in cluster.nodes if node.name in front.where), cluster.nodes[0])


def _lose_instance(manager: Manager, front: Machine, victim: Machine) -> Loss:
    """The victim's web server is killed."""
    before = _containers(victim)

    def is_back() -> bool:
        return bool(_containers(victim) - before) and victim.name in announced(manager, WEB)

    with reloaded(front) as pages:
        killed = time.monotonic()
        victim.run(f"docker kill $(docker ps -q --filter label={SERVICE_LABEL}={WEB.name})")
        back = settled(is_back, bool, seconds=SECONDS)
        seconds = time.monotonic() - killed
    return Loss(victim.name, after(killed, pages), None, seconds if back else None)


def _lose_machine(cluster: Cluster, manager: Manager, front: Machine) -> Loss:
    """The machine that is switched off, and on again, has a web server, and neither nginx nor what leads the manager."""
    spared = (front.name, manager.leader())
    victim = next(node for node in cluster.nodes if node.name not in spared)
    manager = manager.seen_from(front)

    def is_announced() -> bool:
        return victim.name in announced(manager, WEB)

    with reloaded(front) as pages, Watch(lambda: len(announced(manager, WEB)), every=0.3) as servers:
        killed = time.monotonic()
        with off(cluster, victim.name):
            expired = not settled(is_announced, lambda seen: not seen, seconds=SECONDS)
            forgotten = time.monotonic() - killed
        ready = time.monotonic() - killed
        back = settled(is_announced, bool, seconds=SECONDS)
        seconds = time.monotonic() - killed
    loss = Loss(victim.name, after(killed, pages), forgotten if expired else None, seconds if back else None)
    happened = {0: "machine killed", forgotten: "its key is gone", ready: "it is back, and ready", seconds: "its key is there"}
    tell(
        Story(
            fault="web server's machine killed",
            keeper=manager.name,
            events=tuple(Event(when, what, victim.name) for when, what in happened.items()),
            servers=tuple((when - killed, count) for when, count in servers.changes),
            outage=loss.outage,
            acknowledged=0,
            readable=0,
            after=f"{len(announced(manager, WEB))} web servers are announced",
        )
    )
    return loss


def _keys(manager: Manager) -> dict[str, dict[str, Any]]:
    """The web servers' keys as etcd has them, by machine."""
    answer = HTTP.get(f"http://{manager.asked.address}:4001/v2/keys{WEB.announced}", timeout=5).json()
    return {key["key"].rpartition("/")[2]: key for key in answer.get("node", {}).get("nodes", [])}


def _containers(*nodes: Machine) -> set[str]:
    """The web servers that run on these nodes, by their IDs."""
    wanted = {"label": f"{SERVICE_LABEL}={WEB.name}", "status": "running"}
    return {container["Id"][:12] for node in nodes for container in node.docker.api.containers(filters=wanted)}
