"""What a drill saw, moment by moment: told by the drill, kept in the results, drawn by the report."""

import json
from dataclasses import asdict, dataclass

from testbed import paths

FOLDER = paths.STATE / "run" / "stories"


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
    """Have the story in the report of this run."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    name = f"{story.fault}-{story.keeper}".replace(" ", "-").replace("'", "")
    (FOLDER / f"{name}.json").write_text(json.dumps(asdict(story)))
