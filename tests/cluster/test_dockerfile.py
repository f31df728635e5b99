"""The Dockerfile: how an image is built step by step, and what is left of each step."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from fixtures.claims import as_written, claim
from testbed.cluster import Cluster
from testbed.machine import Machine
from testbed.transcript import Result
from tests.cluster.building import Build, Builder, builder, builder_somewhere

DOCKERFILE = """\
FROM busybox
COPY a /a
RUN echo made >/made
ENV COLOUR=red"""
MADE_STEPS = 3  # FROM takes an image that is there
SETTINGS = """\
FROM busybox
ENV GREETING=hello
WORKDIR /tmp
USER nobody
EXPOSE 80
VOLUME /data
CMD echo $GREETING; pwd; id -un"""
TWO_FILES = """\
FROM busybox
COPY a /a
COPY b /b"""
RANDOM_NAME = re.compile(r"[a-z]+_[a-z]+\d?")

steps_drill = pytest.mark.xdist_group("dockerfile-steps")
cache_drill = pytest.mark.xdist_group("dockerfile-cache")


@dataclass(frozen=True)
class Steps:
    """One Dockerfile built in three ways, and what became of its images and of the names given to them."""

    kept: Build
    removed: Build
    buildkit: Build
    names: Result
    instances: Result
    two_instances: Result
    digest: Result
    loaded: Result
    after_failure: Result


@dataclass(frozen=True)
class Caching:
    """Builds one after another: what had changed before each, or, for the last two, whether there was a network."""

    unchanged: Result
    touched: Result
    changed: Result
    broken: Result
    tag_of_broken: Result
    resumed: Result


@pytest.fixture(scope="module")
def steps(the_cluster: Cluster) -> Steps:
    """Each of the builds once, on an engine that has seen none before."""
    with builder_somewhere(the_cluster) as build:
        kept = build.count(DOCKERFILE, "--rm=false --no-cache -t kept")
        removed = build.count(DOCKERFILE, "--rm --no-cache -t removed")
        names = build.run(f"docker image inspect -f '{{{{.RepoTags}}}}' {' '.join(removed.steps[1:])}")
        instances = build.run("docker ps -a --filter ancestor=removed --format '{{.Names}}'")
        build.said("docker create removed; docker create removed")
        two_instances = build.run("docker ps -a --filter ancestor=removed --format '{{.Names}}'")
        digest = build.run("docker save removed | tar -xO --wildcards '*[0-9a-f].json' | sha256sum")
        loaded = build.run(
            "mkdir saved; docker save removed | tar -x -C saved; sed -i 's/COLOUR=red/COLOUR=rid/' saved/*[0-9a-f].json; "
            "tar -c -C saved . | docker load >/dev/null; docker image inspect -f '{{.Id}}' removed"
        )
        build.build(f"{DOCKERFILE}\nRUN false", "-t kept")
        after_failure = build.run("docker image inspect -f '{{.Id}}' kept")
        buildkit = build.count(DOCKERFILE, "--network none -t buildkit", buildkit=True)
        return Steps(kept, removed, buildkit, names, instances, two_instances, digest, loaded, after_failure)


@pytest.fixture(scope="module")
def caching(the_cluster: Cluster) -> Caching:
    """Two Dockerfiles built over and over, on an engine that has no cache at first."""
    fetch = f"FROM busybox\nCOPY a /a\nRUN wget -O /fetched {the_cluster.services.registry}/v2/_catalog"
    with builder_somewhere(the_cluster) as build:
        build.said("echo first >b")
        build.build(TWO_FILES)
        unchanged = build.build(TWO_FILES)
        build.said("touch -d yesterday a")
        touched = build.build(TWO_FILES)
        build.said("echo second >a")
        changed = build.build(TWO_FILES)
        build.build("FROM busybox\nCOPY a /a")
        broken = build.build(fetch, "--network none -t fetched")
        tag = build.run("docker images -q fetched")
        resumed = build.build(fetch, "--network host -t fetched")
        return Caching(unchanged, touched, changed, broken, tag, resumed)


@pytest.fixture
def own(docker_host: Machine) -> Iterator[Builder]:
    """A folder and an engine for one test."""
    with builder(docker_host) as started:
        yield started


@claim("dockerfile.configuration-file")
@pytest.mark.shared
def test_what_a_dockerfile_sets_takes_effect_in_a_container(own: Builder) -> None:
    """ENV, WORKDIR, USER and CMD, and `docker run` overriding the first three."""
    own.build(SETTINGS, "-t configured")
    plain = own.run("docker run configured")
    assert plain.stdout.split() == ["hello", "/tmp", "nobody"], plain.expected("hello in /tmp as nobody")
    other = own.run("docker run -e GREETING=goodbye -w /etc -u root configured")
    assert other.stdout.split() == ["goodbye", "/etc", "root"], other.expected("goodbye in /etc as root")


@claim("dockerfile.configuration-file")
@pytest.mark.shared
def test_image_carries_ports_and_volumes_of_its_dockerfile(own: Builder) -> None:
    """EXPOSE and VOLUME, as `docker inspect` shows them."""
    own.build(SETTINGS, "-t configured")
    shown = own.run("docker inspect -f '{{json .Config}}' configured")
    config = json.loads(shown.stdout)
    assert (list(config["ExposedPorts"]), list(config["Volumes"])) == (["80/tcp"], ["/data"]), shown.expected("port 80 and /data")


@as_written("dockerfile.similar-to-makefile", fails_with="COPY b /b is made again")
@cache_drill
def test_independent_step_is_not_made_again(caching: Caching) -> None:
    """As make would leave what does not depend on the changed file."""
    output = caching.changed
    assert "Step 3/3 : COPY b /b\n ---> Using cache" in output.stdout, output.expected(
        "cache for `b`, but COPY b /b is made again"
    )


@claim("dockerfile.similar-to-makefile")
@cache_drill
def test_unchanged_files_are_not_built_again_whatever_their_time_stamps(caching: Caching) -> None:
    for built in (caching.unchanged, caching.touched):
        assert built.stdout.count("Using cache") == 2, built.expected("both steps taken from the cache")


@claim("dockerfile.similar-to-makefile")
@cache_drill
def test_changed_file_has_its_step_and_all_later_ones_made_again(caching: Caching) -> None:
    assert "Using cache" not in caching.changed.stdout, caching.changed.expected("no step taken from the cache")


@as_written("dockerfile.used-by-cli", fails_with="Cannot connect to the Docker daemon")
@pytest.mark.shared
def test_cli_builds_without_a_daemon(docker_host: Machine) -> None:
    """`docker build`, talking to a socket where no daemon is."""
    built = docker_host.run("echo FROM busybox | docker -H unix:///run/nobody.sock build -")
    assert built.rc == 0, built.expected("an image built by the client alone")


@claim("dockerfile.used-by-cli")
@pytest.mark.usefixtures("tidy")
def test_daemon_of_another_machine_builds(core_01: Machine, core_02: Machine) -> None:
    """`docker -H tcp://core-02:2375 build`, typed on core-01."""
    built = core_01.run(f"echo FROM busybox | docker -H tcp://{core_02.address}:2375 build -t built-there -")
    images = {machine.name: machine.docker.images.list("built-there") for machine in (core_01, core_02)}
    assert images["core-02"], built.expected("the image on core-02")
    assert not images["core-01"], built.expected("no image on core-01, whose client only sent the Dockerfile")


@claim("dockerfile.used-by-cli")
@pytest.mark.shared
def test_daemon_sees_only_what_the_client_sent(docker_host: Machine) -> None:
    """A COPY from outside of the folder that is sent."""
    built = docker_host.run("printf 'FROM busybox\nCOPY ../a /a\n' | docker build -")
    assert "forbidden path outside the build context" in built.stderr, built.expected("the path forbidden")


@as_written("dockerfile.image-is-container-instance", fails_with="an instance of the image")
@steps_drill
def test_build_yields_a_container(steps: Steps) -> None:
    """`docker ps -a --filter ancestor=IMAGE` right after `docker build -t IMAGE .`."""
    assert steps.instances.stdout, steps.instances.expected("an instance of the image")


@claim("dockerfile.image-is-container-instance")
@steps_drill
def test_containers_come_by_create_and_one_image_can_have_many(steps: Steps) -> None:
    """As before, after `docker create IMAGE`, twice."""
    assert not steps.instances.stdout, steps.instances.expected("no container before `docker create`")
    assert len(steps.two_instances.stdout.split()) == 2, steps.two_instances.expected("two containers of one image")


@claim("dockerfile.own-dsl")
@pytest.mark.shared
def test_unknown_instruction_is_refused_before_the_first_step(docker_host: Machine) -> None:
    """A line `FOO bar`."""
    built = docker_host.run("printf 'FROM busybox\nRUN true\nFOO bar\n' | docker build -")
    assert "unknown instruction: FOO" in built.stderr, built.expected("unknown instruction: FOO")
    assert "Step 1" not in built.stdout, built.expected("no step done")


@claim("dockerfile.own-dsl")
@pytest.mark.usefixtures("tidy")
def test_instructions_may_be_written_in_lower_case(docker_host: Machine) -> None:
    built = docker_host.run("printf 'from busybox\ncmd true\n' | docker build -")
    assert "Successfully built" in built.stdout, built.expected("an image")


@as_written("dockerfile.each-step-captures-image", fails_with="3 new images")
@steps_drill
def test_each_step_leaves_an_image_with_buildkit(steps: Steps) -> None:
    """`DOCKER_BUILDKIT=1 docker build .`, as every newer engine builds."""
    assert len(steps.buildkit.images) == MADE_STEPS, steps.buildkit.output.expected(f"{MADE_STEPS} new images")


@claim("dockerfile.each-step-captures-image")
@steps_drill
def test_each_step_leaves_an_image_with_the_legacy_builder(steps: Steps) -> None:
    """`docker build .`, and `docker images --all` before and after."""
    assert len(steps.removed.images) == MADE_STEPS, steps.removed.output.expected(f"{MADE_STEPS} new images")


@claim("dockerfile.each-step-captures-image")
@steps_drill
def test_buildkit_leaves_the_last_image_only(steps: Steps) -> None:
    assert len(steps.buildkit.images) == 1, steps.buildkit.output.expected("one new image")


@claim("dockerfile.signature-assigned")
@steps_drill
def test_each_step_prints_the_beginning_of_its_images_sha256(steps: Steps) -> None:
    """` ---> e3fdf11f8575` after each step."""
    digests = {image.removeprefix("sha256:")[:12] for image in steps.removed.images}
    assert set(steps.removed.steps[1:]) == digests, steps.removed.output.expected(f"the beginnings of {digests}")


@claim("dockerfile.signature-assigned")
@steps_drill
def test_id_is_the_sha256_of_the_images_configuration(steps: Steps) -> None:
    """`docker save IMAGE`, and `sha256sum` of the configuration in it."""
    assert f"sha256:{steps.digest.stdout.split()[0]}" in steps.removed.images, steps.digest.expected("the image's ID")


@claim("dockerfile.signature-assigned")
@steps_drill
def test_one_byte_changed_makes_another_id(steps: Steps) -> None:
    """One byte of the saved configuration changed, and `docker load`: it is no signature that anybody would check."""
    assert steps.loaded.stdout.strip() not in steps.removed.images, steps.loaded.expected("an ID that no image had before")


@as_written("dockerfile.random-name-assigned", fails_with="a name for each step's image")
@steps_drill
def test_each_steps_image_has_a_name(steps: Steps) -> None:
    assert "[]" not in steps.names.stdout.split(), steps.names.expected("a name for each step's image")


@claim("dockerfile.random-name-assigned")
@steps_drill
def test_random_names_go_to_containers(steps: Steps) -> None:
    """`docker build --rm=false .` keeps the containers of the steps, and `docker ps -a` shows their names."""
    names = steps.kept.containers
    assert names, steps.kept.output.expected("containers of single steps")
    assert all(map(RANDOM_NAME.fullmatch, names)), steps.kept.output.expected(f"names like angry_babbage, not {sorted(names)}")


@claim("dockerfile.final-name-is-alias")
@steps_drill
def test_name_is_given_to_the_last_image_only(steps: Steps) -> None:
    """`docker build -t removed .`, and the tags of each step's image."""
    assert steps.names.stdout.split() == ["[]", "[]", "[removed:latest]"], steps.names.expected("a tag on the last image only")


@claim("dockerfile.final-name-is-alias")
@steps_drill
def test_failed_build_leaves_the_name_where_it_was(steps: Steps) -> None:
    """`docker build -t kept .` once more, with a last step that fails."""
    was = steps.kept.steps[-1]
    assert steps.after_failure.stdout.startswith(f"sha256:{was}"), steps.after_failure.expected(f"the name still on {was}")


@as_written("dockerfile.rm-flag-removes-intermediate", fails_with="no image but the last")
@steps_drill
def test_rm_removes_the_intermediate_images(steps: Steps) -> None:
    """`docker build --rm .`."""
    assert len(steps.removed.images) == 1, steps.removed.output.expected("no image but the last")


@claim("dockerfile.rm-flag-removes-intermediate")
@steps_drill
def test_intermediate_images_stay_with_and_without_rm(steps: Steps) -> None:
    """`docker build --rm .` and `docker build --rm=false .`."""
    assert len(steps.removed.images) == len(steps.kept.images), steps.removed.output.expected("as many images as with --rm=false")


@claim("dockerfile.rm-flag-removes-intermediate")
@steps_drill
def test_rm_removes_the_intermediate_containers(steps: Steps) -> None:
    """RUN and ENV have a container each; COPY needs none."""
    assert len(steps.kept.containers) == 2, steps.kept.output.expected("the containers of RUN and ENV with --rm=false")
    assert not steps.removed.containers, steps.removed.output.expected("no container with --rm")


@claim("dockerfile.resume-build")
@cache_drill
def test_build_broken_off_by_the_network_leaves_no_name(caching: Caching) -> None:
    """A step that fetches something, with no network."""
    assert caching.broken.rc != 0, caching.broken.expected("a build that fails")
    assert not caching.tag_of_broken.stdout, caching.tag_of_broken.expected("no image of that name")


@claim("dockerfile.resume-build")
@cache_drill
def test_build_goes_on_at_the_step_that_broke(caching: Caching) -> None:
    """The same build once more, with a network."""
    output = caching.resumed
    assert "Step 2/3 : COPY a /a\n ---> Using cache" in output.stdout, output.expected("the finished step taken from the cache")
    assert "Step 3/3" in output.stdout, output.expected("the broken step made again")
    assert output.rc == 0, output.expected("a build that succeeds")
