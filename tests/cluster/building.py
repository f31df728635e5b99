"""Builds on a throw-away engine, so that what a build adds can be counted and nothing has to be cleaned."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fixtures.machines import free_docker_host, free_node, leased
from testbed.cluster import Cluster
from testbed.leases import Use
from testbed.machine import Machine
from testbed.throwaway_engine import MEGABYTES, ThrowawayEngine, throwaway_engine
from testbed.transcript import Result

STEP_IMAGE = re.compile(r"^ ---> ([0-9a-f]{12})$", re.MULTILINE)


@dataclass(frozen=True)
class Build:
    """A build: what it printed, the images that it named step by step, and the images and containers that it added."""

    output: Result
    steps: tuple[str, ...]
    images: frozenset[str]
    containers: frozenset[str]


@dataclass(frozen=True)
class Builder:
    """A folder of files on a machine, and an engine that builds from it."""

    engine: ThrowawayEngine
    folder: str

    def run(self, command: str) -> Result:
        """Run in the folder, with `docker` talking to the engine."""
        return self.engine.run(f"cd {self.folder}; {command}")

    def said(self, command: str) -> str:
        """What a command printed; raises AssertionError when it fails."""
        result = self.run(command)
        assert result.rc == 0, result.expected("exit code 0")
        return result.stdout.strip()

    def build(self, dockerfile: str, options: str = "", *, buildkit: bool = False) -> Result:
        """`docker build OPTIONS .` of this Dockerfile, by the legacy builder or by BuildKit."""
        # BuildKit's client writes an ID of its own where its configuration is.
        kit = "DOCKER_BUILDKIT=1 DOCKER_CONFIG=$PWD/.docker " if buildkit else ""
        return self.run(f"cat >Dockerfile <<'END'\n{dockerfile}\nEND\n{kit}docker build {options} .")

    def count(self, dockerfile: str, options: str, *, buildkit: bool = False) -> Build:
        """As `build`, with all that it adds."""
        before = self._there()
        output = self.build(dockerfile, options, buildkit=buildkit)
        added = self._there() - before
        images = frozenset(one for one in added if one.startswith("sha256:"))
        return Build(output, tuple(STEP_IMAGE.findall(output.stdout)), images, added - images)

    def layers(self, image: str) -> int:
        """The number of file system layers that the image consists of."""
        return int(self.said(f"docker image inspect -f '{{{{len .RootFS.Layers}}}}' {image}"))

    def _there(self) -> frozenset[str]:
        """The engine's images, by ID, and its containers, by name."""
        return frozenset(self.said("docker images --all --quiet --no-trunc; docker ps --all --format '{{.Names}}'").split())


@contextmanager
def builder(machine: Machine, image: str = "busybox", megabytes: int = MEGABYTES) -> Iterator[Builder]:
    """A folder with the file `a` in it, and a throw-away engine that has the image; both are gone afterwards."""
    with throwaway_engine(machine, megabytes=megabytes) as engine:
        # Not in /tmp, which is mounted noexec: a hook could not run there.
        folder = machine.run("mktemp -d --tmpdir=/var/tmp").stdout.strip()
        try:
            started = Builder(engine, folder)
            started.said(f"echo first >a; docker pull --quiet {image}")
            yield started
        finally:
            machine.run(f"rm -rf {folder}")


@contextmanager
def builder_somewhere(
    cluster: Cluster, image: str = "busybox", megabytes: int = MEGABYTES, *, on_node: bool = False
) -> Iterator[Builder]:
    """As `builder`, for a drill, on any machine, or on any node; others who only look may use it meanwhile."""
    name = free_node(cluster, (), Use.SHARED) if on_node else free_docker_host(cluster, Use.SHARED)
    with leased(cluster, (name,), Use.SHARED) as held, builder(held[name], image, megabytes) as started:
        yield started
