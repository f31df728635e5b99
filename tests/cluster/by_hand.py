"""The drill behind test_cluster_by_hand.py: the workshop's section on the cluster, typed once, and what was seen."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import docker

from testbed import paths, readiness, scratch
from testbed.host import Line
from testbed.machine import Machine
from testbed.plain_http import HTTP
from testbed.providers.docker import CHECKOUT_LABEL, MACHINE_LABEL
from testbed.transcript import Result
from testbed.wait import WaitTimeout, wait_until

NODES = ("core-01", "core-02", "core-03")
HEALTH_SECONDS = 60
# What the workshop sets in config.rb; the port has a line of its own, as it must be free on this machine.
SETTINGS = "$num_instances=3\n$update_channel='alpha'\n$vb_gui = false\n$vb_memory = 1024\n$vb_cpus = 1\n"
EXPOSED = 2375
OTHER = 12375
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


@dataclass(frozen=True)
class Settings:
    """What Vagrant knows before there is a machine: with the samples as they are, and with one line uncommented."""

    copied: Result
    edited: Result

    @property
    def as_copied(self) -> tuple[str, ...]:
        return tuple(name for name in _states(self.copied) if name != "boot2docker")

    @property
    def with_one_line(self) -> tuple[str, ...]:
        return tuple(name for name in _states(self.edited) if name != "boot2docker")


@dataclass(frozen=True)
class Made:
    """What `vagrant up` made: what it said, the nodes' containers as the host's engine shows them, and who they are."""

    up: Result
    lines: tuple[Line, ...]
    containers: dict[str, dict[str, Any]]
    healthy: tuple[str, ...]
    environments: tuple[Result, ...]
    hostnames: tuple[Result, ...]
    declared: Result
    memory: Result
    cpus: Result
    engines: dict[int, str]
    local_docker: Result

    @property
    def started(self) -> dict[str, str]:
        """Each node's container and the time at which it was started."""
        return _started(self.containers)

    @property
    def began(self) -> tuple[float, ...]:
        """After how many seconds Vagrant began each node."""
        return self._said("Creating the container...")

    @property
    def ready(self) -> tuple[float, ...]:
        """After how many seconds each node was ready."""
        return self._said("Machine booted and ready!")

    @property
    def seconds(self) -> tuple[float, ...]:
        """How long each node took."""
        return tuple(round(ready - began, 1) for began, ready in zip(self.began, self.ready, strict=True))

    def of_nodes(self, *path: str) -> list[Any]:
        """One property of each node's container."""
        found = []
        for name in NODES:
            value: Any = self.containers[name]
            for key in path:
                value = value[key]
            found.append(value)
        return found

    def expected_engine(self, name: str, port: str) -> str:
        """A failure's message about the engines behind the host's ports."""
        return f"host: expected {name}'s engine behind port {port}, but saw {self.engines}"

    def _said(self, words: str) -> tuple[float, ...]:
        return tuple(next(line.seconds for line in self.lines if line.text == f"==> {name}: {words}\n") for name in NODES)


@dataclass(frozen=True)
class ByHand:
    """What was seen from the first `vagrant up` to the last."""

    settings: Settings
    refused: Result
    pasted: str
    port: int
    made: Made
    again: Result
    containers_after: dict[str, str]
    status: Result
    other_engine: Result
    old_key: Result

    @property
    def states(self) -> dict[str, str]:
        return _states(self.status)


def follow(address: str) -> ByHand:
    """The section from its first line on, in the scratch checkout; `address` is the suite's own cluster's, to stay clear of."""
    settings = _copy_samples()
    network = scratch.free_subnet(address).rpartition(".")[0]
    scratch.run(f"./cododemo prepare --subnet {network}.0/24")
    refused = scratch.run("vagrant up")
    port = _free_port()
    _configure(port)
    pasted = scratch.run(f"curl -s http://{network}.2:8087/new").stdout
    _paste(pasted)
    with _listening(port + 1):
        up, lines = scratch.watch("vagrant up")
    made = _look(network, up, lines, port)
    again = scratch.run("vagrant up")
    containers_after = _started(_containers())
    status = scratch.run("vagrant halt core-02 && vagrant status --machine-readable")
    _configure(OTHER)
    scratch.run("vagrant destroy -f && vagrant up core-01")  # the first of the new machines tells what the key is worth
    other = scratch.run(f"docker -H tcp://127.0.0.1:{OTHER} info --format '{{{{.Name}}}}'")
    old_key = _outcome(_machines(network)[0])
    return ByHand(settings, refused, pasted, port, made, again, containers_after, status, other, old_key)


def _copy_samples() -> Settings:
    status = "vagrant status --machine-readable"
    block = "cd ${HOME}/src/github.com/coreos/coreos-vagrant && cp config.rb.sample config.rb && cp user-data.sample user-data"
    copied = scratch.run(f"{block} && {status}")
    return Settings(copied, scratch.run(f"sed -i 's/^#$num_instances/$num_instances/' config.rb && {status}"))


def _configure(port: int) -> None:
    (scratch.FOLDER / "config.rb").write_text(f"{SETTINGS}$expose_docker_tcp={port}\n")


def _paste(url: str) -> None:
    file = scratch.FOLDER / "user-data"
    file.write_text(file.read_text().replace("<discovery-url>", url).rstrip("\n") + DECLARED)


def _look(network: str, up: Result, lines: tuple[Line, ...], port: int) -> Made:
    (scratch.HOME / "ssh_config").write_text(scratch.run("vagrant ssh-config").stdout)
    nodes = _machines(network)
    containers = _containers()
    return Made(
        up,
        lines,
        containers,
        healthy=tuple(node.name for node in nodes if _becomes_healthy(node)),
        environments=tuple(node.run("systemctl show etcd2 --property=Environment --value") for node in nodes),
        hostnames=tuple(node.run("hostname; id -un") for node in nodes),
        declared=nodes[0].run(DECLARED_ARE_THERE),
        memory=nodes[0].run("grep MemTotal /proc/meminfo"),
        cpus=nodes[0].run("nproc"),
        engines=_engines(containers),
        local_docker=scratch.run(
            f"export DOCKER_HOST='tcp://127.0.0.1:{port}'; docker info --format '{{{{.Name}}}}'; docker run --rm hello-world"
        ),
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


def _started(containers: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: f"{attrs['Id']} {attrs['State']['StartedAt']}" for name, attrs in containers.items()}


def _engines(containers: dict[str, dict[str, Any]]) -> dict[int, str]:
    """Which engine answers behind each port of the host."""
    ports = [attrs["NetworkSettings"]["Ports"].get("2375/tcp") for attrs in containers.values()]
    published = [int(one[0]["HostPort"]) for one in ports if one]
    return {port: str(HTTP.get(f"http://127.0.0.1:{port}/info", timeout=10).json()["Name"]) for port in published}


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


def _states(status: Result) -> dict[str, str]:
    """Machines and their states, from `vagrant status --machine-readable`."""
    rows = [line.split(",") for line in status.stdout.splitlines()]
    return {row[1]: row[3] for row in rows if len(row) > 3 and row[2] == "state"}
