"""The dynamic ambassador: a register keeps the server's address in etcd, and the ambassador looks there for each connection."""

from dataclasses import dataclass

import pytest

from fixtures.claims import claim
from fixtures.machines import KEYS, QUORUM, leased, tidied
from testbed.cluster import Cluster
from testbed.faults import blocked
from testbed.leases import Use
from testbed.machine import Machine
from testbed.managers import ANNOUNCED_SECONDS
from testbed.transcript import Result
from tests.cluster.redis_ambassador_drill import clients
from tests.cluster.redis_steps import asked_until, serve
from tests.cluster.steps import do

drilled = pytest.mark.xdist_group("redis-ambassador-dynamic")

ETCD = "172.17.0.1:4001"
"""etcd as containers reach it: at the address of docker0."""
KEY = "services/redis"
LOOK_UP = f"curl -sL http://127.0.0.1:4001/v2/keys/{KEY} | jq -r '.node.nodes[]?.value'"
AMBASSADOR = f"docker run -d --name dynamic --expose 6379 -e ETCD={ETCD} ambassador dynamic-ambassador {KEY} 6379"
STARTED = "docker inspect -f '{{.State.Status}} {{.State.StartedAt}} {{.Id}}' dynamic"
REGISTER = (
    "docker run -d --name register --network host -v /var/run/docker.sock:/var/run/docker.sock "
    f"-e KEY=/{KEY} -e LABEL=announced=redis -e PORT=6379 -e TTL={ANNOUNCED_SECONDS} docker-register"
)
SERVER = "--label announced=redis -p 6379:6379"
MOVED_SECONDS = 20
LOGS = "if it is not there, see `docker ps -a` and `docker logs register`"


def asks(ambassador: str) -> str:
    """A client linked to the ambassador asks on which node its server runs."""
    return f"docker run --rm --link {ambassador}:redis redis redis-cli -h redis get here"


@dataclass(frozen=True)
class Followed:
    """What was seen before a server runs, with it on the first node, without etcd, and with it on the third."""

    key_before: Result
    key_first: Result
    dynamic_first: Result
    dynamic_without_etcd: Result
    static_without_etcd: Result
    key_moved: Result
    dynamic_moved: Result
    static_moved: Result
    ambassador: tuple[Result, Result]
    """The dynamic ambassador's state, before and after."""


@pytest.fixture(scope="module")
def followed(the_cluster: Cluster) -> Followed:
    """Registers on two nodes, between them a client with one dynamic ambassador and, to compare, one with an address."""
    first, client, second = nodes = the_cluster.nodes[:3]
    others = {QUORUM: Use.SHARED, KEYS: Use.ALONE}
    with leased(the_cluster, tuple(node.name for node in nodes), Use.ALONE, others), tidied(*nodes):
        try:
            return _follow(first, client, second)
        finally:
            for node in (first, second):
                node.run("docker rm -f register")
            client.run("curl -sL http://127.0.0.1:4001/v2/keys/services?recursive=true -XDELETE")


def _follow(first: Machine, client: Machine, second: Machine) -> Followed:
    for node in (first, second):
        do(node, REGISTER)
    do(client, AMBASSADOR)
    do(client, clients(first.address).replace("redis_ambassador", "static"))
    started, key_before = do(client, STARTED), client.run(LOOK_UP)
    key_first, dynamic_first = _serve_and_ask(first, client)
    with blocked("INPUT -i docker0 -p tcp --dport 4001", client):
        without_etcd = client.run(asks("dynamic")), client.run(asks("static"))
    do(first, "docker stop redis")
    key_moved, dynamic_moved = _serve_and_ask(second, client)
    return Followed(
        key_before,
        key_first,
        dynamic_first,
        *without_etcd,
        key_moved,
        dynamic_moved,
        static_moved=client.run(asks("static")),
        ambassador=(started, client.run(STARTED)),
    )


def _serve_and_ask(server: Machine, client: Machine) -> tuple[Result, Result]:
    """A server starts on one node; the key, and what the ambassador leads to, as soon as they tell of it, or at the end."""
    serve(server, SERVER)
    do(server, f"docker exec redis redis-cli set here {server}")
    key = asked_until(client, LOOK_UP, server.address, MOVED_SECONDS)
    return key, asked_until(client, asks("dynamic"), server.name, MOVED_SECONDS)


@drilled
@claim("redis-ambassador.dynamic-ambassador")
def test_the_register_keeps_the_servers_address_in_etcd(followed: Followed) -> None:
    """`docker run docker-register`: no key before there is a server, and then one without further words."""
    assert followed.key_before.stdout == "", followed.key_before.expected("no key")
    assert followed.key_first.stdout.endswith(":6379\n"), followed.key_first.expected(f"the server's address; {LOGS} on core-01")


@drilled
@claim("redis-ambassador.dynamic-ambassador")
def test_the_ambassador_leads_where_the_key_says(followed: Followed) -> None:
    """`dynamic-ambassador services/redis 6379`, and a client linked to it."""
    assert followed.dynamic_first.rc == 0, followed.dynamic_first.expected("an answer")
    assert "core-01" in followed.dynamic_first.stdout, followed.dynamic_first.expected("the server on core-01")


@drilled
@claim("redis-ambassador.dynamic-ambassador")
def test_both_follow_a_server_that_moves(followed: Followed) -> None:
    """Stopped on one node and started on another: within 20 s of the start the same ambassador leads there."""
    assert followed.key_moved.stdout != followed.key_first.stdout, followed.key_moved.expected(
        f"the address of the server's new node; {LOGS} on core-03"
    )
    assert followed.dynamic_moved.stdout == "core-03\n", followed.dynamic_moved.expected("the server on core-03")


@drilled
@claim("redis-ambassador.dynamic-ambassador")
def test_nothing_on_the_clients_node_is_touched_for_it(followed: Followed) -> None:
    """The ambassador is the container that it was, and was not started again."""
    before, after = followed.ambassador
    assert after.stdout == before.stdout, after.expected(f"the ambassador as before: {before.stdout}")


@drilled
@claim("redis-ambassador.pattern")
def test_only_the_dynamic_ambassador_needs_etcd(followed: Followed) -> None:
    """etcd's port is blocked for containers of the client's node."""
    without = followed.dynamic_without_etcd
    assert without.rc != 0, without.expected("no answer by the dynamic ambassador")
    assert followed.static_without_etcd.stdout == "core-01\n", followed.static_without_etcd.expected("the server on core-01")


@drilled
@claim("redis-ambassador.pattern")
def test_etcd_spreads_the_configuration_of_the_dynamic_ambassador_only(followed: Followed) -> None:
    """The server moved; the ambassador that was given an address by hand still leads to the old one."""
    assert followed.dynamic_moved.stdout == "core-03\n", followed.dynamic_moved.expected("the server on core-03")
    assert followed.static_moved.rc != 0, followed.static_moved.expected("no answer by the address of the first example")


@claim("redis-ambassador.dynamic-not-as-is")
@pytest.mark.usefixtures("quorum")
def test_etcd_is_not_where_the_example_says(node: Machine) -> None:
    """`172.17.42.1:4001`, docker0's address of 2014; at that of today it answers."""
    ask = "docker run --rm curl curl -sSL --max-time 3 http://{}:4001/v2/machines"
    as_given = node.run(ask.format("172.17.42.1"))
    assert as_given.rc != 0, as_given.expected("no answer at 172.17.42.1")
    today = do(node, "ip -4 -o addr show docker0 | awk '{print $4}'").stdout.partition("/")[0]
    answer = node.run(ask.format(today))
    assert ":2379" in answer.stdout, answer.expected("the machines of etcd's cluster")
