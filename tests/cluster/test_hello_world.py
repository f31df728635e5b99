"""Hello World: the same image everywhere, so the same output everywhere."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from fixtures.claims import as_written, claim
from fixtures.machines import leased
from testbed import faults, guard
from testbed.cluster import Cluster
from testbed.leases import Use
from testbed.machine import Machine
from testbed.services import REGISTRY_PORT
from testbed.transcript import Result

HELLO = "docker run hello-world"
HTTPS = 443


@claim("hello-world.ssh-and-run")
@pytest.mark.usefixtures("tidy")
def test_core_runs_hello_world_without_sudo(core_01: Machine) -> None:
    """`vagrant ssh core-01`, then `docker run hello-world`, as user core."""
    hello = core_01.run(HELLO)
    assert "Hello from Docker" in hello.stdout, hello.expected("the greeting")


@dataclass(frozen=True)
class Hello:
    """hello-world as one machine has it."""

    run: Result
    image: Result
    history: Result


@pytest.fixture(scope="module")
def hellos(the_cluster: Cluster) -> dict[str, Hello]:
    """hello-world on boot2docker and on every node, one after the other, so that nobody waits for all."""
    return {name: _hello(the_cluster, name) for name in the_cluster.machines}


def _hello(cluster: Cluster, name: str) -> Hello:
    with leased(cluster, (name,), Use.ALONE) as held:
        machine = held[name]
        hello = Hello(
            machine.run(HELLO),
            machine.run("docker inspect -f '{{.Image}}' $(docker ps -lq)"),
            machine.run("docker history --no-trunc --format '{{.CreatedBy}}' hello-world"),
        )
        guard.clean_up(machine)
        return hello


@claim("hello-world.same-output")
@pytest.mark.xdist_group("hello-world")
def test_output_is_the_same_as_on_boot2docker(hellos: dict[str, Hello]) -> None:
    """On every node, to the byte."""
    there = hellos["boot2docker"].run
    assert there.rc == 0, there.expected("exit code 0")
    for hello in hellos.values():
        assert hello.run.stdout == there.stdout, hello.run.expected(f"boot2docker's output:\n{there.stdout}")


@claim("hello-world.same-image")
@pytest.mark.xdist_group("hello-world")
def test_image_is_the_same_as_on_boot2docker(hellos: dict[str, Hello]) -> None:
    """The containers' image ids."""
    there = hellos["boot2docker"].image
    assert there.stdout.startswith("sha256:"), there.expected("an image id")
    for hello in hellos.values():
        assert hello.image.stdout == there.stdout, hello.image.expected(f"boot2docker's image {there.stdout}")


@claim("hello-world.same-image")
@pytest.mark.usefixtures("tidy")
def test_image_built_on_each_machine_is_not_the_same(core_01: Machine, core_02: Machine) -> None:
    """The same Dockerfile, built on two machines: the images differ by their time."""
    build = """printf 'FROM scratch\\nCMD ["/hello"]\\n' | docker build -q -"""
    first, second = core_01.run(build), core_02.run(build)
    assert first.stdout.startswith("sha256:"), first.expected("an image id")
    assert second.stdout.startswith("sha256:"), second.expected("an image id")
    assert first.stdout != second.stdout, second.expected(f"another id than {core_01}'s")


@claim("hello-world.same-dockerfile")
@pytest.mark.xdist_group("hello-world")
def test_images_stem_from_one_dockerfile(hellos: dict[str, Hello]) -> None:
    """`docker history` shows the Dockerfile's two steps, the same on every machine."""
    there = hellos["boot2docker"].history
    for hello in hellos.values():
        assert re.findall(r"COPY|CMD .*\]", hello.history.stdout) == ['CMD ["/hello"]', "COPY"], hello.history.expected(
            "two steps"
        )
        assert hello.history.stdout == there.stdout, hello.history.expected(f"boot2docker's steps:\n{there.stdout}")


@as_written("hello-world.message-text", fails_with="Hello from Docker!")
@pytest.mark.xdist_group("hello-world")
def test_greeting_ends_with_a_full_stop(hellos: dict[str, Hello]) -> None:
    """The greeting of 2014."""
    hello = hellos["core-01"].run
    assert "Hello from Docker.\n" in hello.stdout, hello.expected("the greeting with a full stop")


@claim("hello-world.message-text")
@pytest.mark.xdist_group("hello-world")
def test_greeting_ends_with_an_exclamation_mark(hellos: dict[str, Hello]) -> None:
    """Today's greeting, and four steps."""
    hello = hellos["core-01"].run
    assert hello.stdout.lstrip().startswith("Hello from Docker!\n"), hello.expected("the greeting in the first line")
    assert re.findall(r"^ (\d)\. ", hello.stdout, re.MULTILINE) == ["1", "2", "3", "4"], hello.expected("four steps")


@pytest.fixture
def without_hello(docker_host: Machine) -> None:
    """hello-world is not on the machine."""
    docker_host.run("docker image rm -f hello-world")


@claim("hello-world.implicit-pull")
@pytest.mark.usefixtures("tidy", "without_hello")
def test_run_pulls_what_is_not_there(docker_host: Machine) -> None:
    """`docker run hello-world`, where it has never been."""
    hello = docker_host.run(HELLO)
    assert "Unable to find image 'hello-world:latest' locally" in hello.stderr, hello.expected("no image on the machine")
    assert "Hello from Docker" in hello.stdout, hello.expected("the greeting, after the pull")


@pytest.fixture
def no_registry(docker_host: Machine) -> Iterator[None]:
    """Neither the mirror nor Docker Hub can be reached from the machine."""
    with ExitStack() as stack:
        for port in (REGISTRY_PORT, HTTPS):
            stack.enter_context(faults.blocked(f"OUTPUT -p tcp --dport {port}", docker_host, verdict="REJECT"))
        yield


@claim("hello-world.implicit-pull")
@pytest.mark.usefixtures("tidy", "without_hello", "no_registry")
def test_run_fails_where_no_registry_is_in_reach(docker_host: Machine) -> None:
    """`docker run hello-world`, with nothing to pull from."""
    hello = docker_host.run(HELLO)
    assert hello.rc == 125, hello.expected("exit code 125")
