"""What Docker's restart policies do when Redis, its engine or its node fails."""

import pytest

from fixtures.claims import claim
from testbed.cluster import Cluster
from testbed.machine import Machine
from testbed.wait import settled
from tests.cluster.background.outcome import of_drill
from tests.cluster.redis_restart_drill import NAME, RestartDrill, run

drilled = pytest.mark.xdist_group(NAME)

BACK_SECONDS = 10
CRASHED = 137
NO_SUCH_FILE = "redis-server /no/such.conf"
RESTARTS = "docker inspect -f '{{.RestartCount}} {{.State.Status}}' redis"
CONFLICT = "Conflicting options: --restart and --rm"


@pytest.fixture(scope="module")
def restart_drill(the_cluster: Cluster) -> RestartDrill:
    """Servers with different policies crash or are stopped, then lose their engine, then their node."""
    return of_drill(NAME, lambda: run(the_cluster))


@claim("redis-restart.auto-restart-dangerous")
@pytest.mark.usefixtures("tidy")
def test_always_restarts_a_server_that_can_never_start(docker_host: Machine) -> None:
    """`docker run -d --restart=always` with a configuration that is not there: four times and more, never ready."""
    docker_host.run(f"docker run -d --name redis --restart=always redis {NO_SUCH_FILE}")
    settled(lambda: int(docker_host.quietly(RESTARTS).stdout.split()[0]), lambda restarts: restarts >= 4, seconds=20)
    seen = docker_host.run(f"{RESTARTS}; docker logs redis | grep -c 'Ready to accept'")
    restarts, _, ready = seen.stdout.split()
    assert int(restarts) >= 4, seen.expected("four restarts or more")
    assert ready == "0", seen.expected("a server that is never ready")


@claim("redis-restart.auto-restart-dangerous")
@pytest.mark.usefixtures("tidy")
def test_on_failure_gives_up_after_the_given_number(docker_host: Machine) -> None:
    """`docker run -d --restart=on-failure:3`, the mild form."""
    docker_host.run(f"docker run -d --name redis --restart=on-failure:3 redis {NO_SUCH_FILE}")
    settled(lambda: docker_host.quietly(RESTARTS).stdout, lambda seen: seen == "3 exited\n", seconds=20)
    seen = docker_host.run(RESTARTS)
    assert seen.stdout == "3 exited\n", seen.expected("the server given up after three restarts")


@claim("redis-restart.auto-restart-dangerous")
@pytest.mark.usefixtures("tidy")
def test_automatic_restart_and_removal_exclude_each_other(docker_host: Machine) -> None:
    """`docker run -d --restart=always --rm redis`."""
    started = docker_host.run("docker run -d --restart=always --rm redis")
    assert started.rc == 125, started.expected("exit code 125")
    assert CONFLICT in started.stderr, started.expected(CONFLICT)


@drilled
@claim("redis-restart.dies-without-policy")
def test_a_killed_server_without_a_policy_stays_down(restart_drill: RestartDrill) -> None:
    """`kill -9` of its process; one with the policy `always`, killed after it, is back already."""
    plain = restart_drill.crashed.server("plain")
    assert (plain.status, plain.exit_code, plain.restarts) == ("exited", CRASHED, 0), restart_drill.crashed.seen.expected(
        f"`plain` exited with {CRASHED} and never restarted"
    )


@drilled
@claim("redis-restart.comes-back-with-policy")
def test_a_crashed_server_with_always_is_back_within_seconds(restart_drill: RestartDrill) -> None:
    """`docker run -d --restart=always redis`, and `kill -9` of its process: the same container runs again."""
    before, after = restart_drill.started.server("always"), restart_drill.crashed.server("always")
    seen = restart_drill.crashed
    assert seen.answer.stdout == "PONG\n", seen.answer.expected("PONG again")
    assert seen.seconds < BACK_SECONDS, seen.answer.expected(f"PONG within {BACK_SECONDS} s, not {seen.seconds:.1f} s")
    assert (after.id, after.restarts) == (before.id, 1), seen.seen.expected(f"`always` restarted once, as {before.id}")


@drilled
@claim("redis-restart.docker-kill-does-not-restart")
@pytest.mark.parametrize("name", ["always-killed", "always-stopped", "unless-killed", "unless-stopped"])
def test_no_policy_undoes_what_was_done_by_hand(restart_drill: RestartDrill, name: str) -> None:
    """`docker kill` and `docker stop`; one that crashed after them is back already."""
    server = restart_drill.crashed.server(name)
    assert (server.status, server.restarts) == ("exited", 0), restart_drill.crashed.seen.expected(f"`{name}` exited")


@drilled
@claim("redis-restart.docker-kill-does-not-restart")
@pytest.mark.parametrize(
    ("name", "status"),
    [("always-killed", "running"), ("always-stopped", "running"), ("unless-killed", "exited"), ("unless-stopped", "exited")],
)
def test_a_restarted_engine_forgets_what_was_done_by_hand_only_for_always(
    restart_drill: RestartDrill, name: str, status: str
) -> None:
    """`sudo systemctl restart docker`."""
    seen = restart_drill.engine_restarted
    assert seen.server(name).status == status, seen.seen.expected(f"`{name}` {status}")


@drilled
@claim("redis-restart.engine-restart")
@pytest.mark.parametrize(("name", "status"), [("always", "running"), ("plain", "exited")])
def test_after_a_restart_of_the_engine_only_servers_with_a_policy_run(
    restart_drill: RestartDrill, name: str, status: str
) -> None:
    """`sudo systemctl restart docker`; both ran before it."""
    seen = restart_drill.engine_restarted
    assert seen.server(name).status == status, seen.seen.expected(f"`{name}` {status}")


@drilled
@claim("redis-restart.node-reboot")
def test_after_a_reboot_a_server_with_a_policy_answers_without_a_login(restart_drill: RestartDrill) -> None:
    """Its node's power was gone; nobody has logged in, nor asked the engine for anything."""
    assert restart_drill.answered_without_login, restart_drill.rebooted.seen.expected(
        "`always` to answer before somebody logs in, as an engine does that starts at boot (systemctl is-enabled docker)"
    )


@drilled
@claim("redis-restart.node-reboot")
@pytest.mark.parametrize(("name", "status"), [("always", "running"), ("plain", "exited")])
def test_after_a_reboot_only_servers_with_a_policy_run(restart_drill: RestartDrill, name: str, status: str) -> None:
    """Both ran before it."""
    seen = restart_drill.rebooted
    assert seen.server(name).status == status, seen.seen.expected(f"`{name}` {status}")
