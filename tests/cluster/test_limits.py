"""How many layers an image can have, by each builder, and what flattening saves and loses.

The workshop's 42 was a limit of the storage driver AUFS and fell in Docker 0.7.2. What is found here belongs to overlay2.
"""

from dataclasses import dataclass

import pytest

from fixtures.claims import as_written, claim
from testbed.cluster import Cluster
from testbed.transcript import Result
from tests.cluster.building import Builder, builder_somewhere

ONCE = 42
LEGACY_LIMIT = 125
BUILDKIT_LIMIT = 129
RUNS_UP_TO = 127
BUSYBOX_LAYERS = 1
TOO_DEEP = "max depth exceeded"

depth_drill = pytest.mark.xdist_group("layers-depth")


@dataclass(frozen=True)
class Edge:
    """A builder's limit: the image of the most layers that it builds, and what it says to one more."""

    last: Result
    layers: int
    one_more: Result


@dataclass(frozen=True)
class Flat:
    """The image of the most layers, exported and imported."""

    layers: int
    files_before: str
    files_after: str
    settings: Result
    built_upon: Result


@dataclass(frozen=True)
class Depth:
    """Images of more and more layers, and what can still be done with them."""

    over_42: Result
    over_42_runs: Result
    legacy: Edge
    legacy_runs: Result
    buildkit: Edge
    last_that_runs: Result
    first_that_does_not: Result
    flat: Flat


# For the session, as two chapters look at it, and tests of other modules come between them.
@pytest.fixture(scope="session")
def depth(the_cluster: Cluster) -> Depth:
    """BuildKit, which is quicker, builds up to one layer below the legacy builder's limit; that one meets it then."""
    with builder_somewhere(the_cluster) as build:
        over_42 = build.build(_dockerfile(ONCE + 1), "-t over-42", buildkit=True)
        over_42_runs = build.run(f"docker run over-42 cat /2 /{ONCE + 1}")
        build.build(_dockerfile(LEGACY_LIMIT - 1), "-t below", buildkit=True)
        # On top of the last layer not even a CMD goes: the legacy builder counts it before it finds that it is empty.
        last = build.build(f"FROM below\nCMD true\nCOPY a /{LEGACY_LIMIT}", "-t deepest")
        legacy = Edge(last, build.layers("deepest"), build.build("FROM deepest\nCOPY a /more"))
        legacy_runs = build.run(f"docker run deepest cat /2 /{LEGACY_LIMIT}")
        one_more = build.build(_dockerfile(BUILDKIT_LIMIT + 1), buildkit=True)
        last = build.build(_dockerfile(BUILDKIT_LIMIT), "-t kit-deepest", buildkit=True)
        buildkit = Edge(last, build.layers("kit-deepest"), one_more)
        build.build(_dockerfile(RUNS_UP_TO), "-t runs", buildkit=True)
        build.build(_dockerfile(RUNS_UP_TO + 1), "-t runs-not", buildkit=True)
        runs, runs_not = build.run("docker run runs cat /2"), build.run("docker run runs-not cat /2")
        return Depth(over_42, over_42_runs, legacy, legacy_runs, buildkit, runs, runs_not, _flatten(build))


def _flatten(build: Builder) -> Flat:
    files = "docker run --rm --hostname same {} find / -xdev -type f -exec md5sum {{}} + | sort"
    build.said("docker export $(docker create deepest) | docker import - flat")
    settings = build.run("docker inspect -f '{{.Config.Cmd}} {{.Config.Env}}' deepest flat")
    built_upon = build.build("FROM flat\nCOPY a /more")
    before, after = build.said(files.format("deepest")), build.said(files.format("flat"))
    return Flat(build.layers("flat"), before, after, settings, built_upon)


def _dockerfile(layers: int) -> str:
    steps = [f"COPY a /{number}" for number in range(BUSYBOX_LAYERS + 1, layers + 1)]
    return "\n".join(["FROM busybox", *steps])


@as_written("dockerfile.layer-limit-42", fails_with="no more than 42")
@depth_drill
def test_dockerfile_of_43_layers_does_not_build(depth: Depth) -> None:
    """42 COPYs on an image of one layer, by BuildKit; the legacy builder goes further too, as is seen below."""
    assert depth.over_42.rc != 0, depth.over_42.expected("no more than 42 layers to be built")


@claim("dockerfile.layer-limit-42")
@depth_drill
def test_legacy_builder_builds_125_layers(depth: Depth) -> None:
    assert (depth.legacy.last.rc, depth.legacy.layers) == (0, LEGACY_LIMIT), depth.legacy.last.expected("125 layers")


@claim("dockerfile.layer-limit-42")
@depth_drill
def test_legacy_builder_refuses_126_layers(depth: Depth) -> None:
    assert TOO_DEEP in depth.legacy.one_more.stderr, depth.legacy.one_more.expected(TOO_DEEP)


@claim("dockerfile.layer-limit-42")
@depth_drill
def test_buildkit_builds_129_layers(depth: Depth) -> None:
    assert (depth.buildkit.last.rc, depth.buildkit.layers) == (0, BUILDKIT_LIMIT), depth.buildkit.last.expected("129 layers")


@claim("dockerfile.layer-limit-42")
@depth_drill
def test_buildkit_refuses_130_layers(depth: Depth) -> None:
    assert TOO_DEEP in depth.buildkit.one_more.stderr, depth.buildkit.one_more.expected(TOO_DEEP)


@as_written("limits.once-42", fails_with="no container")
@depth_drill
def test_image_of_43_layers_makes_no_container(depth: Depth) -> None:
    """`docker run` of an image with 43 layers."""
    assert depth.over_42_runs.rc != 0, depth.over_42_runs.expected("no container of more than 42 layers")


@claim("limits.once-42")
@depth_drill
def test_image_of_125_layers_runs(depth: Depth) -> None:
    """Files of its second and its last layer are read in a container."""
    assert depth.legacy_runs.stdout == "first\nfirst\n", depth.legacy_runs.expected("the file of both layers")


@claim("limits.once-42")
@depth_drill
def test_a_container_stands_on_127_layers_at_most(depth: Depth) -> None:
    """`docker run` of the images of 127 and 128 layers that BuildKit makes."""
    assert depth.last_that_runs.stdout == "first\n", depth.last_that_runs.expected("the file of its first step")
    assert TOO_DEEP in depth.first_that_does_not.stderr, depth.first_that_does_not.expected(TOO_DEEP)


@claim("limits.flatten")
@depth_drill
def test_flattened_image_has_one_layer_with_all_the_files(depth: Depth) -> None:
    """`docker export $(docker create IMAGE) | docker import - flat`."""
    flat, machine = depth.flat, depth.flat.settings.machine
    assert flat.layers == 1, f"{machine}: expected one layer, but the imported image has {flat.layers}"
    assert flat.files_after == flat.files_before, f"{machine}: expected the same files with the same content after the import"


@claim("limits.flatten")
@depth_drill
def test_flattened_image_can_be_built_upon(depth: Depth) -> None:
    """The same COPY on the image before and after."""
    assert depth.legacy.one_more.rc != 0, depth.legacy.one_more.expected("no layer on top of 125")
    assert depth.flat.built_upon.rc == 0, depth.flat.built_upon.expected("one on top of the flattened image")


@claim("limits.flatten")
@depth_drill
def test_flattening_loses_the_settings(depth: Depth) -> None:
    """CMD and ENV, by `docker inspect`."""
    before, after = depth.flat.settings.stdout.splitlines()
    assert before.startswith("[/bin/sh -c true] [PATH="), depth.flat.settings.expected("CMD and PATH before")
    assert after == "[] []", depth.flat.settings.expected("neither CMD nor environment afterwards")
