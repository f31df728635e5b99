"""Ambassadors: a small proxy on the server's node and one on the client's, with an address that was given to it by hand."""

import pytest

from fixtures.claims import as_written, claim
from testbed.cluster import Cluster
from testbed.machine import Machine
from tests.cluster.background.outcome import of_drill
from tests.cluster.redis_ambassador_drill import NAME, Chain, clients, run
from tests.cluster.steps import do

drilled = pytest.mark.xdist_group(NAME)

PING = "docker run --rm --link redis_ambassador:redis redis redis-cli -h redis ping"
ONE_DASH = "unknown shorthand flag: 'n' in -name"
CLOSED = "Server closed the connection"
SERVERS, CLIENTS = 0, 1


@pytest.fixture(scope="module")
def chain(the_cluster: Cluster) -> Chain:
    """A client reaches its server by an ambassador on each node; a cut, a crash and a move follow."""
    return of_drill(NAME, lambda: run(the_cluster))


@as_written("redis-ambassador.server-single-dash-name", fails_with=ONE_DASH)
@pytest.mark.usefixtures("tidy")
def test_the_server_is_started_by_name_with_one_dash(docker_host: Machine) -> None:
    """`docker run -d -name redis`, with the image redis."""
    started = docker_host.run("docker run -d -name redis redis")
    assert started.rc == 0, started.expected("a server started")


@claim("redis-ambassador.server-single-dash-name")
@pytest.mark.usefixtures("tidy")
def test_name_with_one_dash_is_refused_and_with_two_is_taken(docker_host: Machine) -> None:
    """`docker run -d --name redis redis`."""
    refused = docker_host.run("docker run -d -name redis redis")
    assert (refused.rc, ONE_DASH in refused.stderr) == (125, True), refused.expected(f"exit code 125 and {ONE_DASH}")
    started = docker_host.run("docker run -d --name redis redis && docker ps -a --format '{{.Names}}'")
    assert started.stdout.splitlines()[1:] == ["redis"], started.expected("this server as the only container")


@claim("redis-ambassador.socat-and-sed")
@pytest.mark.usefixtures("tidy")
def test_an_ambassador_without_an_address_ends(docker_host: Machine) -> None:
    """Neither `--link` nor `-e REDIS_PORT_6379_TCP`."""
    ran = docker_host.run("docker run --name redis_ambassador -p 6379:6379 ambassador")
    assert ran.rc == 1, ran.expected("exit code 1")
    assert "no variable *_PORT_*_TCP" in ran.stderr, ran.expected("what it lacks")


@drilled
@claim("redis-ambassador.socat-and-sed")
@pytest.mark.parametrize("which", [SERVERS, CLIENTS], ids=["the server's", "the client's"])
def test_an_ambassador_is_one_socat_made_of_the_links_variable(chain: Chain, which: int) -> None:
    """`REDIS_PORT_6379_TCP`, by the link on the server's node and by hand on the client's."""
    processes, wanted = (
        chain.processes[which],
        f"socat TCP4-LISTEN:6379,fork,reuseaddr TCP4:{chain.targets[which]}:6379,connect-timeout=2",
    )
    # Each connection that is open has a child, of the same words.
    found = {line.split(maxsplit=1)[1] for line in processes.stdout.splitlines() if " socat " in line}
    assert found == {wanted}, processes.expected(wanted)


@drilled
@claim("redis-ambassador.server-ambassador")
def test_the_servers_ambassador_publishes_what_the_server_does_not(chain: Chain) -> None:
    """`docker run -t -i --link redis:redis --name redis_ambassador -p 6379:6379`, and a client on another node."""
    assert chain.typed.ping.stdout == "PONG\n", chain.typed.ping.expected("PONG")
    assert chain.typed.published_by_redis.stdout == "", chain.typed.published_by_redis.expected("no port of redis itself")


@drilled
@claim("redis-ambassador.server-ambassador")
def test_with_t_and_i_the_ambassador_holds_the_terminal(chain: Chain) -> None:
    """The command had not ended when the client had its answer; in the rest of the story it is detached."""
    assert chain.typed.held_terminal, chain.typed.ping.expected("`docker run -t -i` to be still running on the server's node")


@as_written("redis-ambassador.client-ambassador", fails_with=CLOSED)
@pytest.mark.usefixtures("tidy")
def test_the_servers_address_is_172_17_8_104(node: Machine) -> None:
    """`docker run --name redis_ambassador --expose 6379 -e REDIS_PORT_6379_TCP=tcp://172.17.8.104:6379`."""
    do(node, clients("172.17.8.104"))
    ping = node.run(PING)
    assert ping.stdout == "PONG\n", ping.expected("PONG")


@drilled
@claim("redis-ambassador.client-ambassador")
def test_the_clients_ambassador_is_given_the_address_of_the_servers_node(chain: Chain) -> None:
    """`-e REDIS_PORT_6379_TCP=tcp://ADDRESS:6379`; by it the client's write comes to the server."""
    target = f"TCP4:{chain.targets[CLIENTS]}:6379"
    assert target in chain.processes[CLIENTS].stdout, chain.processes[CLIENTS].expected(target)
    assert chain.get_at_server.stdout == "4711\n", chain.get_at_server.expected("the value that the client set")


@drilled
@claim("redis-ambassador.client-linked-to-ambassador")
def test_a_client_linked_to_its_ambassador_talks_to_the_server(chain: Chain) -> None:
    """`docker run --rm --link redis_ambassador:redis`, with `redis-cli -h redis set k 4711`; read on the server itself."""
    assert chain.set_by_client.stdout == "OK\n", chain.set_by_client.expected("OK")
    assert chain.get_at_server.stdout == "4711\n", chain.get_at_server.expected("the value that the client set")


@as_written("redis-ambassador.mission", fails_with=CLOSED)
@drilled
def test_ambassadors_keep_the_service_through_a_failure(chain: Chain) -> None:
    """High availability: the server is killed, and the client asks for another answer."""
    assert chain.crash.down.stdout == "PONG\n", chain.crash.down.expected("PONG")


@drilled
@claim("redis-ambassador.mission")
def test_after_a_cut_new_connections_work_through_the_same_ambassadors(chain: Chain) -> None:
    """No packet for redis between the nodes; then again. Neither ambassador was started anew."""
    cut = chain.cut
    assert "PONG" not in cut.during.stdout, cut.during.expected("no answer during the cut")
    assert cut.after.stdout == "PONG\n", cut.after.expected("PONG after the cut")
    for before, after in zip(*cut.ambassadors, strict=True):
        assert after.stdout == before.stdout, after.expected(f"the ambassador as before: {before.stdout}")


@drilled
@claim("redis-ambassador.mission")
def test_an_ambassador_gives_no_second_server(chain: Chain) -> None:
    """While the server is down there is no answer; when it is back there is."""
    assert chain.crash.down.rc != 0, chain.crash.down.expected("no answer without the server")
    assert chain.crash.same_address.stdout == "4711\n", chain.crash.same_address.expected(
        "the value, from the server that is back"
    )


@drilled
@claim("redis-ambassador.server-crashes")
def test_a_crash_ends_the_clients_connection_while_the_ambassadors_stay(chain: Chain) -> None:
    """`kill -9` of the server's process, while the client waits for a BLPOP."""
    assert CLOSED in chain.crash.waiting.output, chain.crash.waiting.expected(CLOSED)
    for ambassador in chain.crash.ambassadors:
        assert ambassador.stdout.startswith("running"), ambassador.expected("the ambassador running")


@drilled
@claim("redis-ambassador.server-crashes")
def test_a_server_that_returns_at_its_address_is_found_again(chain: Chain) -> None:
    """`docker start redis`, and nothing else."""
    assert chain.crash.same_address.stdout == "4711\n", chain.crash.same_address.expected("the value that was saved")


@drilled
@claim("redis-ambassador.server-crashes")
def test_a_server_that_returns_at_another_address_needs_a_new_ambassador(chain: Chain) -> None:
    """Another container has taken its address; the server's ambassador has the old one in its socat."""
    crash = chain.crash
    now = crash.addresses.stdout.split()
    assert now[1] != chain.targets[SERVERS] == now[3], crash.addresses.expected(f"{chain.targets[SERVERS]} taken by the other")
    assert "4711" not in crash.other_address.stdout, crash.other_address.expected("no answer by the old ambassador")
    assert crash.remade.stdout == "4711\n", crash.remade.expected("the value, by an ambassador made anew")


@drilled
@claim("redis-ambassador.transparent-to-client")
def test_when_the_server_moves_only_the_clients_ambassador_is_replaced(chain: Chain) -> None:
    """`docker rm -f redis_ambassador`, one of the same name with the new address, and the client's command as before."""
    move = chain.move
    assert move.new_ambassador.stdout == "4711\n", move.new_ambassador.expected("the value, from the server's new node")


@drilled
@claim("redis-ambassador.criticisms")
def test_the_address_is_fixed(chain: Chain) -> None:
    """The server runs on another node, and the client's ambassador leads to the old one until somebody replaces it."""
    assert CLOSED in chain.move.old_ambassador.stderr, chain.move.old_ambassador.expected(CLOSED)


@drilled
@claim("redis-ambassador.criticisms")
def test_there_are_two_more_hops_which_hide_the_client(chain: Chain) -> None:
    """To the server its clients all have the address of its ambassador, and each is a connection more on either node."""
    waiting = [line.split()[1] for line in chain.connections.stdout.splitlines() if "cmd=blpop" in line]
    wanted = f"addr={chain.ambassador_address}:"
    assert any(address.startswith(wanted) for address in waiting), chain.connections.expected(
        f"a client that waits, with {wanted}"
    )


@drilled
@claim("redis-ambassador.criticisms")
def test_nobody_looks_whether_the_server_lives_and_there_is_no_other(chain: Chain) -> None:
    """It is down; both ambassadors run all the same, and take connections that lead nowhere."""
    assert CLOSED in chain.crash.down.stderr, chain.crash.down.expected(CLOSED)
    for ambassador in chain.crash.ambassadors:
        assert ambassador.stdout.startswith("running"), ambassador.expected("the ambassador running")


@drilled
@claim("redis-ambassador.criticisms")
def test_whoever_knows_the_node_is_let_in(chain: Chain) -> None:
    """A client of a third node, without an ambassador and a password, reads the value at the published port."""
    assert chain.get_by_stranger.stdout == "4711\n", chain.get_by_stranger.expected("the value")
