"""docker build and docker stop: what a build leaves, with --rm and without, and how long a stop waits."""

from collections.abc import Iterator

import pytest

from fixtures.claims import as_written, claim
from testbed.cluster import Cluster
from testbed.machine import Machine
from tests.cluster.background.outcome import of_drill
from tests.cluster.docker_commands_drill import MADE_STEPS, NAME, Drill, run
from tests.cluster.steps import do

pytestmark = pytest.mark.usefixtures("tidy")
drilled = pytest.mark.xdist_group(NAME)

TWENTY_MB = 20_000_000


@pytest.fixture(scope="module")
def drill(the_cluster: Cluster) -> Drill:
    """The same Dockerfile built in four ways, and three containers stopped."""
    return of_drill(NAME, lambda: run(the_cluster))


@pytest.fixture
def source(docker_host: Machine) -> Iterator[str]:
    """A folder on the node with a Dockerfile and the source that it copies."""
    folder = do(docker_host, "mktemp -d").stdout.strip()
    docker_host.run(f"echo 'echo made from source' >{folder}/greet")
    docker_host.run(f"printf 'FROM busybox\\nCOPY greet /\\nCMD sh /greet\\n' >{folder}/Dockerfile")
    yield folder
    docker_host.run(f"rm -r {folder}")


@claim("docker-commands.build")
def test_build_makes_an_image_of_dockerfile_and_source(docker_host: Machine, source: str) -> None:
    """```build``` - Build a new image from the source code (Dockerfile)."""
    build = docker_host.run(f"docker build -t greeting {source}")
    assert build.rc == 0, build.expected("an image")
    greeting = docker_host.run("docker run --rm greeting")
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
def test_build_takes_the_flag_rm_with_one_dash(docker_host: Machine, source: str) -> None:
    """Using the ```-rm``` flag."""
    build = docker_host.run(f"docker build -rm -t greeting {source}")
    assert build.rc == 0, build.expected("an image")


@claim("docker-commands.build-single-dash-rm")
def test_build_takes_rm_with_two_dashes_only(docker_host: Machine, source: str) -> None:
    """`docker build --rm`."""
    one = docker_host.run(f"docker build -rm -t one {source}")
    assert (one.rc, docker_host.run("docker images -q one").stdout) == (125, ""), one.expected("exit code 125 and no image")
    two = docker_host.run(f"docker build --rm -t two {source}")
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
