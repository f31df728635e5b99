"""Redis on one node, its clients on others: by a published port, by no link and no inner address, by etcd, and through a cut."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from fixtures.claims import claim
from fixtures.machines import leased, tidied
from testbed.cluster import Cluster
from testbed.faults import blocked
from testbed.leases import KEYS, QUORUM, Use
from testbed.machine import Machine
from testbed.managers import ANNOUNCED_SECONDS
from testbed.transcript import Result
from tests.cluster.redis_steps import MANY, asked_until, read_many, serve, write_many
from tests.cluster.steps import do

pytestmark = pytest.mark.xdist_group("redis-different")

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


@pytest.fixture(scope="module")
def both(the_cluster: Cluster) -> tuple[Different, Found]:
    """One server serves both stories."""
    nodes = the_cluster.nodes[:3]
    names = tuple(node.name for node in nodes)
    with leased(the_cluster, names, Use.ALONE, {QUORUM: Use.SHARED, KEYS: Use.ALONE}), tidied(*nodes):
        for node in nodes:
            do(node, "docker run -d --name client redis sleep 600")
        serve(nodes[0], "-p 6379:6379")
        return _different(*nodes), _found(*nodes)


@pytest.fixture
def different(both: tuple[Different, Found]) -> Different:
    return both[0]


@pytest.fixture
def found(both: tuple[Different, Found]) -> Found:
    return both[1]


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


@claim("redis-different.published-port")
def test_clients_on_other_nodes_reach_a_published_port(different: Different) -> None:
    """`docker run -d --name redis -p 6379:6379 redis`; what one node's client sets another's reads."""
    for ping in different.pings:
        assert ping.stdout == "PONG\n", ping.expected("PONG")
    written = f"on {different.pings[0].machine}\n"
    assert different.get_on_third_node.stdout == written, different.get_on_third_node.expected(written)


@claim("redis-different.link-not-across-hosts")
def test_a_link_finds_no_container_of_another_node(different: Different) -> None:
    """`docker run --rm --link redis:redis redis redis-cli -h redis ping`, on a node without such a container."""
    said = "could not get container for redis: No such container: redis"
    assert different.by_link.rc == 125, different.by_link.expected("exit code 125")
    assert said in different.by_link.stderr, different.by_link.expected(said)


@claim("redis-different.container-ip-not-routed")
def test_the_containers_own_address_leads_nowhere_from_another_node(different: Different) -> None:
    """By the node's address the same client gets PONG."""
    assert different.pings[0].stdout == "PONG\n", different.pings[0].expected("PONG by the node's address")
    assert different.by_container_address.rc != 0, different.by_container_address.expected("no answer")


@claim("redis-different.find-by-etcd")
def test_clients_find_the_server_by_its_key_in_etcd(found: Found) -> None:
    """One script on every node, which knows the key and no address."""
    here = found.moved[1].machine
    for seen in found.first:
        assert seen.stdout == f"{here}\n", seen.expected(f"the server on {here}")


@claim("redis-different.find-by-etcd")
def test_the_key_of_a_stopped_server_expires(found: Found) -> None:
    """Nobody renews it; a client finds no address, rather than an old one."""
    assert "null" in found.gone.output, found.gone.expected("no address")


@claim("redis-different.find-by-etcd")
def test_clients_find_a_server_that_moved(found: Found) -> None:
    """The same script, when the server runs on another node and is announced there."""
    here = found.first[1].machine
    for seen in found.moved:
        assert seen.stdout == f"{here}\n", seen.expected(f"the server on {here}")


@claim("redis-different.network-partition")
def test_a_cut_in_the_network_stops_the_client(different: Different) -> None:
    """While nothing for redis passes between the two nodes, it gets no answer within 3 s."""
    assert different.cut.rc != 0, different.cut.expected("no answer")
    assert different.cut.stdout == "", different.cut.expected("no answer")


@claim("redis-different.network-partition")
def test_after_a_cut_all_data_is_there(different: Different) -> None:
    """The hundred keys that were acknowledged before it."""
    assert different.written.stdout.split() == ["OK"] * len(MANY), different.written.expected("a hundred writes acknowledged")
    assert different.mended.stdout.split() == MANY, different.mended.expected("the hundred values")
