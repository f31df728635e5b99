"""What a drill saw, moment by moment: told by the drill, kept in the results, drawn by the report."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from testbed import paths

RESTART_POLICY = "docker's restart policy"
"""The keeper's name where there is no manager."""
FAULTS = ("process killed", "container killed", "engine restarted", "machine killed", "machine cut off", "leader lost")
"""The faults in the order in which they are told; others come after them."""


@dataclass(frozen=True)
class Event:
    """Something that happened; `seconds` are monotonic and begin at the fault, so what came before it is negative."""

    seconds: float
    what: str
    machine: str


@dataclass(frozen=True)
class Story:
    """How one keeper (a manager's name, or docker's restart policy) dealt with one fault.

    `servers` tells how many servers ran from which second on. `outage` is the time in seconds until a client that looks the
    address up in etcd succeeded again; None when it did not before the drill healed the fault.
    """

    fault: str
    keeper: str
    events: tuple[Event, ...]
    servers: tuple[tuple[float, int], ...]
    outage: float | None
    acknowledged: int
    """Writes acknowledged before the fault."""
    readable: int
    """How many of them can be read after it."""
    after: str
    """The state after healing, in a few words."""


def tell(story: Story) -> None:
    """Have the story in the report of this run; one told again takes the place of the first."""
    file = folder() / f"{re.sub(r'[^A-Za-z0-9.]+', '-', f'{story.fault}-{story.keeper}')}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    # The process that reports looks here at any time, and must not see half a story.
    part = file.with_suffix(".part")
    part.write_text(json.dumps(asdict(story)))
    part.replace(file)


def told() -> Iterator[Story]:
    """The stories told so far, in the order in which they were."""
    files = sorted(folder().glob("*.json"), key=lambda file: (file.stat().st_mtime_ns, file.name))
    return (of_json(json.loads(file.read_text())) for file in files)


def forget() -> None:
    """Remove the stories of the run before."""
    for file in folder().glob("*.json"):
        file.unlink()


def of_json(entry: dict[str, Any]) -> Story:
    """The story whose fields these are."""
    events = tuple(Event(**event) for event in entry["events"])
    servers = tuple((seconds, count) for seconds, count in entry["servers"])
    return Story(**entry | {"events": events, "servers": servers})


def folder() -> Path:
    """Where the processes of a run leave their stories for the one that reports."""
    return paths.STATE / "run" / "stories"
