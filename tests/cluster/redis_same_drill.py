"""The drill behind test_redis_same.py: a server, clients linked to it, and one on another node."""

from dataclasses import dataclass

from testbed.cluster import Cluster
from testbed.transcript import Result
from tests.cluster.redis_steps import asked_until, serve
from tests.cluster.steps import do, nodes_alone

NAME = "redis-same"

LINKED = "docker run --rm --link redis:redis redis"
PING = f"{LINKED} redis-cli -h redis ping"


@dataclass(frozen=True)
class Linked:
    """What clients of a server saw while it ran, linked to it and from another node, and when it was stopped."""

    address: str
    ping: Result
    from_other_node: Result
    environment: Result
    hosts: Result
    set: Result
    get: Result
    waiting: Result
    """The exit code and the words of a client that waited for an answer when the server was stopped."""
    new_client: Result


def run(cluster: Cluster) -> Linked:
    """`docker run -d --name redis redis`, `docker run --link redis:redis`, `docker stop redis`."""
    with nodes_alone(cluster, 2) as (node, other):
        serve(node)
        address = do(node, "docker inspect -f '{{.NetworkSettings.IPAddress}}' redis").stdout.strip()
        ping, from_other_node = node.run(PING), other.run(f"docker run --rm redis redis-cli -h {node.address} ping")
        environment, hosts = node.run(f"{LINKED} env"), node.run(f"{LINKED} cat /etc/hosts")
        setting, getting = node.run(f"{LINKED} redis-cli -h redis set k 4711"), node.run(f"{LINKED} redis-cli -h redis get k")
        do(node, "docker run -d --name waiting --link redis:redis redis redis-cli -h redis blpop nothing 0")
        asked_until(node, "docker exec redis redis-cli client list", "cmd=blpop")
        do(node, "docker stop redis")
        waiting = node.run("timeout 10 docker wait waiting; docker logs waiting")
        return Linked(address, ping, from_other_node, environment, hosts, setting, getting, waiting, node.run(PING))
