"""The drill of one server and clients on other nodes: by a published port, a link, an inner address, etcd, and through a cut."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fixtures.machines import leased, tidied
from testbed.cluster import Cluster
from testbed.faults import blocked
from testbed.leases import KEYS, QUORUM, Use
from testbed.machine import Machine
from testbed.managers import ANNOUNCED_SECONDS
from testbed.transcript import Result
from tests.cluster.redis_steps import asked_until, read_many, serve, write_many
from tests.cluster.steps import do

NAME = "redis-different"
KEY = "http://127.0.0.1:4001/v2/keys/services/redis"
LOOK_UP = f"curl -sL {KEY} | jq -r .node.value"
ASK_WHERE_ETCD_SAYS = f"at=$({LOOK_UP}); docker exec client timeout 5 redis-cli -h ${{at%:*}} -p ${{at#*:}} get here"
"""The client's script, the same on every node and at all times."""
ANNOUNCE = f"curl -sL {KEY} -XPUT -d value=$COREOS_PRIVATE_IPV4:6379 -d ttl={ANNOUNCED_SECONDS}"


@dataclass(frozen=True)
class Different:
    """What clients on two other nodes saw of a server with a published port."""

    pings: tuple[Result, ...]
    get_on_third_node: Result
    by_link: Result
    by_container_address: Result
    written: Result
    cut: Result
    """A try while no packet for redis goes from the client's node to the server's or back."""
    mended: Result


@dataclass(frozen=True)
class Found:
    """What clients that look the server up in etcd got: while it ran, when it was gone, when it ran on another node."""

    first: tuple[Result, ...]
    gone: Result
    moved: tuple[Result, ...]


def run(cluster: Cluster) -> tuple[Different, Found]:
    """One server serves both stories."""
    nodes = cluster.nodes[:3]
    names = tuple(node.name for node in nodes)
    with leased(cluster, names, Use.ALONE, {QUORUM: Use.SHARED, KEYS: Use.ALONE}), tidied(*nodes):
        for node in nodes:
            do(node, "docker run -d --name client redis sleep 600")
        serve(nodes[0], "-p 6379:6379")
        return _different(*nodes), _found(*nodes)


def _different(server: Machine, client: Machine, third: Machine) -> Different:
    container = do(server, "docker inspect -f '{{.NetworkSettings.IPAddress}}' redis").stdout.strip()
    cli = f"docker exec client timeout 3 redis-cli -h {server.address}"
    pings = tuple(node.run(f"{cli} ping") for node in (client, third))
    client.run(f"{cli} set written 'on {client}'")
    get_on_third_node = third.run(f"{cli} get written")
    by_link = client.run("docker run --rm --link redis:redis redis redis-cli -h redis ping")
    by_container_address = client.run(f"docker exec client timeout 3 redis-cli -h {container} ping")
    written = client.run(f"docker exec client {write_many(f'-h {server.address}')}")
    there, back = f"FORWARD -s {client.address} -p tcp --dport 6379", f"FORWARD -d {client.address} -p tcp --sport 6379"
    with blocked(there, server), blocked(back, server):
        cut = client.run(f"{cli} ping")
    mended = client.run(f"docker exec client {read_many(f'-h {server.address}')}")
    return Different(pings, get_on_third_node, by_link, by_container_address, written, cut, mended)


def _found(first: Machine, client: Machine, second: Machine) -> Found:
    try:
        with announced(first):
            seen = tuple(node.run(ASK_WHERE_ETCD_SAYS) for node in (client, second))
            do(first, "docker stop redis")
            asked_until(client, LOOK_UP, "null", ANNOUNCED_SECONDS + 5)
            gone = client.run(ASK_WHERE_ETCD_SAYS)
        serve(second, "-p 6379:6379")
        with announced(second):
            return Found(seen, gone, tuple(node.run(ASK_WHERE_ETCD_SAYS) for node in (client, first)))
    finally:
        client.run("curl -sL http://127.0.0.1:4001/v2/keys/services?recursive=true -XDELETE")


@contextmanager
def announced(server: Machine) -> Iterator[None]:
    """A sidekick keeps the server's address in etcd while the server answers; the server's value `here` is its node."""
    do(server, f"docker exec redis redis-cli set here {server}")
    loop = f". /etc/environment; while docker exec redis redis-cli ping; do {ANNOUNCE}; sleep 1; done"
    do(server, f"sudo systemd-run --quiet --collect --unit=announce-redis sh -c '{loop}'")
    try:
        asked_until(server, LOOK_UP, server.address)
        yield
    finally:
        server.run("sudo systemctl stop announce-redis")
