"""What is left of Redis' data after a failure, and how clients find a server that was restarted."""

import pytest

from fixtures.claims import claim
from testbed.machine import Machine
from testbed.transcript import Result
from tests.cluster.redis_restart_drill import kill_process
from tests.cluster.redis_steps import MANY, asked_until, read_many, serve, write_many
from tests.cluster.steps import do

pytestmark = pytest.mark.usefixtures("tidy")

APPEND_ONLY = "redis-server /etc/redis/redis.conf --appendonly yes --appendfsync always"
ADDRESS = "docker inspect -f '{{.NetworkSettings.IPAddress}}' redis"


def written(node: Machine) -> None:
    """A hundred keys are set; raises AssertionError when one is not acknowledged."""
    acknowledged = node.run(f"docker exec redis {write_many()}")
    assert acknowledged.stdout.split() == ["OK"] * len(MANY), acknowledged.expected("a hundred writes acknowledged")


def read(node: Machine) -> Result:
    """The values of those keys; an empty line for each that is not there."""
    return node.run(f"docker exec redis {read_many()}")


@claim("redis-restart.data-lost-without-volume")
def test_a_new_container_starts_without_the_data(docker_host: Machine) -> None:
    """`docker rm -f redis && docker run -d --name redis redis`, without a volume."""
    serve(docker_host)
    written(docker_host)
    do(docker_host, "docker rm -f redis")
    serve(docker_host)
    values = read(docker_host)
    assert values.stdout.split() == [], values.expected("none of the hundred values")


@claim("redis-restart.data-lost-without-volume")
def test_a_crash_loses_what_was_written_since_the_last_save(docker_host: Machine) -> None:
    """The policy `always` restarts the same container, which has its files; without an append-only file they are old."""
    serve(docker_host, "--restart=always")
    written(docker_host)
    kill_process(docker_host, "redis")
    asked_until(docker_host, "docker exec redis redis-cli ping", "PONG")
    values = read(docker_host)
    assert (values.rc, values.stdout.split()) == (0, []), values.expected("none of the hundred values")


@claim("redis-restart.data-kept-with-volume")
def test_a_volume_and_an_append_only_file_keep_every_acknowledged_write(docker_host: Machine) -> None:
    """`-v data:/data`, `--appendonly yes --appendfsync always`; kill -9, and another container with the same volume."""
    serve(docker_host, "-v data:/data", APPEND_ONLY)
    written(docker_host)
    kill_process(docker_host, "redis")
    do(docker_host, "docker wait redis && docker rm redis")
    serve(docker_host, "-v data:/data", APPEND_ONLY)
    values = read(docker_host)
    assert values.stdout.split() == MANY, values.expected("the hundred values")


@claim("redis-restart.ip-may-change")
def test_a_restarted_server_may_have_another_address(docker_host: Machine) -> None:
    """Another container takes the address meanwhile: the client's /etc/hosts follows the server, its environment does not."""
    serve(docker_host)
    do(docker_host, "docker run -d --name client --link redis:redis redis sleep 600")
    before = do(docker_host, ADDRESS).stdout.strip()
    do(docker_host, "docker stop redis && docker run -d busybox sleep 600 && docker start redis")
    after = do(docker_host, ADDRESS).stdout.strip()
    assert after != before, f"{docker_host}: expected another address than {before} after the restart"
    hosts = docker_host.run("docker exec client grep redis /etc/hosts")
    assert hosts.stdout.split()[:2] == [after, "redis"], hosts.expected(f"redis at its new address {after}")
    environment = docker_host.run("docker exec client grep -z REDIS_PORT_6379_TCP_ADDR= /proc/1/environ")
    assert environment.stdout.strip("\0\n").endswith(f"={before}"), environment.expected(f"the old address {before}")
    ping = docker_host.run("docker exec client redis-cli -h redis ping")
    assert ping.stdout == "PONG\n", ping.expected("PONG by the server's name")
