"""The drill behind test_cluster_by_hand.py: the workshop's section on the cluster, typed once, and what was seen."""

import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any

import docker
import pytest

from testbed import paths, readiness, scratch, vagrant
from testbed.cluster import Cluster
from testbed.engine import CHECKOUT_LABEL
from testbed.host import Line
from testbed.leases import HOST_CONTAINERS, Use, lease
from testbed.machine import Machine
from testbed.plain_http import HTTP
from testbed.providers.docker import MACHINE_LABEL
from testbed.transcript import Result
from testbed.wait import WaitTimeout, wait_until
from tests.cluster.by_hand_seen import NODES, ByHand, Made, Settings, Unfilled, started

NAME = "cluster-by-hand"
GROUP = pytest.mark.xdist_group(NAME)
HEALTH_SECONDS = 60
# What the workshop sets in config.rb; the port has a line of its own, as it must be free on this machine.
SETTINGS = "$num_instances=3\n$update_channel='alpha'\n$vb_gui = false\n$vb_memory = 1024\n$vb_cpus = 1\n"
EXPOSED = 2375
OTHER = 12375
# The TCP port of the display 0.
X_SERVER = 6000
# What a cloud-config can declare besides etcd: one of each kind.
DECLARED = """
    - name: declared.network
      content: |
        [Match]
        Name=eth9
    - name: declared.service
      command: start
      content: |
        [Service]
        Type=oneshot
        RemainAfterExit=true
        ExecStart=/bin/true
users:
  - default
  - name: elroy
"""
DECLARED_ARE_THERE = (
    "id -u elroy && echo user; systemctl is-active declared && echo unit; "
    "cat /etc/systemd/network/declared.network && echo network"
)


class Section:
    """What was seen, seen when it is first asked for: who wants the settings alone needs no cluster."""

    @cached_property
    def settings(self) -> Settings:
        """What Vagrant knew before there was a machine."""
        return _copy_samples()

    @cached_property
    def unfilled(self) -> Unfilled:
        """The first `vagrant up`, too early."""
        _ = self.settings  # which are in the checkout then
        return _start_unfilled()

    @cached_property
    def by_hand(self) -> ByHand:
        """The rest of the section on the cluster, typed once to its end."""
        return _follow(self.unfilled.network)


@contextmanager
def opened() -> Iterator[Section]:
    """The section in a checkout of its own, which is gone at the end with its machines; what was seen stays."""
    with lease({HOST_CONTAINERS: Use.ALONE}), scratch.checkout():
        yield Section()


def run(_cluster: Cluster) -> Section:
    """All of the section."""
    with opened() as section:
        _ = section.by_hand  # and with it the others
    return section


def _copy_samples() -> Settings:
    """The section's first block, in the scratch checkout."""
    status = "vagrant status --machine-readable"
    changed = scratch.run("cd ${HOME}/src/github.com/coreos/coreos-vagrant && pwd")
    config = scratch.run("cp config.rb.sample config.rb")
    copied = scratch.run(f"cp user-data.sample user-data && {status}")
    edited = scratch.run(f"sed -i 's/^#$num_instances/$num_instances/' config.rb && {status}")
    return Settings(changed, config, copied, edited)


def _start_unfilled() -> Unfilled:
    """`vagrant up` with the samples as they are."""
    too_early = scratch.run("vagrant up")  # which prepares, on a network that is free
    facts = json.loads((scratch.FOLDER / ".cododemo" / "testbed.json").read_text())
    return Unfilled(facts["subnet"], too_early)


def _follow(network: str) -> ByHand:
    """The section from its settings on."""
    port = _free_port()
    _configure(port)
    pasted, up, lines, windows = _up(network, port)
    if vagrant.VANISHED in up.stdout:  # a container that somebody else removed meanwhile, see vagrant.up
        scratch.run("vagrant destroy -f && cp user-data.sample user-data")
        pasted, up, lines, windows = _up(network, port)
    made = _look(network, up, lines, port, windows)
    again = scratch.run("vagrant up")
    containers_after = started(_containers())
    status = scratch.run("vagrant halt core-02 && vagrant status --machine-readable")
    _configure(OTHER)
    scratch.run("vagrant destroy -f && vagrant up core-01")  # the first of the new machines tells what the key is worth
    other = scratch.run(f"docker -H tcp://127.0.0.1:{OTHER} info --format '{{{{.Name}}}}'")
    old_key = _outcome(_machines(network)[0])
    return ByHand(pasted, port, made, again, containers_after, status, other, old_key)


def _up(network: str, port: int) -> tuple[str, Result, tuple[Line, ...], int]:
    """The first `vagrant up` with a fresh discovery URL: the URL, what was said, and how many windows were opened."""
    pasted = scratch.run(f"curl -s http://{network}.2:8087/new").stdout
    _paste(pasted)
    with _listening(port + 1), _display() as (display, windows):
        up, lines = scratch.watch(f"DISPLAY={display} vagrant up")
        return pasted, up, lines, windows()


def _configure(port: int) -> None:
    (scratch.FOLDER / "config.rb").write_text(f"{SETTINGS}$expose_docker_tcp={port}\n")


def _paste(url: str) -> None:
    file = scratch.FOLDER / "user-data"
    file.write_text(file.read_text().replace("<discovery-url>", url).rstrip("\n") + DECLARED)


def _look(network: str, up: Result, lines: tuple[Line, ...], port: int, windows: int) -> Made:
    (scratch.HOME / "ssh_config").write_text(scratch.run("vagrant ssh-config").stdout)
    nodes = _machines(network)
    containers = _containers()
    return Made(
        up,
        lines,
        containers,
        healthy=_healthy(nodes),
        environments=tuple(node.run("systemctl show etcd2 --property=Environment --value") for node in nodes),
        hostnames=tuple(node.run("hostname; id -un") for node in nodes),
        declared=nodes[0].run(DECLARED_ARE_THERE),
        memory=nodes[0].run("grep MemTotal /proc/meminfo"),
        cpus=nodes[0].run("nproc"),
        engines=_engines(containers),
        local_docker=scratch.run(
            f"export DOCKER_HOST='tcp://127.0.0.1:{port}'; docker info --format '{{{{.Name}}}}'; docker run --rm hello-world"
        ),
        windows=windows,
    )


def _machines(network: str) -> list[Machine]:
    config = scratch.HOME / "ssh_config"
    return [Machine(name, f"{network}.{101 + i}", "core", config) for i, name in enumerate(NODES)]


def _containers() -> dict[str, dict[str, Any]]:
    """What the host's engine says of each node's container, running or not, by the node's name."""
    label = f"{CHECKOUT_LABEL}={paths.checkout_id(scratch.FOLDER)}"
    found = docker.from_env().containers.list(all=True, filters={"label": label})
    named = {container.labels.get(MACHINE_LABEL, ""): container.attrs for container in found}
    return {name: attrs for name, attrs in sorted(named.items()) if name.startswith("core-")}


def _engines(containers: dict[str, dict[str, Any]]) -> dict[int, str]:
    """Which engine answers behind each port of the host."""
    ports = [attrs["NetworkSettings"]["Ports"].get("2375/tcp") for attrs in containers.values()]
    published = [int(one[0]["HostPort"]) for one in ports if one]
    return {port: str(HTTP.get(f"http://127.0.0.1:{port}/info", timeout=10).json()["Name"]) for port in published}


def _healthy(nodes: list[Machine]) -> tuple[str, ...]:
    with ThreadPoolExecutor(len(nodes)) as pool:
        return tuple(node.name for node, healthy in zip(nodes, pool.map(_becomes_healthy, nodes), strict=True) if healthy)


def _becomes_healthy(node: Machine) -> bool:
    try:
        return wait_until(
            lambda: readiness.etcd_healthy(node.address),
            f"{node}: etcd has a quorum",
            seconds=HEALTH_SECONDS,
            not_yet=readiness.NOT_YET,
        )
    except WaitTimeout:
        return False


def _outcome(node: Machine) -> Result:
    """The last line of etcd's log that tells whether it was let in, as soon as there is one."""
    log: list[Result] = []

    def told() -> bool:
        words = "registered with discovery service token|ready to serve client requests"
        log.append(node.run(f"sudo journalctl --no-pager -o cat -u etcd2 --lines=1 --grep '{words}'"))
        return log[-1].rc == 0

    with suppress(WaitTimeout):
        wait_until(told, f"{node}: etcd's log", seconds=HEALTH_SECONDS, every=0.5)
    return log[-1]


def _free_port() -> int:
    """The workshop's port or, where something has it or one of the next two, one further up."""
    return next(port for port in range(EXPOSED, EXPOSED + 1000, 10) if all(_is_free(port + i) for i in range(3)))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@contextmanager
def _listening(port: int) -> Iterator[None]:
    """Something else has this port of the host."""
    with socket.create_server(("127.0.0.1", port)):
        yield


@contextmanager
def _display() -> Iterator[tuple[str, Callable[[], int]]]:
    """The name of a display, and how many windows were about to be opened on it: an X server's port, and who called there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)

        def windows() -> int:
            count = 0
            with suppress(BlockingIOError):
                while True:
                    server.accept()[0].close()
                    count += 1
            return count

        yield f"127.0.0.1:{server.getsockname()[1] - X_SERVER}", windows
