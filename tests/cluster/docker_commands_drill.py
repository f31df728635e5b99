"""The drill of `docker build` and `docker stop`: builds on one machine, while stops wait there for their grace periods."""

from dataclasses import dataclass

from testbed.cluster import Cluster
from testbed.machine import Machine
from testbed.transcript import Result
from testbed.wait import wait_until
from tests.cluster.steps import do, docker_host_alone

NAME = "docker-commands"
DOCKERFILE = """\
FROM busybox
ENV GREETING=hello
RUN head -c 20000000 /dev/urandom >/twenty
CMD echo $GREETING
"""
MADE_STEPS = 3  # FROM takes an image that is there
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


def run(cluster: Cluster) -> Drill:
    """Builds on one machine, while `docker stop` waits there for the end of its grace period."""
    with docker_host_alone(cluster) as host:
        do(host, "docker run -d --name default busybox sleep 600")
        do(host, "docker run -d --name two-seconds busybox sleep 600")
        do(host, "docker run -d --name obedient busybox sh -c 'trap \"exit 7\" TERM; echo ready; sleep 600 & wait'")
        wait_until(lambda: host.run("docker logs obedient").stdout, "obedient: ready for SIGTERM", seconds=10)
        host.run("(docker stop default & docker stop -t 2 two-seconds & docker stop obedient) >/dev/null 2>&1 &")
        try:
            return Drill(
                kept=_build(host, "docker build --no-cache --rm=false"),
                removed=_build(host, "docker build --no-cache --rm"),
                again=_build(host, "docker build --rm"),
                buildkit=_build(host, f"{BUILDKIT} docker build --no-cache"),
                obedient=_stop(host, "obedient"),
                two_seconds=_stop(host, "two-seconds"),
                default=_stop(host, "default"),
            )
        finally:
            host.run("docker builder prune -af; rm -r /tmp/buildkit")


def _build(host: Machine, command: str) -> Build:
    before = _images(host)
    output = host.run(f"{command} -t greeting - <<'END'\n{DOCKERFILE}END")
    after = _images(host)
    layers = len(host.docker.images.get("greeting").attrs["RootFS"]["Layers"])
    base = len(host.docker.images.get("busybox").attrs["RootFS"]["Layers"])
    return Build(output, layers - base, *(now - then for now, then in zip(after, before, strict=True)))


def _images(host: Machine) -> tuple[int, int, int, int]:
    """Images and their bytes, containers and their bytes."""
    used = host.docker.api.df()
    containers = used["Containers"] or []
    written = sum(container.get("SizeRw", 0) for container in containers)
    return len(host.docker.api.images(all=True)), used["LayersSize"], len(containers), written


def _stop(host: Machine, name: str) -> Stop:
    container = host.docker.containers.get(name)
    form = "{{.Action}} {{.TimeNano}} {{.Actor.Attributes.signal}}"
    ask = f"docker events --since 10m --until 0s --filter container={container.id} --format '{form}' | grep -E 'kill|stop'"
    wait_until(lambda: "stop" in host.quietly(ask).stdout, f"{name}: has been stopped", seconds=30)
    events = host.run(ask)
    kills = [line.split() for line in events.stdout.splitlines() if line.startswith("kill")]
    began = int(kills[0][1])
    signals = {signal: (int(time) - began) / 1e9 for _, time, signal in kills}
    container.reload()
    return Stop(signals, container.attrs["State"]["ExitCode"], events)
