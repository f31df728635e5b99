"""The guard: what a test finds on a machine it must leave there, and leave no more.

A snapshot is a set of lines; its difference to the machine's state after bring-up names what was left or lost.
"""

import json
import re
import shlex
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import httpx
from docker.errors import APIError, DockerException
from requests import ConnectionError as RequestsConnectionError

from testbed import images, paths
from testbed.errors import TestbedError
from testbed.leases import KEYS
from testbed.machine import Machine, MachineUnreachable
from testbed.plain_http import HTTP

FOLDER = paths.STATE / "run" / "snapshots"
NO_ANSWER = (DockerException, RequestsConnectionError, MachineUnreachable)
"""What a look at a machine raises that does not answer, by ssh or as an engine."""

# What is asked of a machine, which lines of the answer count, and how one reads in a snapshot. The lines are chosen here: each
# further process on the machine, an awk or sed, would be started hundreds of times in a run.
QUESTIONS = (
    ("cat /etc/passwd", r".+", r"user \g<0>"),
    ("cat /etc/group", r".+", r"group \g<0>"),
    (
        "systemctl list-units --plain --no-legend --type=service,socket,timer --state=active,failed",
        r"(\S+) +\S+ +(\S+) .*",
        r"unit \1 \2",
    ),
    (
        "find /media /home /opt /etc/systemd/system /run/systemd/system /etc/docker /root /var/shared "
        "-printf '%p %y %m %u:%g\\n' 2>/dev/null",
        r".+",
        r"file \g<0>",
    ),
    ("printf '%s\\n' /sys/class/net/*", r".*/((?:docker|br-).*)", r"bridge \1"),
    ("iptables -S", r"-[AP] (?:INPUT|OUTPUT) .*", r"iptables \g<0>"),
    ("df --output=pcent,ipcent,target 2>/dev/null", r" *(?:100%|\S+ +100%) .*?(/.*)", r"full \1"),
    ("date '+%s %Z'", r".+", r"clock \g<0>"),
)
END = "--end--"
# As root at once, because each sudo is three lines of the journal.
SYSTEM = "sudo sh -c " + shlex.quote(f"; echo {END}; ".join(question for question, _, _ in QUESTIONS))
BRIDGE = "bridge br-"
# What systemd and docker's own work bring and take on their own; etcd's members belong to the lease of the quorum.
PASSING = ("unit systemd-tmpfiles-clean.service", "unit run-docker-runtime", "unit logrotate", "unit etcd2.service")
# Images of the registry are a cache: any test may pull them, none has to remove them.
CACHED = {f"{recipe.name}:latest" for recipe in images.WORKSHOP}


@dataclass(frozen=True)
class Difference:
    """What a test left on a machine, and what it took away."""

    left: tuple[str, ...]
    lost: tuple[str, ...]

    def __str__(self) -> str:
        return "; ".join(
            f"{verb}: {', '.join(lines[:12])}{' …' if len(lines) > 12 else ''}"
            for verb, lines in (("left", self.left), ("lost", self.lost))
            if lines
        )

    def __bool__(self) -> bool:
        return bool(self.left or self.lost)


def snapshot(machine: Machine) -> list[str]:
    """What there is on a machine, as sorted lines."""
    with ThreadPoolExecutor(1) as beside:
        containers = beside.submit(lambda: list(_of_docker(machine.docker)))
        system = list(of_system(machine.quietly(SYSTEM).stdout))
        lines = [_clock(line) if line.startswith("clock ") else line for line in system if not line.startswith(PASSING)]
        return sorted([*lines, *containers.result(), *_networks(machine.docker, lines)])


def of_system(answers: str) -> Iterator[str]:
    """The lines of a snapshot that these answers to QUESTIONS come to; where answers are missing, so are their lines."""
    for answer, (_, line, becomes) in zip(answers.split(f"{END}\n"), QUESTIONS, strict=False):
        for found in re.finditer(f"^{line}$", answer, re.MULTILINE):
            yield found.expand(becomes)


def _networks(engine: docker.DockerClient, lines: Iterable[str]) -> list[str]:
    """The networks that have a bridge of their own among these lines: those that somebody made.

    Only then is the engine asked for their names: one whose swarm has lost its leader lists no networks for up to 20 s. A network
    without a bridge (overlay, macvlan) is not seen; no test makes one.
    """
    made = {line.removeprefix(BRIDGE) for line in lines if line.startswith(BRIDGE)}
    return [f"network {each['Name']}" for each in engine.api.networks() if each["Id"][:12] in made] if made else []


def _clock(line: str) -> str:
    """In the place of the time, by how many minutes it differs from this machine's, to the nearest five."""
    _, seconds, zone = line.split()
    return f"clock {round((int(seconds) - time.time()) / 300) * 5:+} minutes, zone {zone}"


def keys(address: str) -> list[str]:
    """The keys that etcd holds, as lines; hidden ones (fleet's, say) are not listed. Raises TestbedError without a quorum."""
    everything = {"recursive": "true", "quorum": "true"}  # a member that was away may not yet know of all
    answer = HTTP.get(f"http://{address}:2379/v2/keys/", params=everything, timeout=20).json()
    if "node" not in answer:
        raise TestbedError(f"etcd at {address} does not list its keys, but says {answer}")
    return sorted(f"key {node['key']}" for node in _leaves(answer["node"]))


def keep_baseline(name: str, lines: Iterable[str]) -> None:
    """Remember `lines` as what belongs on the machine (or in the store) of that name."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(sorted(lines)))


def keep_baselines(machines: Iterable[Machine], member: Machine) -> None:
    """Remember what these machines, and the store of which one is a member, look like now: it is what tests have to leave."""
    for machine in machines:
        keep_baseline(machine.name, snapshot(machine))
    keep_baseline(KEYS, keys(member.address))


def difference(name: str, lines: Iterable[str], folder: Path = FOLDER) -> Difference:
    """How `lines` differ from the baseline of that name."""
    before, after = set(json.loads((folder / f"{name}.json").read_text())), set(lines)
    return Difference(tuple(sorted(after - before)), tuple(sorted(before - after)))


def look(machine: Machine) -> Difference:
    """How the machine differs from its baseline."""
    return difference(machine.name, snapshot(machine))


def clean_up(machine: Machine) -> Difference:
    """Remove what was left in the machine's engine; returns how the machine differed before."""
    found = look(machine)
    clean(machine, found)
    return found


def clean(machine: Machine, found: Difference) -> None:
    """Remove the containers, images, volumes and networks that were left; what remains is for a rebuild."""
    for line in sorted(found.left):  # containers come first, so that nothing holds what comes after
        kind, _, rest = line.partition(" ")
        name = rest.split(" ")[0]
        remove = {
            "container": lambda name: machine.docker.api.remove_container(name, force=True, v=True),
            "image": lambda name: machine.docker.api.remove_image(name, force=True),
            "network": machine.docker.api.remove_network,
            "volume": lambda name: machine.docker.api.remove_volume(name, force=True),
        }.get(kind)
        if remove is not None:
            _remove(remove, name)


def clean_keys(address: str, found: Difference) -> None:
    """Delete the keys that were left."""
    for line in found.left:
        HTTP.delete(f"http://{address}:2379/v2/keys{line.removeprefix('key ')}", params={"recursive": "true"}, timeout=20)


def _remove(remove: Any, name: str) -> None:
    try:
        remove(name)
    except APIError as error:
        # An image that another one stands on goes with that one, and a network of swarm mode with the swarm.
        if error.status_code not in (httpx.codes.NOT_FOUND, httpx.codes.CONFLICT, httpx.codes.FORBIDDEN):
            raise


def _of_docker(engine: docker.DockerClient) -> Iterable[str]:
    for container in engine.api.containers(all=True):
        # A linked container has a name of its own and one below each container that links to it, as in /client/web.
        name = min(container["Names"], key=lambda name: name.count("/"))
        yield f"container {name.lstrip('/')} {container['Image']} {container['State']}"
    for image in engine.api.images():
        tags = [tag for tag in image["RepoTags"] or [] if tag != "<none>:<none>"]
        if not tags:
            yield f"image {image['Id']}"
        # What was pulled has the digest that the registry gave it; what a test made of the same name has none.
        yield from (f"image {tag}" for tag in tags if tag not in CACHED or not image["RepoDigests"])
    for volume in engine.api.volumes()["Volumes"] or []:
        yield f"volume {volume['Name']}"


def _leaves(node: dict[str, Any]) -> Iterable[dict[str, Any]]:
    if not node.get("dir"):  # an empty directory, which outlives its keys, is nothing that was left
        yield node
    for child in node.get("nodes", []):
        yield from _leaves(child)
