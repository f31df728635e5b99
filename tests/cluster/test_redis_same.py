"""Redis and its clients in containers of one node, joined by links."""

import pytest

from fixtures.claims import as_written, claim
from testbed.cluster import Cluster
from testbed.machine import Machine
from tests.cluster.background.outcome import of_drill
from tests.cluster.redis_same_drill import NAME, PING, Linked, run
from tests.cluster.redis_steps import asked_until, serve

drilled = pytest.mark.xdist_group(NAME)

START = "docker run -d --name redis redis"
# The stock configuration would go to the background, where a container ends, and to a folder that the image lacks.
STOCK = ("-v /var/lib/redis", "redis-server /etc/redis/stock.conf --daemonize no --logfile ''")
CANNOT_LINK = "Cannot link to a non running container"


@pytest.fixture(scope="module")
def linked(the_cluster: Cluster) -> Linked:
    """A server, its clients, and its end."""
    return of_drill(NAME, lambda: run(the_cluster))


@as_written("redis-same.server-starts", fails_with="unknown shorthand flag: 'n' in -name")
@pytest.mark.usefixtures("tidy")
def test_name_with_one_dash_starts_a_server(docker_host: Machine) -> None:
    """`docker run -d -name redis`, with the image redis."""
    started = docker_host.run("docker run -d -name redis redis")
    assert started.rc == 0, started.expected("a server started")


@claim("redis-same.server-starts")
@pytest.mark.usefixtures("tidy")
def test_name_with_two_dashes_starts_a_server(docker_host: Machine) -> None:
    """`docker run -d --name redis redis`."""
    started = docker_host.run(START)
    assert started.rc == 0, started.expected("a server started")
    log = asked_until(docker_host, "docker logs redis", "Ready to accept connections")
    assert "Ready to accept connections" in log.stdout, log.expected("a server that is ready")


@drilled
@claim("redis-same.client-linked-ping")
def test_a_linked_client_gets_an_answer(linked: Linked) -> None:
    """`docker run --rm --link redis:redis redis redis-cli -h redis ping`."""
    assert linked.ping.stdout == "PONG\n", linked.ping.expected("PONG")


@drilled
@claim("redis-same.link-environment")
def test_the_clients_environment_tells_the_servers_address(linked: Linked) -> None:
    """`REDIS_PORT_6379_TCP` and its parts, for the port that the image EXPOSEs."""
    wanted = {
        f"REDIS_PORT_6379_TCP=tcp://{linked.address}:6379",
        f"REDIS_PORT_6379_TCP_ADDR={linked.address}",
        "REDIS_PORT_6379_TCP_PORT=6379",
        "REDIS_PORT_6379_TCP_PROTO=tcp",
    }
    missing = wanted - set(linked.environment.stdout.splitlines())
    assert not missing, linked.environment.expected(f"also {sorted(missing)}")


@drilled
@claim("redis-same.link-environment")
def test_the_clients_hosts_file_tells_the_servers_address(linked: Linked) -> None:
    """The alias `redis` in /etc/hosts."""
    lines = [line.split() for line in linked.hosts.stdout.splitlines()]
    assert [line[0] for line in lines if "redis" in line] == [linked.address], linked.hosts.expected(f"redis at {linked.address}")


@drilled
@claim("redis-same.set-get")
def test_what_one_client_sets_another_reads(linked: Linked) -> None:
    """`redis-cli -h redis set k 4711` in one container, `get k` in another."""
    assert linked.set.stdout == "OK\n", linked.set.expected("OK")
    assert linked.get.stdout == "4711\n", linked.get.expected("what the first client set")


@drilled
@claim("redis-same.not-published")
def test_a_server_without_a_published_port_is_refused_to_other_nodes(linked: Linked) -> None:
    """From another node its node's port 6379 is closed, while a linked client gets PONG."""
    assert linked.ping.stdout == "PONG\n", linked.ping.expected("PONG")
    assert "Connection refused" in linked.from_other_node.stderr, linked.from_other_node.expected("the port closed")


@drilled
@claim("redis-same.server-stopped")
def test_a_client_that_waits_for_a_stopped_server_fails_at_once(linked: Linked) -> None:
    """`docker stop redis`; the client waited for a BLPOP without a time-out."""
    assert "Server closed the connection" in linked.waiting.output, linked.waiting.expected("the connection closed")
    assert linked.waiting.stdout.startswith("1\n"), linked.waiting.expected("the client's exit code to be 1")
    assert linked.waiting.seconds < 2, linked.waiting.expected("an end within two seconds of the server's")


@drilled
@claim("redis-same.server-stopped")
def test_no_new_client_can_be_linked_to_a_stopped_server(linked: Linked) -> None:
    """`docker run --rm --link redis:redis redis redis-cli -h redis ping`."""
    assert linked.new_client.rc == 125, linked.new_client.expected("exit code 125")
    assert CANNOT_LINK in linked.new_client.stderr, linked.new_client.expected(CANNOT_LINK)


@as_written("redis-same.protected-mode", fails_with="Connection refused")
@pytest.mark.usefixtures("tidy")
def test_a_server_with_stock_configuration_answers_other_containers(docker_host: Machine) -> None:
    """`redis-server /etc/redis/stock.conf`, Debian's; and a linked client."""
    serve(docker_host, *STOCK)
    ping = docker_host.run(PING)
    assert ping.stdout == "PONG\n", ping.expected("PONG")


@claim("redis-same.protected-mode")
@pytest.mark.parametrize(
    ("options", "answer"),
    [
        pytest.param("", "Could not connect to Redis at redis:6379: Connection refused", id="stock"),
        pytest.param("--bind 0.0.0.0", "DENIED Redis is running in protected mode", id="on every address"),
        pytest.param("--bind 0.0.0.0 --protected-mode no", "PONG", id="on every address, unprotected"),
    ],
)
@pytest.mark.usefixtures("tidy")
def test_a_server_answers_other_containers_only_when_told_twice(docker_host: Machine, options: str, answer: str) -> None:
    """The stock configuration listens on 127.0.0.1, where it does answer; without that, its protected mode refuses."""
    serve(docker_host, STOCK[0], f"{STOCK[1]} {options}")
    ping = docker_host.run(PING)
    assert answer in ping.output, ping.expected(answer)
