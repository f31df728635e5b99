"""fleetctl as somebody types it on a node, in a folder with unit files; what is started by it is gone at the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from testbed.machine import Machine
from testbed.transcript import Result
from testbed.wait import settled, wait_until

SECONDS = 30
# A process that does nothing and ends when it is told to: what is looked at is where fleet puts it.
SLEEPS = "[Unit]\nDescription=%n\n[Service]\nExecStart=/bin/sleep 1000\n"
ROWS = "fleetctl list-units --no-legend --full"
FILES = "fleetctl list-unit-files --no-legend --full --fields=unit,dstate,target"


@dataclass(frozen=True)
class Fleetctl:
    """On the first of the nodes, in a folder of its own."""

    nodes: tuple[Machine, ...]
    folder: str

    def run(self, command: str) -> Result:
        return self.nodes[0].run(f"cd {self.folder}; {command}")

    def write(self, name: str, *x_fleet: str, unit: str = SLEEPS) -> None:
        """A unit file, with these lines in its section for fleet."""
        section = "".join(f"{line}\n" for line in ("[X-Fleet]", *x_fleet)) if x_fleet else ""
        self.run(f"cat >{name} <<'UNIT'\n{unit}{section}UNIT")

    def start(self, *names: str) -> Result:
        started = self.run(f"fleetctl start --no-block {' '.join(names)}")
        assert started.rc == 0, started.expected("that fleet takes them")
        return started

    def rows(self, wanted: int, node: Machine | None = None) -> Result:
        """`fleetctl list-units` as soon as it has so many rows that are active, else as it is after some time."""
        return settled(
            lambda: (node or self.nodes[0]).run(ROWS), lambda seen: seen.stdout.count("\tactive\t") == wanted, seconds=SECONDS
        )

    def place(self, unit: str) -> str:
        """The address of the machine that fleet chose for the unit, as soon as it has, else nothing."""
        return settled(lambda: self.chosen(unit), bool, seconds=SECONDS)

    def chosen(self, unit: str) -> str:
        """The address of the machine that fleet has chosen for the unit by now."""
        rows = [line.split() for line in self.run(FILES).stdout.splitlines()]
        return next((target.partition("/")[2] for name, _, target in rows if name == unit), "")


@contextmanager
def fleetctl_on(nodes: tuple[Machine, ...]) -> Iterator[Fleetctl]:
    """At the end fleet has forgotten every unit that it knows, and so have the nodes."""
    folder = nodes[0].run("mktemp -d").stdout.strip()
    try:
        yield Fleetctl(nodes, folder)
    finally:
        files = [line.split() for line in nodes[0].run(f"rm -r {folder}; {FILES}").stdout.splitlines()]
        units = " ".join(name for name, *_ in files)
        # A machine that was chosen a moment ago loads the unit after this, and would also after the end of the unit.
        settled(lambda: {name for name, _, target in files if target != "-"} <= set(_loaded(nodes)), bool, seconds=SECONDS)
        if units:
            nodes[0].run(f"fleetctl unload --no-block {units}; fleetctl destroy {units}")
        wait_until(lambda: not nodes[0].quietly(ROWS).stdout, "fleet has no units", seconds=SECONDS)
        wait_until(lambda: not _loaded(nodes, units), "the nodes have none of fleet's units", seconds=SECONDS)
        for node in nodes:
            node.run("sudo systemctl reset-failed")


def _loaded(nodes: tuple[Machine, ...], units: str = "") -> list[str]:
    """The units that fleet has given to the nodes' systemd, and what of these units still runs."""
    running = f"systemctl list-units --plain --no-legend --state=active,activating,deactivating {units}" if units else "true"
    return [name for node in nodes for name in node.quietly(f"ls /run/fleet/units; {running}").stdout.split()]


@pytest.fixture
def fleetctl(nodes: tuple[Machine, ...]) -> Iterator[Fleetctl]:
    """fleetctl on the first node, where fleet knows no unit yet."""
    with fleetctl_on(nodes) as typed:
        yield typed
