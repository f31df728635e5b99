"""Places outside of the cluster's network from which its ports may not answer: another Docker network, and another host's."""

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import docker

from testbed import images

SECONDS = 3
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3]))"
# RFC 5737, TEST-NET-2: nobody's.
HOST, NEIGHBOUR = "198.51.100.1", "198.51.100.2"


@dataclass(frozen=True)
class Place:
    """How a command is run there, and the host's address as it is known there."""

    prefix: tuple[str, ...]
    host: str


HERE = Place((), "127.0.0.1")
"""The host itself: it is the gateway of the cluster's network, and the suite works from there."""


def sees_the_host(place: Place) -> bool:
    """Whether the network of that place works at all: a port that is opened on the host answers there."""
    with socket.create_server(("", 0)) as server:
        return answers(place, place.host, server.getsockname()[1])


def answers(place: Place, address: str, port: int) -> bool:
    """Whether a connection to that port is accepted, tried from there."""
    command = [*place.prefix, sys.executable, "-c", CONNECT, address, str(port), str(SECONDS)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def another_docker_network() -> Iterator[Place]:
    """A container on a network of its own."""
    engine, name = docker.from_env(), f"faults-{secrets.token_hex(4)}"
    network = engine.networks.create(name)
    try:
        image = images.tags_of_sources()["busybox"]
        container = engine.containers.run(image, "sleep 600", name=name, network=name, detach=True, init=True)
        try:
            facts = engine.api.inspect_container(name)
            prefix = ("nsenter", "--net", "--target", str(facts["State"]["Pid"]))
            yield Place(prefix, facts["NetworkSettings"]["Networks"][name]["Gateway"])
        finally:
            container.remove(force=True)
    finally:
        network.remove()


@contextmanager
def neighbouring_host() -> Iterator[Place]:
    """A machine on a wire to this host, whose way to everywhere leads through it: a network namespace of its own."""
    name = f"faults-{os.getpid()}"
    inside = f"ip -n {name}"
    steps = (
        f"ip netns add {name}",
        f"ip link add {name} type veth peer name wire netns {name}",
        f"ip address add {HOST}/24 dev {name}",
        f"ip link set {name} up",
        f"{inside} address add {NEIGHBOUR}/24 dev wire",
        f"{inside} link set wire up",
        f"{inside} route add default via {HOST}",
    )
    try:
        for step in steps:
            subprocess.run(step.split(), check=True, capture_output=True)
        yield Place(("ip", "netns", "exec", name), HOST)
    finally:
        subprocess.run(["ip", "link", "delete", name], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
