"""The images of the machines and of the workshop: built on the host's engine, and again only when their sources change.

An image's tag is a hash over its folder and over the images that it stands on, so "is it built?" is one look-up.
"""

import hashlib
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, BuildError, ImageNotFound, NotFound
from fasteners import InterProcessLock

from testbed import paths
from testbed.engine import CHECKOUT_LABEL, IMAGE_LABEL
from testbed.errors import TestbedError
from testbed.wait import settled, wait_until

Say = Callable[[str], object]
BUILDING = Path(tempfile.gettempdir()) / "cododemo-images.lock"
DEBIAN = "bookworm"
REGISTRY_PORT = "5000/tcp"
# By its name: labels would be handed on to the image that is made of it, and to that one's containers.
FILLING = "cododemo-filling"
CANCELLED_SECONDS = 10
PUSHED = re.compile(r"127\.0\.0\.1:\d+/library/")
ARCHIVE = paths.STATE / "base.tar"


@dataclass(frozen=True)
class Recipe:
    """An image's folder under images/, and the build argument that names the image it stands on."""

    name: str
    argument: str
    stands_on: str


MACHINES = (
    Recipe("machine", "BASE", "base"),
    Recipe("node", "MACHINE", "machine"),
    Recipe("boot2docker", "MACHINE", "machine"),
    Recipe("services", "BASE", "base"),
)
WORKSHOP = (
    Recipe("hello-world", "BASE", "base"),
    Recipe("busybox", "BASE", "base"),
    Recipe("curl", "BASE", "base"),
    Recipe("debian", "BASE", "base"),
    Recipe("devbox-base", "BASE", "base"),
    Recipe("registry", "BASE", "base"),
    Recipe("redis", "BASE", "base"),
    Recipe("docker-register", "CURL", "curl"),
    Recipe("ambassador", "BASE", "base"),
    Recipe("web", "DEVBOX_BASE", "devbox-base"),
    Recipe("nginx", "BASE", "base"),
)


def ensure(say: Say = print) -> dict[str, str]:
    """Build what is missing and return the tag of every image by its name.

    `filled-services` is `services` with the workshop's images already pushed into its registry, so that no run has to push them.
    Raises TestbedError when an image cannot be built.
    """
    # Another checkout's build would take this one's stages for left behind.
    with InterProcessLock(BUILDING):
        return _ensure(docker.from_env(), tags_of_sources(), say)


def remove_unfinished() -> None:
    """Remove what a build that was killed left behind. Another checkout that builds meanwhile does so itself when it ends."""
    lock = InterProcessLock(BUILDING)
    if not lock.acquire(blocking=False):
        lock.lockfile.close()  # fasteners leaves it open where it did not get the lock
        return
    try:
        ARCHIVE.unlink(missing_ok=True)
        _remove_unfinished(docker.from_env())
    finally:
        lock.release()


def _ensure(engine: docker.DockerClient, tags: dict[str, str], say: Say) -> dict[str, str]:
    if not _exists(engine, tags["base"]):
        say("building the base image of Debian packages")
        _make_base(engine, tags["base"])
    for recipe in MACHINES + WORKSHOP:
        if not _exists(engine, tags[recipe.name]):
            say(f"building {recipe.name}")
            _build_recipe(engine, recipe, tags)
    if not _exists(engine, tags["filled-services"]):
        say("filling the registry with the workshop's images")
        _fill_registry(engine, tags)
    return tags


def tags_of_sources() -> dict[str, str]:
    """The tag that each image has when it is built from today's sources, by the image's name."""
    digests = {"base": hashlib.sha256(DEBIAN.encode()).hexdigest()}
    for recipe in MACHINES + WORKSHOP:
        digest = hashlib.sha256(digests[recipe.stands_on].encode())
        folder = paths.IMAGES / recipe.name
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                digest.update(f"{file.relative_to(folder)} {file.stat().st_mode & 0o111}\n".encode() + file.read_bytes())
        digests[recipe.name] = digest.hexdigest()
    digests["filled-services"] = hashlib.sha256("".join(sorted(digests.values())).encode()).hexdigest()
    return {name: f"cododemo/{name}:{digest[:12]}" for name, digest in digests.items()}


def built() -> bool:
    """Whether every image is there, so that a run need not build."""
    engine = docker.from_env()
    return all(_exists(engine, tag) for tag in tags_of_sources().values())


def _exists(engine: docker.DockerClient, tag: str) -> bool:
    try:
        engine.images.get(tag)
    except ImageNotFound:
        return False
    return True


def _make_base(engine: docker.DockerClient, tag: str) -> None:
    """Debian from Docker Hub, or, where that does not answer, made of Debian's packages."""
    repository, version = tag.split(":")
    try:
        pulled = engine.images.pull("debian", tag=f"{DEBIAN}-slim")
    except (APIError, NotFound):
        _import_packages(engine, repository, version)
    else:
        _build(engine, "base", tag, fileobj=BytesIO(f"FROM {pulled.id}".encode()))


def _import_packages(engine: docker.DockerClient, repository: str, version: str) -> None:
    ARCHIVE.parent.mkdir(exist_ok=True)
    made = subprocess.run(
        ["mmdebstrap", "--variant=minbase", "--quiet", DEBIAN, str(ARCHIVE)], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        lines = made.stderr.strip().splitlines() or ["no output"]
        raise TestbedError(f"mmdebstrap {DEBIAN} ended with {made.returncode}: {lines[-1]}; mend the package source or the disk")
    try:
        engine.api.import_image_from_file(str(ARCHIVE), repository=repository, tag=version, changes=[f"LABEL {IMAGE_LABEL}=base"])
    except APIError as error:
        raise TestbedError(f"the engine does not take the base image: {error.explanation}; is its disk full?") from error
    finally:
        ARCHIVE.unlink(missing_ok=True)


def _build_recipe(engine: docker.DockerClient, recipe: Recipe, tags: dict[str, str]) -> None:
    _build(
        engine,
        recipe.name,
        tags[recipe.name],
        fileobj=_context(paths.IMAGES / recipe.name),
        custom_context=True,
        buildargs={recipe.argument: tags[recipe.stands_on]},
    )
    _remove_unfinished(engine)


def _build(engine: docker.DockerClient, name: str, tag: str, **source: Any) -> None:
    """Of what `source` says in the words of the SDK; no step's container is left."""
    try:
        engine.images.build(tag=tag, labels={IMAGE_LABEL: name}, rm=True, forcerm=True, **source)
    except BuildError as error:
        output = "".join(str(line.get("stream", "")) for line in error.build_log).strip().splitlines()
        raise TestbedError(f"the image {name} does not build: {error.msg}; {' | '.join(output[-3:])}") from error


def _remove_unfinished(engine: docker.DockerClient) -> None:
    """The registry that was being filled, the names by which images are pushed to it, and images without a tag.

    A build stage leaves one of these in any case; ours say so by a label.
    """
    for container in engine.api.containers(all=True, filters={"name": f"^/{FILLING}$"}):
        engine.api.remove_container(container["Id"], force=True, v=True)
    # An engine notices a moment later that nobody waits for its build any more; an image that a container of it uses would stay.
    for step in settled(lambda: _steps(engine), lambda steps: not steps, seconds=CANCELLED_SECONDS):
        if step["State"] != "running":  # of an engine that ended itself; one that runs is somebody's who builds on our images
            engine.api.remove_container(step["Id"], force=True, v=True)
    for image in engine.api.images(filters={"label": IMAGE_LABEL}):
        for tag in filter(PUSHED.match, image["RepoTags"] or []):
            engine.images.remove(tag)
    engine.images.prune(filters={"dangling": True, "label": IMAGE_LABEL})


def _steps(engine: docker.DockerClient) -> list[dict[str, Any]]:
    """The containers of builds on our images, one a step: they are of no checkout, and stand on an image that has no name."""
    containers = engine.api.containers(all=True, filters={"label": IMAGE_LABEL})
    return [each for each in containers if CHECKOUT_LABEL not in each["Labels"] and each["Image"].startswith("sha256:")]


def _context(folder: Path) -> BytesIO:
    """The folder as a build's context. A link goes as the file that it leads to, so that two images may share a source."""
    context = BytesIO()
    with tarfile.open(fileobj=context, mode="w", dereference=True) as archive:
        archive.add(folder, arcname=".")
    context.seek(0)
    return context


def _fill_registry(engine: docker.DockerClient, tags: dict[str, str]) -> None:
    _remove_unfinished(engine)
    registry = engine.containers.run(
        tags["services"],
        "docker-registry serve /etc/docker/registry/config.yml",
        detach=True,
        ports={REGISTRY_PORT: ("127.0.0.1", 0)},
        name=FILLING,
    )
    try:
        registry.reload()
        port = (registry.ports[REGISTRY_PORT] or [])[0]["HostPort"]
        for recipe in WORKSHOP:
            _push(engine, tags[recipe.name], f"127.0.0.1:{port}/library/{recipe.name}")
        repository, version = tags["filled-services"].split(":")
        changes = ['CMD ["/usr/local/sbin/entry"]', f"LABEL {IMAGE_LABEL}=filled-services"]
        registry.commit(repository=repository, tag=version, changes=changes)
    finally:
        registry.remove(force=True, v=True)


def _push(engine: docker.DockerClient, image: str, repository: str) -> None:
    engine.images.get(image).tag(repository, "latest")

    def pushed() -> bool:
        lines = engine.images.push(repository, tag="latest", stream=True, decode=True)
        errors = [line["error"] for line in lines if "error" in line]
        if errors:
            raise APIError(errors[0])
        return True

    try:
        wait_until(pushed, f"push of {repository}", seconds=30, not_yet=(APIError,))
    finally:
        engine.images.remove(f"{repository}:latest")
