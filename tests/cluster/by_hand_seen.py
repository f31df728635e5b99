"""What the drill of by_hand.py shows: the workshop's section on the cluster, from its samples to its old key."""

from dataclasses import dataclass
from typing import Any

from testbed.host import Line
from testbed.transcript import Result

NODES = ("core-01", "core-02", "core-03")


@dataclass(frozen=True)
class Settings:
    """What Vagrant knows before there is a machine: with the samples as they are, and with one line uncommented."""

    changed: Result
    config: Result
    copied: Result
    edited: Result

    @property
    def as_copied(self) -> tuple[str, ...]:
        return tuple(name for name in states(self.copied) if name != "boot2docker")

    @property
    def with_one_line(self) -> tuple[str, ...]:
        return tuple(name for name in states(self.edited) if name != "boot2docker")


@dataclass(frozen=True)
class Unfilled:
    """What `vagrant up` said on the network that it found, before the blank in user-data was filled."""

    network: str
    said: Result


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
    windows: int

    @property
    def started(self) -> dict[str, str]:
        """Each node's container and the time at which it was started."""
        return started(self.containers)

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
    """What was seen from the first `vagrant up` that made machines to the last."""

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
        return states(self.status)


def started(containers: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: f"{attrs['Id']} {attrs['State']['StartedAt']}" for name, attrs in containers.items()}


def states(status: Result) -> dict[str, str]:
    """Machines and their states, from `vagrant status --machine-readable`."""
    rows = [line.split(",") for line in status.stdout.splitlines()]
    return {row[1]: row[3] for row in rows if len(row) > 3 and row[2] == "state"}
