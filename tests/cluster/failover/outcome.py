"""What a drill came to, handed from the process that runs the drills to the tests that read them."""

import pickle
from dataclasses import dataclass
from pathlib import Path

from testbed import paths
from testbed.errors import TestbedError
from testbed.transcript import Result
from testbed.wait import wait_until
from tests.cluster.failover.drill import Drill, Fault

FOLDER = paths.STATE / "run" / "drills"
LOG = paths.LOGS / "drills.log"
# All six, one after the other, take three minutes on a quiet machine; each wait within them has a bound of its own.
WAIT_SECONDS = 1200


@dataclass(frozen=True)
class Outcome:
    """The drill, or the words of what kept it from being one; and the commands that it ran."""

    drill: Drill | None
    broke: str
    commands: tuple[Result, ...]


def keep(fault: Fault, outcome: Outcome) -> None:
    """Hand it over; a reader never sees half of it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    part = _file(fault).with_suffix(".part")
    part.write_bytes(pickle.dumps(outcome))
    part.replace(_file(fault))


def wait_for(fault: Fault) -> Outcome:
    """The outcome, as soon as there is one; raises TestbedError when the process that should bring it has ended without it."""

    def there() -> bool:
        if not _file(fault).exists() and not _alive():
            raise TestbedError(f"{fault.value}: the drills ended before it; see {LOG.relative_to(paths.ROOT)}")
        return _file(fault).exists()

    wait_until(there, f"the drill: {fault.value}", seconds=WAIT_SECONDS)
    outcome: Outcome = pickle.loads(_file(fault).read_bytes())
    return outcome


def pid_file() -> Path:
    """Where the id of the process that runs the drills is kept."""
    return FOLDER / "pid"


def _alive() -> bool:
    file = pid_file()
    if not file.exists():
        return False
    stat = Path(f"/proc/{file.read_text()}/stat")
    # One that has ended stays in the list, as a zombie, until its parent has looked.
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def _file(fault: Fault) -> Path:
    return FOLDER / f"{fault.name.lower()}.pickle"
