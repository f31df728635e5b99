"""Lines that a machine's journal must not have, and the tests that are to blame for one: those that held the machine then."""

import json
import math
import os
import re
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from testbed import paths

HOLDS = paths.STATE / "run" / "holds.jsonl"


@dataclass(frozen=True)
class Pattern:
    """What is wrong, and the words of the journal that tell it; `drills`: what a drill may well bring about, see Hold."""

    name: str
    words: str
    drills: bool = False


PATTERNS = (
    Pattern("kernel panic", r"Kernel panic - not syncing"),
    Pattern("oom-kill", r"invoked oom-killer|Out of memory: Killed process|by the OOM killer|with result 'oom-kill'"),
    Pattern("segfault", r"segfault at |status=11/SEGV|general protection fault"),
    Pattern("lost leader", r"lost leader", drills=True),
    Pattern("engine restart", r"Stopping docker\.service|docker\.service: (Main process exited|Scheduled restart)", drills=True),
)
ANY = "|".join(pattern.words for pattern in PATTERNS)


@dataclass(frozen=True)
class Line:
    """A known-bad line: whose journal has it, when it was written (seconds since the epoch), and its words."""

    machine: str
    moment: float
    text: str

    @property
    def pattern(self) -> Pattern:
        return next(pattern for pattern in PATTERNS if re.search(pattern.words, self.text))

    def __str__(self) -> str:
        return f"{self.machine}: {self.pattern.name} in its journal: {self.text}"


@dataclass(frozen=True)
class Hold:
    """Who held which machines, from when to when; `quorum`: alone, to break it; `engines`: to restart those of its machines."""

    who: str
    machines: tuple[str, ...]
    quorum: bool
    engines: bool
    began: float
    ended: float

    def covers(self, line: Line) -> bool:
        return self.began <= line.moment <= self.ended

    def excuses(self, line: Line) -> bool:
        return line.pattern.drills and (self.quorum or (self.engines and line.machine in self.machines))


@contextmanager
def held(machines: Iterable[str], *, quorum: bool, engines: bool) -> Iterator[None]:
    """Note who holds these machines meanwhile: the running test, or, outside of one, a drill beside the tests."""
    began = now()
    who = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
    hold = Hold(who, tuple(machines), quorum, engines, began, math.inf)
    # At once, too: a drill that still goes on excuses what is read meanwhile.
    _note(hold)
    try:
        yield
    finally:
        _note(replace(hold, ended=now()))


def _note(hold: Hold) -> None:
    HOLDS.parent.mkdir(parents=True, exist_ok=True)
    with HOLDS.open("a") as file:
        file.write(json.dumps(asdict(hold)) + "\n")


def forget() -> None:
    """Nobody held anything before this run."""
    HOLDS.unlink(missing_ok=True)


def now() -> float:
    """The moment, as the journals tell it."""
    return time.time()


def holds() -> list[Hold]:
    """All that has been noted so far; one that goes on has no end yet."""
    if not HOLDS.exists():
        return []
    whole = HOLDS.read_text().rpartition("\n")[0]
    noted = [Hold(**entry | {"machines": tuple(entry["machines"])}) for entry in map(json.loads, whole.splitlines())]
    return list({(hold.who, hold.machines, hold.began): hold for hold in noted}.values())


def to_blame(line: Line, held: Collection[Hold]) -> list[str]:
    """The tests that held the machine when the line was written; nobody where a drill was meant to bring such a line."""
    if is_excused(line, held):
        return []
    return sorted({hold.who for hold in held if hold.covers(line) and line.machine in hold.machines and hold.who})


def is_excused(line: Line, held: Collection[Hold]) -> bool:
    """Whether a drill was meant to bring it; once it is known, nothing that is noted later changes that."""
    return any(hold.covers(line) and hold.excuses(line) for hold in held)


def parse(machine: str, output: str) -> Line | None:
    """The known-bad line in a line of `journalctl --output=short-unix`, or None.

    sudo's are none: they tell commands, such as the one that looks for these words.
    """
    moment, _, text = output.strip().partition(" ")
    if not re.fullmatch(r"\d+\.\d+", moment) or not re.search(ANY, text) or re.match(r"\S+ sudo\[", text):
        return None
    return Line(machine, float(moment), text)
