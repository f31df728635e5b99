"""What a checkout may leave on the host: each thing in words that name it, so that two looks can be compared."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
from fasteners import InterProcessLock

from testbed import images
from testbed.engine import CHECKOUT_LABEL
from testbed.processes import VARIABLE
from testbed.wait import settled
from tests.faults.checkout import Checkout
from tests.faults.foreign import FOREIGN

KNOWN_HOSTS = (Path.home() / ".ssh" / "known_hosts", Path("/etc/ssh/ssh_known_hosts"))
# Others on the host make and remove things too: what of theirs was met in the middle of it is gone a moment later.
OTHERS_SECONDS = 5
PRIVATE_KEY = b"PRIVATE KEY-----"

Things = frozenset[str]


def look(checkout: Checkout) -> Things:
    """All that is there and is neither another checkout's nor what these tests made as somebody else's."""
    engine = docker.from_env()
    things = (
        *_of_engine(engine, checkout),
        *_mounts(engine, checkout),
        *_processes(engine, checkout),
        *_routes(checkout),
        *_files(checkout),
    )
    return frozenset(thing for thing in things if FOREIGN not in thing)


def left(checkout: Checkout, before: Things) -> list[str]:
    """What is there now and was not before. What carries the checkout's own id has no time to go."""
    found = look(checkout) - before
    if not found or any(checkout.id in thing or str(checkout.folder) in thing for thing in found):
        return sorted(found)
    with InterProcessLock(images.BUILDING):  # another checkout's build has things that cannot be told from ours
        return sorted(settled(lambda: look(checkout) - before, lambda things: not things, seconds=OTHERS_SECONDS))


def _of_engine(engine: docker.DockerClient, checkout: Checkout) -> Iterator[str]:
    containers = engine.api.containers(all=True)
    theirs = [each for each in containers if _is_theirs(each, checkout)]
    for container in containers:
        if container not in theirs:
            yield f"container {container['Names'][0]} of {container['Image']} ({container['State']})"
    for network in engine.api.networks():
        if not _is_theirs(network, checkout):
            yield f"network {network['Name']}"
    used = {mount.get("Name") for container in theirs for mount in container["Mounts"]}
    for volume in engine.api.volumes()["Volumes"] or []:
        if not _is_theirs(volume, checkout) and volume["Name"] not in used:
            yield f"volume {volume['Name']}"
    for image in engine.api.images():
        tags = [tag for tag in image["RepoTags"] or [] if tag != "<none>:<none>"]
        if not tags:
            yield f"image {image['Id']} without a tag {' '.join(image['Labels'] or {})}"
        yield from (f"image {tag}" for tag in tags if not tag.startswith("cododemo/"))


def _is_theirs(thing: dict[str, Any], checkout: Checkout) -> bool:
    return bool((thing["Labels"] or {}).get(CHECKOUT_LABEL, checkout.id) != checkout.id)


def _mounts(engine: docker.DockerClient, checkout: Checkout) -> Iterator[str]:
    """Mounts of the checkout's folder, and those of containers that are no more."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    mounted = {line.split()[4] for line in lines}
    known = _places(engine) if any("/overlay2/" in place or "/netns/" in place for place in mounted) else ""
    for place in mounted:
        if place.startswith(f"{checkout.folder}/") or (
            ("/overlay2/" in place or "/docker/netns/" in place) and place not in known
        ):
            yield f"mount {place}"


def _places(engine: docker.DockerClient) -> str:
    """Where the engine has mounted what its containers stand on, as it tells it."""
    told = []
    for container in engine.api.containers(all=True):
        try:
            facts = engine.api.inspect_container(container["Id"])
        except docker.errors.NotFound:
            continue  # another checkout has just removed it
        told.append(f"{facts['GraphDriver']} {facts['NetworkSettings'].get('SandboxKey')}")
    return " ".join(told)


def _processes(engine: docker.DockerClient, checkout: Checkout) -> Iterator[str]:
    """What carries the checkout's mark, works in its folder, or is the shim of a container of the host's that is no more."""
    mark = f"{VARIABLE}={checkout.id}".encode()
    shims = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            inside = os.readlink(folder / "cwd").startswith(str(checkout.folder))  # noqa: PTH115  it may be gone
            marked = mark in (folder / "environ").read_bytes().split(b"\0")
            on_host = os.readlink(folder / "ns" / "pid") == os.readlink("/proc/self/ns/pid")  # noqa: PTH115
        except OSError:
            continue  # it ended meanwhile
        if command and (inside or marked):
            yield f"process {folder.name}: {command[:200]}"
        if on_host and "containerd-shim" in command and " -id " in command and "moby" in command:
            shims[command.split(" -id ")[1].split()[0]] = folder.name
    there = {container["Id"] for container in engine.api.containers(all=True)} if shims else set()
    yield from (f"process {pid}: the shim of {container}" for container, pid in shims.items() if container not in there)


def _routes(checkout: Checkout) -> Iterator[str]:
    """The kernel's ways to the checkout's network (proc(5), /proc/net/route: the bytes of an address in reverse)."""
    wanted = "".join(f"{int(part):02X}" for part in reversed(checkout.subnet.partition("/")[0].split(".")))
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        if line.split()[1] == wanted:
            yield f"route to {checkout.subnet} on {line.split()[0]}"


def _files(checkout: Checkout) -> Iterator[str]:
    """ssh's sockets and known hosts, what lies in /tmp by the checkout's id, what Vagrant remembers, and private keys."""
    yield from (f"file {path}" for path in Path("/tmp").glob(f"*{checkout.id}*"))
    for file in KNOWN_HOSTS:
        if file.exists():
            yield from (f"known host {line[:60]} in {file}" for line in file.read_text().splitlines())
    index = Path.home() / ".vagrant.d" / "data" / "machine-index" / "index"
    if index.exists() and str(checkout.folder) in index.read_text():
        yield f"{index}: machines of {checkout.folder}"
    for folder in (checkout.folder / ".cododemo", checkout.folder / "report"):
        for path in folder.rglob("*"):
            if path.is_file() and "node_modules" not in path.parts and PRIVATE_KEY in path.read_bytes():
                yield f"private key in {path}"
