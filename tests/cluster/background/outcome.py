"""What a drill came to, handed from the process that runs the drills to the tests that read them."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from testbed import paths
from testbed.errors import TestbedError
from testbed.processes import lives
from testbed.transcript import TRANSCRIPT, Result
from testbed.wait import wait_until

T = TypeVar("T")

FOLDER = paths.STATE / "run" / "drills"
LOG = paths.LOGS / "drills.log"
# Those of a lane, one after the other, take five minutes on a quiet machine; each wait within them has a bound of its own.
WAIT_SECONDS = 1200


@dataclass(frozen=True)
class Outcome:
    """What the drill saw, or the words of what kept it from that; and the commands that it ran."""

    seen: object
    broke: str
    commands: tuple[Result, ...]


def of_drill(name: str, run: Callable[[], T]) -> T:
    """What the drill of that name saw in the process beside; where there is none, as under a sabotage, it is run here.

    Raises TestbedError when the drill broke, or its process ended without it.
    """
    if not pid_file(name).exists():
        return _run_here(name, run)
    outcome = _wait_for(name)
    TRANSCRIPT.results.extend(outcome.commands)
    if outcome.broke:
        raise TestbedError(f"{name}: {outcome.broke}")
    seen: T = outcome.seen  # type: ignore[assignment]  # it is what `run` returned in the other process
    return seen


def _run_here(_name: str, run: Callable[[], T]) -> T:
    """Those who prove that checks hold without a fault replace it: several read the same drill."""
    return run()


def is_to_come(name: str) -> bool:
    """Whether a process runs the drill and has not come to its end."""
    return pid_file(name).exists() and not _file(name).exists()


def keep(name: str, outcome: Outcome) -> None:
    """Hand it over; a reader never sees half of it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    part = _file(name).with_suffix(".part")
    part.write_bytes(pickle.dumps(outcome))
    part.replace(_file(name))


def pid_file(name: str) -> Path:
    """Where the id of the process that runs the drill is kept, as long as tests may read it."""
    return FOLDER / f"{name}.pid"


def wait_until_over(name: str) -> None:
    """Returns when it is not to come any more, or will never be, as its process has ended."""
    wait_until(lambda: not is_to_come(name) or _is_lost(name), f"the drill: {name}", seconds=WAIT_SECONDS)


def _is_lost(name: str) -> bool:
    return not lives(int(pid_file(name).read_text()))


def _wait_for(name: str) -> Outcome:
    wait_until_over(name)
    if is_to_come(name):
        raise TestbedError(f"{name}: the drills ended before it; see {LOG.relative_to(paths.ROOT)}")
    outcome: Outcome = pickle.loads(_file(name).read_bytes())
    return outcome


def _file(name: str) -> Path:
    return FOLDER / f"{name}.pickle"
