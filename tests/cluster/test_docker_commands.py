"""build, run, commit, stop and start: what they do and what their flags mean."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from fixtures.claims import as_written, claim
from fixtures.machines import leased, tidied
from testbed.cluster import Cluster
from testbed.faults import stopped
from testbed.leases import Use
from testbed.machine import Machine
from testbed.plain_http import HTTP
from testbed.transcript import Result
from testbed.wait import WaitTimeout, wait_until
from tests.cluster.steps import do

pytestmark = pytest.mark.usefixtures("tidy")
drilled = pytest.mark.xdist_group("docker-commands")

DOCKERFILE = """\
FROM busybox
ENV GREETING=hello
RUN head -c 20000000 /dev/urandom >/twenty
CMD echo $GREETING
"""
MADE_STEPS = 3  # FROM takes an image that is there
TWENTY_MB = 20_000_000
BUILDKIT = "DOCKER_BUILDKIT=1 DOCKER_CONFIG=/tmp/buildkit"  # the client writes an ID of its own there


@dataclass(frozen=True)
class Build:
    """A build, and what it added to the engine: images, those of single steps too, and containers, each with their bytes."""

    output: Result
    layers: int
    images: int
    image_bytes: int
    containers: int
    container_bytes: int


@dataclass(frozen=True)
class Stop:
    """How a container was stopped: the signals, each with its seconds after the first, and the exit code."""

    signals: dict[str, float]
    exit_code: int
    events: Result


@dataclass(frozen=True)
class Drill:
    """The same Dockerfile built in four ways, and three containers stopped."""

    kept: Build
    removed: Build
    again: Build
    buildkit: Build
    default: Stop
    two_seconds: Stop
    obedient: Stop


@pytest.fixture(scope="module")
def drill(the_cluster: Cluster) -> Drill:
    """Builds on a node, while `docker stop` waits there for the end of its grace period."""
    with leased(the_cluster, ("core-03",), Use.ALONE) as held, tidied(*held.values()):
        node = held["core-03"]
        node.run("docker run -d --name default busybox sleep 600")
        node.run("docker run -d --name two-seconds busybox sleep 600")
        node.run("docker run -d --name obedient busybox sh -c 'trap \"exit 7\" TERM; echo ready; sleep 600 & wait'")
        wait_until(lambda: node.run("docker logs obedient").stdout, "obedient: ready for SIGTERM", seconds=10)
        node.run("(docker stop default & docker stop -t 2 two-seconds & docker stop obedient) >/dev/null 2>&1 &")
        try:
            return Drill(
                kept=_build(node, "docker build --no-cache --rm=false"),
                removed=_build(node, "docker build --no-cache --rm"),
                again=_build(node, "docker build --rm"),
                buildkit=_build(node, f"{BUILDKIT} docker build --no-cache"),
                obedient=_stop(node, "obedient"),
                two_seconds=_stop(node, "two-seconds"),
                default=_stop(node, "default"),
            )
        finally:
            node.run("docker builder prune -af; rm -r /tmp/buildkit")


def _build(node: Machine, command: str) -> Build:
    before = _images(node)
    output = node.run(f"{command} -t greeting - <<'END'\n{DOCKERFILE}END")
    after = _images(node)
    layers = len(node.docker.images.get("greeting").attrs["RootFS"]["Layers"])
    base = len(node.docker.images.get("busybox").attrs["RootFS"]["Layers"])
    return Build(output, layers - base, *(now - then for now, then in zip(after, before, strict=True)))


def _images(node: Machine) -> tuple[int, int, int, int]:
    """Images and their bytes, containers and their bytes."""
    used = node.docker.api.df()
    containers = used["Containers"] or []
    written = sum(container.get("SizeRw", 0) for container in containers)
    return len(node.docker.api.images(all=True)), used["LayersSize"], len(containers), written


def _stop(node: Machine, name: str) -> Stop:
    container = node.docker.containers.get(name)
    form = "{{.Action}} {{.TimeNano}} {{.Actor.Attributes.signal}}"
    ask = f"docker events --since 10m --until 0s --filter container={container.id} --format '{form}' | grep -E 'kill|stop'"
    wait_until(lambda: "stop" in node.quietly(ask).stdout, f"{name}: has been stopped", seconds=30)
    events = node.run(ask)
    kills = [line.split() for line in events.stdout.splitlines() if line.startswith("kill")]
    began = int(kills[0][1])
    signals = {signal: (int(time) - began) / 1e9 for _, time, signal in kills}
    container.reload()
    return Stop(signals, container.attrs["State"]["ExitCode"], events)


def _state(node: Machine, name: str) -> str:
    return node.run(f"docker inspect -f '{{{{.State.Status}}}}' {name}").stdout.strip()


def _comes_true(condition: Callable[[], bool], what: str) -> bool:
    """Whether it does within ten seconds; for what a claim says, where a time-out would accuse the testbed."""
    try:
        return wait_until(condition, what, seconds=10)
    except WaitTimeout:
        return False


@pytest.fixture
def source(node: Machine) -> Iterator[str]:
    """A folder on the node with a Dockerfile and the source that it copies."""
    folder = do(node, "mktemp -d").stdout.strip()
    node.run(f"echo 'echo made from source' >{folder}/greet")
    node.run(f"printf 'FROM busybox\\nCOPY greet /\\nCMD sh /greet\\n' >{folder}/Dockerfile")
    yield folder
    node.run(f"rm -r {folder}")


@claim("docker-commands.build")
def test_build_makes_an_image_of_dockerfile_and_source(node: Machine, source: str) -> None:
    """```build``` - Build a new image from the source code (Dockerfile)."""
    build = node.run(f"docker build -t greeting {source}")
    assert build.rc == 0, build.expected("an image")
    greeting = node.run("docker run --rm greeting")
    assert greeting.stdout == "made from source\n", greeting.expected("what the source prints")


@drilled
@as_written("docker-commands.build-each-task-image-file", fails_with="made 1")
def test_each_instruction_makes_an_image_file(drill: Drill) -> None:
    """Each task in the Dockerfile creates a separate image file."""
    build = drill.removed
    assert build.layers == MADE_STEPS, build.output.expected(
        f"a layer of each of {MADE_STEPS} instructions; they made {build.layers}"
    )


@drilled
@claim("docker-commands.build-each-task-image-file")
def test_legacy_builder_makes_a_record_of_each_and_layers_of_files_only(drill: Drill) -> None:
    """ENV and CMD change no file, RUN does; BuildKit keeps no record but the last."""
    legacy, buildkit = drill.removed, drill.buildkit
    assert (legacy.images, legacy.layers) == (MADE_STEPS, 1), legacy.output.expected("three images with one layer more")
    assert (buildkit.images, buildkit.layers) == (1, 1), buildkit.output.expected("one image with one layer more")


@as_written("docker-commands.build-single-dash-rm", fails_with="unknown shorthand flag: 'r' in -rm")
def test_build_takes_the_flag_rm_with_one_dash(node: Machine, source: str) -> None:
    """Using the ```-rm``` flag."""
    build = node.run(f"docker build -rm -t greeting {source}")
    assert build.rc == 0, build.expected("an image")


@claim("docker-commands.build-single-dash-rm")
def test_build_takes_rm_with_two_dashes_only(node: Machine, source: str) -> None:
    """`docker build --rm`."""
    one = node.run(f"docker build -rm -t one {source}")
    assert (one.rc, node.run("docker images -q one").stdout) == (125, ""), one.expected("exit code 125 and no image")
    two = node.run(f"docker build --rm -t two {source}")
    assert two.rc == 0, two.expected("an image")


@drilled
@as_written("docker-commands.rm-deletes-intermediate", fails_with="it added 3")
def test_rm_deletes_the_intermediate_images(drill: Drill) -> None:
    """Using the ```-rm``` flag deletes the intermediate images."""
    build = drill.removed
    assert build.images == 1, build.output.expected(f"one image more; it added {build.images}")


@drilled
@claim("docker-commands.rm-deletes-intermediate")
def test_rm_deletes_the_intermediate_containers(drill: Drill) -> None:
    """`docker build --rm=false` keeps a container for each step; the images stay either way."""
    kept, removed = drill.kept, drill.removed
    assert kept.containers == MADE_STEPS, kept.output.expected(f"a container left of each step, not {kept.containers}")
    assert removed.containers == 0, removed.output.expected(f"no container left, not {removed.containers}")
    assert removed.images == kept.images, removed.output.expected(f"{kept.images} images as without --rm, not {removed.images}")


@drilled
@as_written("docker-commands.rm-saves-space", fails_with="fewer than 20000000 bytes of images, not 20000000")
def test_rm_makes_smaller_images(drill: Drill) -> None:
    """Saving space."""
    with_rm, without = drill.removed.image_bytes, drill.kept.image_bytes
    assert with_rm < without, drill.removed.output.expected(f"fewer than {without} bytes of images, not {with_rm}")


@drilled
@claim("docker-commands.rm-saves-space")
def test_rm_saves_what_the_containers_wrote(drill: Drill) -> None:
    """The RUN step writes 20 MB: into its container and, by a commit, into the image."""
    kept, removed = drill.kept, drill.removed
    assert removed.image_bytes == kept.image_bytes, removed.output.expected(
        f"{kept.image_bytes} bytes, not {removed.image_bytes}"
    )
    saved = kept.container_bytes - removed.container_bytes
    assert saved >= TWENTY_MB, removed.output.expected(f"20 MB less in containers, not {saved} bytes")


@drilled
@as_written("docker-commands.rm-makes-builds-slower", fails_with="Using cache")
def test_build_after_rm_does_everything_again(drill: Drill) -> None:
    """But subsequent builds will take longer."""
    output = drill.again.output
    assert output.stdout.count("---> Running in") == MADE_STEPS, output.expected("every step to be run again")


@drilled
@claim("docker-commands.rm-makes-builds-slower")
def test_build_after_rm_takes_everything_from_the_cache(drill: Drill) -> None:
    """`docker build --rm`, for the second time."""
    output = drill.again.output
    assert output.stdout.count("---> Using cache") == MADE_STEPS, output.expected("every step to come from the cache")
    assert drill.again.images == 0, output.expected(f"no new image, not {drill.again.images}")


@claim("docker-commands.run")
def test_each_run_makes_another_container(node: Machine) -> None:
    """```run``` - Run a command in a new container."""
    names = {node.run("docker run busybox hostname").stdout.strip() for _ in range(2)}
    listed = node.run("docker ps -a -q")
    assert len(names) == 2, f"{node}: expected two containers to print their own names, but both printed {names}"
    assert names <= set(listed.stdout.split()), listed.expected(f"the containers {names}")


@as_written("docker-commands.run-background-needs-interactive", fails_with="saw exited")
def test_interactive_flag_puts_a_container_in_the_background(node: Machine) -> None:
    """If you want the command to run in the background then you need to set the interactive flag."""
    run = node.run("docker run -i --name sleeper busybox sleep 1")
    state = _state(node, "sleeper")
    assert state == "running", run.expected(f"the container to run on after the command returned; saw {state}")


@claim("docker-commands.run-background-needs-interactive")
def test_interactive_flag_is_not_what_puts_a_container_in_the_background(node: Machine) -> None:
    """`docker run -i` reads what is typed until the container ends; `docker run -d` returns with nothing to type into."""
    typed = node.run("echo typed | docker run -i --name foreground busybox cat")
    assert (typed.stdout, _state(node, "foreground")) == ("typed\n", "exited"), typed.expected(
        "the line back, at the container's end"
    )
    node.run("docker run -d --name background busybox sleep 600")
    facts = node.run("docker inspect -f '{{.State.Status}} {{.Config.OpenStdin}}' background")
    assert facts.stdout == "running false\n", facts.expected("a container that runs without the interactive flag")


@claim("docker-commands.detach-flag")
def test_detached_container_runs_on_and_can_be_attached_to(node: Machine) -> None:
    """`docker run -d`; `docker attach` brings it to the foreground again."""
    run = node.run("docker run -d --name detached busybox sh -c 'sleep 1; echo done; exit 7'")
    assert _state(node, "detached") == "running", run.expected("the command to return while the container runs")
    attached = node.run("docker attach detached")
    assert (attached.stdout, attached.rc) == ("done\n", 7), attached.expected("its output and exit code")


@claim("docker-commands.restart-flag-1-2")
def test_flag_restarts_a_container_that_died(node: Machine) -> None:
    """`docker run --restart=always`, and its process killed; beside it one without the flag."""
    node.run("docker run -d --restart=always --name revived busybox sleep 600; docker run -d --name dead busybox sleep 600")
    node.run("sudo kill -9 $(docker inspect -f '{{.State.Pid}}' revived dead)")
    form = "{{.RestartCount}} {{.State.Status}}"
    assert _comes_true(lambda: node.run(f"docker inspect -f '{form}' revived").stdout == "1 running\n", "revived"), node.run(
        "docker ps -a"
    ).expected("revived to run again, after one restart")
    dead = node.run(f"docker inspect -f '{form} {{{{.State.ExitCode}}}}' dead")
    assert dead.stdout == "0 exited 137\n", dead.expected("the one without the flag to stay as it died")


@claim("docker-commands.commit")
def test_commit_makes_an_image_of_what_changed(node: Machine) -> None:
    """```commit``` - Create a new image from a container's changes. What lies in volumes is not part of it."""
    do(node, "docker run --name changed -v /data busybox sh -c 'echo new >/made; echo new >/data/made'")
    commit = node.run("docker commit changed greeting:changed")
    assert commit.stdout.startswith("sha256:"), commit.expected("the new image's ID")
    seen = node.run("docker run greeting:changed sh -c 'cat /made; ls /data'")
    assert seen.stdout == "new\n", seen.expected("the changed file, and nothing in /data")


@pytest.fixture
def committed(node: Machine) -> str:
    """The repository, `project/greeting`, under which a container was committed on the node."""
    do(node, "docker run --name changed busybox touch /made")
    node.run("docker commit changed project/greeting")
    return "project/greeting"


@as_written("docker-commands.commit-saves-in-repo", fails_with="expected project/greeting in the registry")
def test_commit_saves_in_the_repository_of_all(committed: str, the_cluster: Cluster) -> None:
    """(save it in the repo)"""
    offered = _catalog(the_cluster)
    assert committed in offered, f"services: expected {committed} in the registry, but saw {offered}"


@claim("docker-commands.commit-saves-in-repo")
def test_commit_saves_on_the_local_engine_only(node: Machine, committed: str, the_cluster: Cluster) -> None:
    """`docker commit` names an image on this engine."""
    local = node.run(f"docker images {committed}")
    assert committed in local.stdout, local.expected("the committed image")
    offered = _catalog(the_cluster)
    assert committed not in offered, f"services: expected no {committed} in the registry, but saw {offered}"


def _catalog(cluster: Cluster) -> list[str]:
    answer: dict[str, list[str]] = HTTP.get(f"{cluster.services.registry}/v2/_catalog").json()
    return answer["repositories"]


@claim("docker-commands.stop")
def test_stop_ends_a_running_container(node: Machine) -> None:
    """```stop``` - Stop a running container."""
    node.run("docker run -d --name sleeper busybox sleep 600")
    process = node.run("docker inspect -f '{{.State.Pid}}' sleeper").stdout.strip()
    stop = node.run("docker stop -t 0 sleeper")
    assert _state(node, "sleeper") == "exited", stop.expected("the container to have exited")
    assert not node.host.file(f"/proc/{process}").exists, stop.expected(f"the process {process} to be gone")


@drilled
@claim("docker-commands.stop-sigterm-then-kill")
def test_stop_sends_sigterm_and_ten_seconds_later_sigkill(drill: Drill) -> None:
    """By sending SIGTERM and then SIGKILL after a grace period."""
    stop = drill.default
    assert list(stop.signals) == ["15", "9"], stop.events.expected("signal 15, then 9")
    assert 10 <= stop.signals["9"] < 15, stop.events.expected(f"ten seconds between them, not {stop.signals['9']:.1f}")
    assert stop.exit_code == 137, stop.events.expected(f"death by signal 9, which is exit code 137, not {stop.exit_code}")


@drilled
@claim("docker-commands.stop-sigterm-then-kill")
def test_grace_period_of_stop_can_be_set(drill: Drill) -> None:
    """`docker stop -t 2`."""
    stop = drill.two_seconds
    assert list(stop.signals) == ["15", "9"], stop.events.expected("signal 15, then 9")
    assert 2 <= stop.signals["9"] < 7, stop.events.expected(f"two seconds between them, not {stop.signals['9']:.1f}")


@drilled
@claim("docker-commands.stop-sigterm-then-kill")
def test_stop_does_not_kill_what_obeys_sigterm(drill: Drill) -> None:
    """A process that handles SIGTERM ends with its own exit code, here 7."""
    stop = drill.obedient
    assert list(stop.signals) == ["15"], stop.events.expected("signal 15 alone")
    assert stop.exit_code == 7, stop.events.expected(f"the handler's exit code 7, not {stop.exit_code}")


@as_written("docker-commands.stop-needs-interactive", fails_with="still running; saw exited")
def test_stop_leaves_what_was_run_without_the_interactive_flag(node: Machine) -> None:
    """(assuming that you initiated a command by calling the ```run``` command with the interactive flag."""
    node.run("docker run -d --name sleeper busybox sleep 600")
    stop, state = node.run("docker stop -t 0 sleeper"), _state(node, "sleeper")
    assert state == "running", stop.expected(f"the container still running; saw {state}")


@claim("docker-commands.stop-needs-interactive")
@pytest.mark.parametrize("flags", ["-d", "-d -i"])
def test_stop_ends_containers_with_and_without_the_interactive_flag(node: Machine, flags: str) -> None:
    """`docker run -d`, `docker run -d -i`, then `docker stop`."""
    node.run(f"docker run {flags} --name sleeper busybox sleep 600")
    stop = node.run("docker stop -t 0 sleeper")
    assert _state(node, "sleeper") == "exited", stop.expected("the container to have exited")


@claim("docker-commands.start")
def test_start_runs_a_stopped_container_with_its_files(node: Machine) -> None:
    """```start``` - Restart a ```stop```ped container."""
    node.run("docker run -d --name sleeper busybox sleep 600 && docker exec sleeper touch /made && docker stop -t 0 sleeper")
    start = node.run("docker start sleeper")
    assert _state(node, "sleeper") == "running", start.expected("the container to run")
    files = node.run("docker exec sleeper ls /made")
    assert files.rc == 0, files.expected("the file that was made before the stop")


@pytest.fixture
def exited(node: Machine) -> str:
    """The name of a container whose command has exited, with 0."""
    node.run("docker run --name exited busybox echo hello")
    return "exited"


@as_written("docker-commands.start-cannot-start-exited", fails_with="exit code 0")
def test_exited_container_cannot_be_started(node: Machine, exited: str) -> None:
    """You cannot start a command that has exited."""
    start = node.run(f"docker start {exited}")
    assert start.rc != 0, start.expected("a refusal")


@claim("docker-commands.start-cannot-start-exited")
def test_start_runs_an_exited_command_once_more(node: Machine, exited: str) -> None:
    """`docker start -a`, and its output is in the logs twice."""
    start = node.run(f"docker start -a {exited}")
    logs = node.run(f"docker logs {exited}")
    assert (start.stdout, logs.stdout) == ("hello\n", "hello\nhello\n"), logs.expected("the output of two runs")


@claim("docker-commands.restart-flag")
def test_docker_restarts_as_often_as_the_flag_says(node: Machine) -> None:
    """(docker provides a restart flag)"""
    node.run("docker run -d --restart=on-failure:2 --name failing busybox false")
    asked = "docker inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.RestartCount}} {{.State.Status}}' failing"
    assert _comes_true(lambda: node.run(asked).stdout == "on-failure 2 exited\n", "two restarts"), node.run(asked).expected(
        "two restarts, and then none"
    )


@claim("docker-commands.auto-restart-carefully")
@pytest.mark.breaks_quorum
def test_engine_that_returns_starts_what_runs_elsewhere_by_then(core_02: Machine, core_03: Machine) -> None:
    """Auto-restart must be considered carefully when working with CoreOS. The manager's part is played by hand here."""
    service = "docker run -d --name service-{0} --restart={0} --stop-signal=KILL busybox sleep 600"
    core_02.run(f"{service.format('always')}; {service.format('no')}")
    # The sockets first: systemd starts none for a service that runs already.
    with stopped("docker-tcp.socket docker.socket docker.service", core_02):
        core_03.run(f"{service.format('always')}; {service.format('no')}")
    returned, elsewhere = (machine.run("docker ps --format '{{.Names}}'") for machine in (core_02, core_03))
    assert {"service-always", "service-no"} <= set(elsewhere.stdout.split()), elsewhere.expected("both services")
    assert returned.stdout == "service-always\n", returned.expected("the service with the flag, a second time, and no other")
