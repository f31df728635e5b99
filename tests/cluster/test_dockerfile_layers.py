"""Layers: which steps of a Dockerfile add one, where they lie, and how tasks are combined."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from fixtures.claims import as_written, claim
from testbed.cluster import Cluster
from testbed.machine import Machine
from tests.cluster.building import Builder, builder, builder_somewhere

# /tmp is there already: the WORKDIR of a folder that is not makes it, and so adds a layer.
ONE_RUN_AND_SETTINGS = """\
FROM busybox
RUN echo made >/made
ENV COLOUR=red
WORKDIR /tmp
LABEL of=layers
EXPOSE 80
VOLUME /data
USER nobody
CMD true"""
STEPS = 8
THREE_TASKS = ("echo one >/one", "mkdir /two", "echo three >/two/three")

layers_drill = pytest.mark.xdist_group("dockerfile-layers")


@dataclass(frozen=True)
class Added:
    """What the eight steps added to the image that they stand on: layers, entries in the history, folders below overlay2."""

    layers: int
    history: int
    folders: int


@dataclass(frozen=True)
class Builders:
    """What the same Dockerfile adds with each builder, on one node."""

    node: str
    legacy: Added
    buildkit: Added


@pytest.fixture(scope="module")
def added(the_cluster: Cluster) -> Builders:
    with builder_somewhere(the_cluster) as build:
        return Builders(build.engine.machine.name, _added(build, "legacy"), _added(build, "buildkit"))


def _added(build: Builder, name: str) -> Added:
    before = _counts(build, "busybox")
    build.build(ONE_RUN_AND_SETTINGS, f"--network none -t {name}", buildkit=name == "buildkit")
    return Added(*(now - then for now, then in zip(_counts(build, name), before, strict=True)))


def _counts(build: Builder, image: str) -> tuple[int, int, int]:
    history = build.said(f"docker history --quiet {image}").splitlines()
    folders = build.said(f"sudo ls {build.engine.data()}/overlay2").split()
    return build.layers(image), len(history), len(folders)


@pytest.fixture
def own(docker_host: Machine) -> Iterator[Builder]:
    """A folder and an engine for one test."""
    with builder(docker_host) as started:
        yield started


@as_written("dockerfile.image-is-layer", fails_with="8 layers of 8 steps")
@layers_drill
def test_every_step_adds_a_layer(added: Builders) -> None:
    assert added.legacy.layers == STEPS, f"{added.node}: expected {STEPS} layers of {STEPS} steps, but saw {added.legacy}"


@claim("dockerfile.image-is-layer")
@layers_drill
def test_legacy_builder_adds_a_layer_only_for_the_step_that_changes_files(added: Builders) -> None:
    """RootFS.Layers of `docker image inspect`, before and after."""
    assert added.legacy.layers == 1, f"{added.node}: expected one layer, that of RUN, but saw {added.legacy}"


@claim("dockerfile.image-is-layer")
@layers_drill
def test_buildkit_adds_one_for_workdir_too(added: Builders) -> None:
    """Also when the folder is there already, so that the layer holds nothing new."""
    assert added.buildkit.layers == 2, f"{added.node}: expected two layers, those of RUN and WORKDIR, but saw {added.buildkit}"


@claim("dockerfile.image-is-layer")
@layers_drill
def test_every_step_adds_an_entry_to_the_history(added: Builders) -> None:
    """`docker history`, before and after."""
    assert added.legacy.history == added.buildkit.history == STEPS, (
        f"{added.node}: expected {STEPS} entries, one a step, but saw {added}"
    )


@claim("dockerfile.image-is-layer")
@layers_drill
def test_a_layer_is_a_folder_on_disk(added: Builders) -> None:
    """The folders in /var/lib/docker/overlay2, before and after."""
    assert added.legacy.folders == 1, f"{added.node}: expected one folder, that of RUN's layer, but saw {added.legacy}"


@claim("dockerfile.combine-tasks")
@pytest.mark.shared
def test_tasks_joined_in_one_step_make_one_layer_with_the_same_files(own: Builder) -> None:
    """Three RUN lines, and the same three joined by `&&`."""
    own.build("FROM busybox\n" + "\n".join(f"RUN {task}" for task in THREE_TASKS), "-t apart")
    own.build("FROM busybox\nRUN " + " && ".join(THREE_TASKS), "-t joined")
    layers = own.run("docker image inspect -f '{{len .RootFS.Layers}}' busybox apart joined")
    base, apart, joined = map(int, layers.stdout.split())
    assert (apart - base, joined - base) == (3, 1), layers.expected("three layers more than busybox, and one more")
    files = "docker run --rm --hostname same {} find / -xdev -type f -exec md5sum {{}} + | sort"
    joined_files, apart_files = own.run(files.format("joined")), own.run(files.format("apart"))
    assert joined_files.stdout == apart_files.stdout != "", joined_files.expected(f"the same files as\n{apart_files}")


@as_written("dockerfile.graph-path", fails_with="/var/lib/docker/graph")
def test_images_lie_under_graph(docker_host: Machine) -> None:
    """`/var/lib/docker/graph/<id>/layer`."""
    listed = docker_host.run(
        "docker pull -q hello-world; sudo ls /var/lib/docker/graph/$(docker inspect -f '{{slice .Id 7}}' hello-world)/layer"
    )
    assert listed.rc == 0, listed.expected("the image's layer in /var/lib/docker/graph")


@claim("dockerfile.graph-path")
def test_layers_lie_in_overlay2(docker_host: Machine) -> None:
    """The folder of hello-world's top layer, which holds its one program."""
    docker_host.run("docker pull -q hello-world")
    folder = docker_host.run("docker inspect -f '{{.GraphDriver.Data.UpperDir}}' hello-world")
    assert folder.stdout.startswith("/var/lib/docker/overlay2/"), folder.expected("a folder in /var/lib/docker/overlay2")
    listed = docker_host.run(f"sudo ls {folder.stdout}")
    assert listed.stdout.split() == ["hello"], listed.expected("the program hello")


@claim("dockerfile.graph-path")
def test_records_of_images_lie_in_image_overlay2(docker_host: Machine) -> None:
    """The image's configuration, in a file named by its ID."""
    record = docker_host.run(
        "docker pull -q hello-world >/dev/null; "
        "sudo cat /var/lib/docker/image/overlay2/imagedb/content/sha256/$(docker inspect -f '{{slice .Id 7}}' hello-world)"
    )
    assert '"Cmd":["/hello"]' in record.stdout, record.expected("the configuration of hello-world")
