"""run, commit, stop and start: what they do and what their flags mean."""

import pytest

from fixtures.claims import as_written, claim
from testbed.cluster import Cluster
from testbed.faults import stopped
from testbed.machine import Machine
from testbed.plain_http import HTTP
from testbed.wait import settled
from tests.cluster.steps import do

pytestmark = pytest.mark.usefixtures("tidy")


def _state(docker_host: Machine, name: str) -> str:
    return docker_host.run(f"docker inspect -f '{{{{.State.Status}}}}' {name}").stdout.strip()


@claim("docker-commands.run")
def test_each_run_makes_another_container(docker_host: Machine) -> None:
    """```run``` - Run a command in a new container."""
    names = {docker_host.run("docker run busybox hostname").stdout.strip() for _ in range(2)}
    listed = docker_host.run("docker ps -a -q")
    assert len(names) == 2, f"{docker_host}: expected two containers to print their own names, but both printed {names}"
    assert names <= set(listed.stdout.split()), listed.expected(f"the containers {names}")


@as_written("docker-commands.run-background-needs-interactive", fails_with="saw exited")
def test_interactive_flag_puts_a_container_in_the_background(docker_host: Machine) -> None:
    """If you want the command to run in the background then you need to set the interactive flag."""
    run = docker_host.run("docker run -i --name sleeper busybox sleep 1")
    state = _state(docker_host, "sleeper")
    assert state == "running", run.expected(f"the container to run on after the command returned; saw {state}")


@claim("docker-commands.run-background-needs-interactive")
def test_interactive_flag_is_not_what_puts_a_container_in_the_background(docker_host: Machine) -> None:
    """`docker run -i` reads what is typed until the container ends; `docker run -d` returns with nothing to type into."""
    typed = docker_host.run("echo typed | docker run -i --name foreground busybox cat")
    assert (typed.stdout, _state(docker_host, "foreground")) == ("typed\n", "exited"), typed.expected(
        "the line back, at the container's end"
    )
    docker_host.run("docker run -d --name background busybox sleep 600")
    facts = docker_host.run("docker inspect -f '{{.State.Status}} {{.Config.OpenStdin}}' background")
    assert facts.stdout == "running false\n", facts.expected("a container that runs without the interactive flag")


@claim("docker-commands.detach-flag")
def test_detached_container_runs_on_and_can_be_attached_to(docker_host: Machine) -> None:
    """`docker run -d`; `docker attach` brings it to the foreground again."""
    run = docker_host.run("docker run -d --name detached busybox sh -c 'sleep 1; echo done; exit 7'")
    assert _state(docker_host, "detached") == "running", run.expected("the command to return while the container runs")
    attached = docker_host.run("docker attach detached")
    assert (attached.stdout, attached.rc) == ("done\n", 7), attached.expected("its output and exit code")


@claim("docker-commands.restart-flag-1-2")
def test_flag_restarts_a_container_that_died(docker_host: Machine) -> None:
    """`docker run --restart=always`, and its process killed; beside it one without the flag."""
    docker_host.run(
        "docker run -d --restart=always --name revived busybox sleep 600; docker run -d --name dead busybox sleep 600"
    )
    docker_host.run("sudo kill -9 $(docker inspect -f '{{.State.Pid}}' revived dead)")
    form = "{{.RestartCount}} {{.State.Status}}"
    asked = f"docker inspect -f '{form}' revived"
    revived = settled(lambda: docker_host.run(asked), lambda state: state.stdout == "1 running\n", seconds=10)
    assert revived.stdout == "1 running\n", revived.expected("revived to run again, after one restart")
    dead = docker_host.run(f"docker inspect -f '{form} {{{{.State.ExitCode}}}}' dead")
    assert dead.stdout == "0 exited 137\n", dead.expected("the one without the flag to stay as it died")


@claim("docker-commands.commit")
def test_commit_makes_an_image_of_what_changed(docker_host: Machine) -> None:
    """```commit``` - Create a new image from a container's changes. What lies in volumes is not part of it."""
    do(docker_host, "docker run --name changed -v /data busybox sh -c 'echo new >/made; echo new >/data/made'")
    commit = docker_host.run("docker commit changed greeting:changed")
    assert commit.stdout.startswith("sha256:"), commit.expected("the new image's ID")
    seen = docker_host.run("docker run greeting:changed sh -c 'cat /made; ls /data'")
    assert seen.stdout == "new\n", seen.expected("the changed file, and nothing in /data")


@pytest.fixture
def committed(docker_host: Machine) -> str:
    """The repository, `project/greeting`, under which a container was committed on the docker_host."""
    do(docker_host, "docker run --name changed busybox touch /made")
    docker_host.run("docker commit changed project/greeting")
    return "project/greeting"


@as_written("docker-commands.commit-saves-in-repo", fails_with="expected project/greeting in the registry")
def test_commit_saves_in_the_repository_of_all(committed: str, the_cluster: Cluster) -> None:
    """(save it in the repo)"""
    offered = _catalog(the_cluster)
    assert committed in offered, f"services: expected {committed} in the registry, but saw {offered}"


@claim("docker-commands.commit-saves-in-repo")
def test_commit_saves_on_the_local_engine_only(docker_host: Machine, committed: str, the_cluster: Cluster) -> None:
    """`docker commit` names an image on this engine."""
    local = docker_host.run(f"docker images {committed}")
    assert committed in local.stdout, local.expected("the committed image")
    offered = _catalog(the_cluster)
    assert committed not in offered, f"services: expected no {committed} in the registry, but saw {offered}"


def _catalog(cluster: Cluster) -> list[str]:
    answer: dict[str, list[str]] = HTTP.get(f"{cluster.services.registry}/v2/_catalog").json()
    return answer["repositories"]


@claim("docker-commands.stop")
def test_stop_ends_a_running_container(docker_host: Machine) -> None:
    """```stop``` - Stop a running container."""
    docker_host.run("docker run -d --name sleeper busybox sleep 600")
    process = docker_host.run("docker inspect -f '{{.State.Pid}}' sleeper").stdout.strip()
    stop = docker_host.run("docker stop -t 0 sleeper")
    assert _state(docker_host, "sleeper") == "exited", stop.expected("the container to have exited")
    assert not docker_host.host.file(f"/proc/{process}").exists, stop.expected(f"the process {process} to be gone")


@as_written("docker-commands.stop-needs-interactive", fails_with="still running; saw exited")
def test_stop_leaves_what_was_run_without_the_interactive_flag(docker_host: Machine) -> None:
    """(assuming that you initiated a command by calling the ```run``` command with the interactive flag."""
    docker_host.run("docker run -d --name sleeper busybox sleep 600")
    stop, state = docker_host.run("docker stop -t 0 sleeper"), _state(docker_host, "sleeper")
    assert state == "running", stop.expected(f"the container still running; saw {state}")


@claim("docker-commands.stop-needs-interactive")
@pytest.mark.parametrize("flags", ["-d", "-d -i"])
def test_stop_ends_containers_with_and_without_the_interactive_flag(docker_host: Machine, flags: str) -> None:
    """`docker run -d`, `docker run -d -i`, then `docker stop`."""
    docker_host.run(f"docker run {flags} --name sleeper busybox sleep 600")
    stop = docker_host.run("docker stop -t 0 sleeper")
    assert _state(docker_host, "sleeper") == "exited", stop.expected("the container to have exited")


@claim("docker-commands.start")
def test_start_runs_a_stopped_container_with_its_files(docker_host: Machine) -> None:
    """```start``` - Restart a ```stop```ped container."""
    docker_host.run(
        "docker run -d --name sleeper busybox sleep 600 && docker exec sleeper touch /made && docker stop -t 0 sleeper"
    )
    start = docker_host.run("docker start sleeper")
    assert _state(docker_host, "sleeper") == "running", start.expected("the container to run")
    files = docker_host.run("docker exec sleeper ls /made")
    assert files.rc == 0, files.expected("the file that was made before the stop")


@pytest.fixture
def exited(docker_host: Machine) -> str:
    """The name of a container whose command has exited, with 0."""
    docker_host.run("docker run --name exited busybox echo hello")
    return "exited"


@as_written("docker-commands.start-cannot-start-exited", fails_with="exit code 0")
def test_exited_container_cannot_be_started(docker_host: Machine, exited: str) -> None:
    """You cannot start a command that has exited."""
    start = docker_host.run(f"docker start {exited}")
    assert start.rc != 0, start.expected("a refusal")


@claim("docker-commands.start-cannot-start-exited")
def test_start_runs_an_exited_command_once_more(docker_host: Machine, exited: str) -> None:
    """`docker start -a`, and its output is in the logs twice."""
    start = docker_host.run(f"docker start -a {exited}")
    logs = docker_host.run(f"docker logs {exited}")
    assert (start.stdout, logs.stdout) == ("hello\n", "hello\nhello\n"), logs.expected("the output of two runs")


@claim("docker-commands.restart-flag")
def test_docker_restarts_as_often_as_the_flag_says(docker_host: Machine) -> None:
    """(docker provides a restart flag)"""
    docker_host.run("docker run -d --restart=on-failure:2 --name failing busybox false")
    asked = "docker inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.RestartCount}} {{.State.Status}}' failing"
    restarted = settled(lambda: docker_host.run(asked), lambda state: state.stdout == "on-failure 2 exited\n", seconds=10)
    assert restarted.stdout == "on-failure 2 exited\n", restarted.expected("two restarts, and then none")


@claim("docker-commands.auto-restart-carefully")
@pytest.mark.breaks_quorum
def test_engine_that_returns_starts_what_runs_elsewhere_by_then(node: Machine, boot2docker: Machine) -> None:
    """Auto-restart must be considered carefully when working with CoreOS. The manager's part is played by hand here."""
    service = "docker run -d --name service-{0} --restart={0} --stop-signal=KILL busybox sleep 600"
    node.run(f"{service.format('always')}; {service.format('no')}")
    # The sockets first: systemd starts none for a service that runs already.
    with stopped("docker-tcp.socket docker.socket docker.service", node):
        boot2docker.run(f"{service.format('always')}; {service.format('no')}")
    listing = "docker ps --format '{{.Names}}'"
    returned = settled(lambda: node.run(listing), lambda listed: listed.rc == 0, seconds=20)  # its start is queued
    elsewhere = boot2docker.run(listing)
    assert {"service-always", "service-no"} <= set(elsewhere.stdout.split()), elsewhere.expected("both services")
    assert returned.stdout == "service-always\n", returned.expected("the service with the flag, a second time, and no other")
