"""nginx alone on a node: it waits for keys, follows them, gets a bad one, and is killed. What took turns would take a minute,
so several nginx do it side by side, each with keys of its own.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import pytest

from fixtures.machines import free_node, leased, tidied
from testbed.cluster import Cluster
from testbed.leases import KEYS, QUORUM, Use
from testbed.machine import Machine
from testbed.transcript import Result
from testbed.wait import settled
from tests.cluster.background.outcome import of_drill
from tests.cluster.text_units import NGINX_AS_WRITTEN, installed

NAME = "nginx-drill"
GROUP = pytest.mark.xdist_group(NAME)
APP = "http://127.0.0.1:4001/v2/keys/app"
BAD = "not a server;{"
WAITING, FIRST, RENEWED, REFUSED = "waiting for", "first configuration made", "configuration renewed", "none that is valid"
KILLED_SECONDS = 4
UNIT = NGINX_AS_WRITTEN.but("marceldegraaf/nginx", "nginx").but("RestartSec=10s\n", "")
# Tells a client the headers that came with its request.
ECHO = r"""nc -ll -p 80 -e sh -c 'printf "HTTP/1.0 200 OK\r\n\r\n"; while read -r l && [ ${#l} -gt 1 ]; do echo "$l"; done'"""
# As the text has it: nginx as a service in the background, and in the foreground a look at its log.
TAIL = (
    "sed '/# servers/a server 127.0.0.1:8080;' /etc/nginx/template.conf >/run/nginx.conf; "
    "nginx -e /run/error.log -c /run/nginx.conf; exec tail -f /run/error.log"
)


@dataclass(frozen=True)
class Killed:
    """A container of nginx before and after its nginx was told to end: each is the container's ID and the page's status."""

    before: Result
    after: Result


@dataclass(frozen=True)
class NginxDrill:
    """What was seen of nginx as a unit (`unit`), of one with a bad key (`bad`), and of others."""

    node: Machine
    environment: Result
    etcd_from_inside: Result
    unanswered: Result
    answered: Result
    unit_log: Result
    unit_servers: Result
    unit_keys: Result
    pages: Result
    headers: Result
    bad_log: Result
    bad_servers: Result
    bad_page: Result
    without_host_ip: Result
    bridge: Result
    with_bridge: Result
    confd: Result
    unit_killed: Killed
    tail_killed: Killed


@pytest.fixture(scope="session")
def nginx_drill(the_cluster: Cluster) -> NginxDrill:
    """The drill, run once for all who read it."""
    return of_drill(NAME, lambda: run(the_cluster))


def run(cluster: Cluster) -> NginxDrill:
    """The drill, on one node."""
    name = free_node(cluster)
    with leased(cluster, (name,), Use.ALONE, {QUORUM: Use.SHARED, KEYS: Use.SHARED}) as held:
        node = held[name]
        with tidied(node), _keys(node), installed(node, UNIT):
            return _drill(node)


def seconds_between(log: Result, first: str, second: str) -> float:
    """From the line in the log that holds `first` to the next that holds `second`; fails as an assertion without such lines."""
    lines = log.output.splitlines()
    at = next((number for number, line in enumerate(lines) if first in line), len(lines))
    pair = [*lines[at : at + 1], *(line for line in lines[at + 1 :] if second in line)][:2]
    assert len(pair) == 2, log.expected(f"a line with '{first}' and then one with '{second}'")
    begun, ended = (datetime.fromisoformat(line.split()[0]) for line in pair)
    return (ended - begun).total_seconds()


def _drill(node: Machine) -> NginxDrill:
    _start_containers(node)
    node.run("sudo systemctl start --no-block nginx")
    headers = _page(node, 8001, "-H 'Host: www.example.com'")
    _put(node, "second/bad", BAD)
    _log(node, "nginx", WAITING)
    unanswered = node.run(f"curl -sS -m 3 http://{node.address}/bar")
    _put(node, "server/web-1", f"{node.address}:8081")
    answered = _page(node, 80)
    _put(node, "server/web-2", f"{node.address}:8082")
    tail_killed = _killed(node, "tail", 8002)  # meanwhile the others' ten seconds pass
    unit_log = _log(node, "nginx", RENEWED)
    return NginxDrill(
        node,
        environment=node.run("docker inspect -f '{{json .Config.Env}}' nginx"),
        etcd_from_inside=node.run("docker exec nginx sh -c 'wget -q -O - http://$HOST_IP:4001/version'"),
        unanswered=unanswered,
        answered=answered,
        unit_log=unit_log,
        unit_servers=_servers(node, "nginx"),
        unit_keys=node.run(f"curl -s {APP}/server"),
        pages=node.run(f"for i in 1 2 3 4; do curl -sS -m 3 http://{node.address}/bar; done"),
        headers=headers,
        bad_log=_log(node, "second", REFUSED),
        bad_servers=_servers(node, "second"),
        bad_page=_page(node, 8001),
        without_host_ip=_log(node, "without-host-ip", "configuration"),
        bridge=node.run("ip -4 -o address show docker0"),
        with_bridge=_log(node, "with-bridge", "configuration"),
        confd=node.run("docker run --rm nginx confd -onetime -node 127.0.0.1:4001 -config-file /etc/confd/conf.d/nginx.toml"),
        unit_killed=_killed(node, "nginx", 80),
        tail_killed=tail_killed,
    )


def _start_containers(node: Machine) -> None:
    """Two web servers, one that tells headers, and every nginx but the unit's; `second` has keys of its own."""
    _put(node, "second/echo", f"{node.address}:8080")
    second = f"-e HOST_IP={node.address} -e KEYS=/app/second"
    started = node.run(
        f"""docker run -d --name echo -p 8080:80 busybox {ECHO} &
docker run -d --name web-1 -p 8081:8080 web &
docker run -d --name web-2 -p 8082:8080 web &
docker run -d --name second -p 8001:80 {second} nginx &
docker run -d --name tail -p 8002:80 nginx sh -c "{TAIL}" &
docker run -d --name without-host-ip -e KEYS=/app/second nginx &
docker run -d --name with-bridge -e HOST_IP=172.17.0.1 -e KEYS=/app/second nginx &
wait"""
    )
    if len(started.stdout.split()) != 7:
        raise RuntimeError(started.expected("seven containers"))


def _put(node: Machine, key: str, value: str) -> None:
    node.run(f"curl -s {APP}/{key} -XPUT --data-urlencode 'value={value}'")


def _page(node: Machine, port: int, options: str = "") -> Result:
    """The page, as soon as there is one; else the last answer after seven seconds."""
    ask = f"curl -sSf -m 3 {options} http://{node.address}:{port}/bar"
    return settled(lambda: node.run(ask), lambda page: page.rc == 0, seconds=7, every=0.5)


def _log(node: Machine, container: str, words: str) -> Result:
    """The container's log, as soon as it has these words; else as it is after twelve seconds."""
    return settled(lambda: node.run(f"docker logs -t {container}"), lambda log: words in log.output, seconds=12, every=0.5)


def _servers(node: Machine, container: str) -> Result:
    """The servers in the configuration that nginx has now."""
    return node.run(f"docker exec {container} sed -n 's/^ *server \\([^ ]*\\) max_fails.*/\\1/p' /run/nginx.conf")


def _killed(node: Machine, container: str, port: int) -> Killed:
    look = f"docker ps -q --filter name=^{container}$; curl -s -m 3 -o /dev/null -w '%{{http_code}}' http://{node.address}:{port}/bar"
    before = node.run(look)
    node.run(f"docker exec {container} sh -c 'kill $(cat /run/nginx.pid)'")
    there_again = re.compile(r"[0-9a-f]{12}\n200")
    return Killed(
        before,
        settled(lambda: node.run(look), lambda now: bool(there_again.match(now.stdout)), seconds=KILLED_SECONDS, every=0.5),
    )


@contextmanager
def _keys(node: Machine) -> Iterator[None]:
    """The keys that the drill writes go at the end."""
    try:
        yield
    finally:
        node.run(f"curl -s {APP}?recursive=true -XDELETE")
