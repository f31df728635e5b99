"""The drill of the ambassadors: a client reaches its server by one on each node; a cut, a crash and a move follow."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fixtures.machines import leased, tidied
from testbed.cluster import Cluster
from testbed.faults import blocked
from testbed.leases import Use
from testbed.machine import DOCKER_PORT, Machine
from testbed.transcript import Result
from tests.cluster.redis_restart_drill import kill_process
from tests.cluster.redis_steps import asked_until, serve
from tests.cluster.steps import do

NAME = "redis-ambassador"
AS_TYPED = "docker run -t -i --link redis:redis --name redis_ambassador -p 6379:6379 ambassador"
SERVERS = AS_TYPED.replace("-t -i", "-d")
"""The server's ambassador, detached."""
CLIENT = "docker run --rm --link redis_ambassador:redis redis redis-cli -h redis"
"""The client, which knows of its own node's ambassador only."""
STAND_IN = "docker exec client timeout 10 redis-cli -h redis"
"""A client whose patience is bounded, beside the real one: it is linked in the same way."""
DOWN_SECONDS = 3
"""So long a server that is down is asked: one that something restarts would be back by then."""
STARTED = "docker inspect -f '{{.State.Status}} {{.State.StartedAt}} {{.Id}}' redis_ambassador"


def clients(address: str) -> str:
    """The command that starts the client's ambassador, detached, with the address of the server's node."""
    return f"docker run -d --name redis_ambassador --expose 6379 -e REDIS_PORT_6379_TCP=tcp://{address}:6379 ambassador"


@dataclass(frozen=True)
class Typed:
    """The server's ambassador as the text types it: what it said until it was removed, and whether it held the terminal."""

    ping: Result
    held_terminal: bool
    published_by_redis: Result


@dataclass(frozen=True)
class Cut:
    """A client's tries during a cut between the nodes and after it; `ambassadors` are the states of both, before and after."""

    during: Result
    after: Result
    ambassadors: tuple[tuple[Result, ...], tuple[Result, ...]]


@dataclass(frozen=True)
class Crash:
    """The server crashed while a client waited, came back at its address, and then at another."""

    waiting: Result
    down: Result
    ambassadors: tuple[Result, ...]
    same_address: Result
    addresses: Result
    other_address: Result
    remade: Result


@dataclass(frozen=True)
class Move:
    """The server went to a third node with its data: a client's tries with the old ambassador and with one made anew."""

    old_ambassador: Result
    new_ambassador: Result


@dataclass(frozen=True)
class Chain:
    """The whole story; its parts in their order."""

    typed: Typed
    processes: tuple[Result, ...]
    """The processes of the server's ambassador and of the client's, and the address that each is to forward to."""
    targets: tuple[str, str]
    set_by_client: Result
    get_at_server: Result
    get_by_stranger: Result
    connections: Result
    """The server's connections while a client waits, and the address of its ambassador."""
    ambassador_address: str
    cut: Cut
    crash: Crash
    move: Move


def run(cluster: Cluster) -> Chain:
    """The drill, on three nodes: the server's, the client's, and a third to which the server moves."""
    nodes = cluster.nodes[:3]
    with leased(cluster, tuple(node.name for node in nodes), Use.ALONE), tidied(*nodes):
        return _drill(*nodes)


def address_of(machine: Machine, container: str) -> str:
    """The container's address on its node's bridge."""
    return do(machine, f"docker inspect -f '{{{{.NetworkSettings.IPAddress}}}}' {container}").stdout.strip()


def _drill(server: Machine, client: Machine, third: Machine) -> Chain:
    serve(server)
    typed = _typed(server, client)
    do(server, SERVERS)
    do(client, clients(server.address))
    do(client, "docker run -d --name client --link redis_ambassador:redis redis sleep 600")
    asked_until(client, f"{STAND_IN} ping", "PONG")
    set_by_client = client.run(f"{CLIENT} set k 4711")
    client.run("docker run -d --name waiting --link redis_ambassador:redis redis redis-cli -h redis blpop nothing 0")
    return Chain(
        typed=typed,
        processes=tuple(node.run("docker top redis_ambassador -o pid,args") for node in (server, client)),
        targets=(address_of(server, "redis"), server.address),
        set_by_client=set_by_client,
        get_at_server=server.run("docker exec redis redis-cli get k"),
        get_by_stranger=third.run(f"docker run --rm redis redis-cli -h {server.address} get k"),
        connections=asked_until(server, "docker exec redis redis-cli client list", "cmd=blpop"),
        ambassador_address=address_of(server, "redis_ambassador"),
        cut=_cut(server, client),
        crash=_crash(server, client),
        move=_move(server, client, third),
    )


def _typed(server: Machine, client: Machine) -> Typed:
    ping = f"docker run --rm redis redis-cli -h {server.address} ping"
    with ThreadPoolExecutor(1) as pool:
        terminal = pool.submit(server.type, AS_TYPED)
        try:
            seen = asked_until(client, ping, "PONG")
            held = not terminal.done()
        finally:
            server.run("docker rm -f redis_ambassador")
    return Typed(seen, held, server.run("docker port redis"))


def _cut(server: Machine, client: Machine) -> Cut:
    before = _ambassadors(server, client)
    there, back = f"FORWARD -s {client.address} -p tcp --dport 6379", f"FORWARD -d {client.address} -p tcp --sport 6379"
    with blocked(there, server), blocked(back, server):
        during = client.run(f"{STAND_IN} ping")
    after = asked_until(client, f"{STAND_IN} ping", "PONG")
    return Cut(during, after, (before, _ambassadors(server, client)))


def _crash(server: Machine, client: Machine) -> Crash:
    do(server, "docker exec redis redis-cli save")
    kill_process(server, "redis")
    waiting = client.run("timeout 10 docker wait waiting; docker logs waiting")
    down, ambassadors = asked_until(client, f"{STAND_IN} ping", "PONG", DOWN_SECONDS), _ambassadors(server, client)
    do(server, "docker start redis")
    same_address = asked_until(client, f"{STAND_IN} get k", "4711")
    do(server, "docker stop redis && docker run -d --name squatter redis sleep 600 && docker start redis")
    asked_until(server, "docker exec redis redis-cli ping", "PONG")
    addresses = server.run("docker inspect -f '{{.Name}} {{.NetworkSettings.IPAddress}}' redis squatter")
    other_address = client.run(f"{STAND_IN} get k")
    do(server, f"docker rm -f redis_ambassador && {SERVERS}")
    remade = asked_until(client, f"{STAND_IN} get k", "4711")
    return Crash(waiting, down, ambassadors, same_address, addresses, other_address, remade)


def _move(server: Machine, client: Machine, third: Machine) -> Move:
    do(third, "docker create --name redis -p 6379:6379 redis")
    do(server, "docker stop redis")  # with a goodbye, so that it saves first
    do(server, f"docker cp redis:/data/dump.rdb - | docker -H tcp://{third.address}:{DOCKER_PORT} cp - redis:/data")
    do(third, "docker start redis")
    asked_until(third, "docker exec redis redis-cli get k", "4711")
    old_ambassador = client.run(f"{CLIENT} get k")
    do(client, f"docker rm -f redis_ambassador && {clients(third.address)}")
    return Move(old_ambassador, asked_until(client, f"{CLIENT} get k", "4711"))


def _ambassadors(server: Machine, client: Machine) -> tuple[Result, ...]:
    return tuple(node.run(STARTED) for node in (server, client))
