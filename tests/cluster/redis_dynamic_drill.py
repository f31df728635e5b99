"""The drill of the dynamic ambassador: it follows a server that starts, loses etcd, and moves to another node."""

from dataclasses import dataclass

from fixtures.machines import leased, tidied
from testbed.cluster import Cluster
from testbed.faults import blocked
from testbed.leases import KEYS, QUORUM, Use
from testbed.machine import Machine
from testbed.managers import ANNOUNCED_SECONDS
from testbed.transcript import Result
from tests.cluster.redis_ambassador_drill import clients
from tests.cluster.redis_steps import asked_until, serve
from tests.cluster.steps import do

NAME = "redis-ambassador-dynamic"
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


def run(cluster: Cluster) -> Followed:
    """Registers on two nodes, between them a client with one dynamic ambassador and, to compare, one with an address."""
    first, client, second = nodes = cluster.nodes[:3]
    others = {QUORUM: Use.SHARED, KEYS: Use.ALONE}
    with leased(cluster, tuple(node.name for node in nodes), Use.ALONE, others), tidied(*nodes):
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
