"""What a run found: a record a test, written as the test ends, so that a run that is killed leaves a report of what ran."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from testbed.register import Claim, Register
from testbed.secrets import redact
from testbed.timeline import Event, Story, of_json


class Verdict(StrEnum):
    """What a run found about a claim, in the words that the reports show."""

    HOLDS = "holds"
    ERRATUM = "erratum"
    DOES_NOT_HOLD = "does not hold"
    COULD_NOT_BE_CHECKED = "could not be checked"
    FLAKY = "flaky"
    NOT_CHECKED_HERE = "not checked here"
    NOT_RUN = "not run"
    UNTESTABLE = "untestable"


BAD = (Verdict.DOES_NOT_HOLD, Verdict.COULD_NOT_BE_CHECKED, Verdict.FLAKY)


@dataclass(frozen=True)
class Command:
    """A command that ran; `id` is its place in the run, `drill` the fixture that ran it for several tests."""

    id: int
    machine: str
    command: str
    rc: int
    stdout: str
    stderr: str
    seconds: float
    drill: str = ""


@dataclass(frozen=True)
class TestRecord:
    """One test of a run. `outcome` is pytest's word, or `error` when the test could not be carried out.

    `said` is the failed assertion's own message, `message` all that pytest shows of the failure, or why it was skipped.
    """

    __test__ = False

    test: str
    claims: tuple[str, ...]
    form: str
    outcome: str
    seconds: float
    said: str = ""
    message: str = ""
    commands: tuple[Command, ...] = field(default=(), repr=False)
    journals: dict[str, str] = field(default_factory=dict, repr=False)
    attempts: int = 1


@dataclass(frozen=True)
class Run:
    """A run as its results file tells it; `finished` is empty when the run was killed."""

    facts: dict[str, Any]
    tests: tuple[TestRecord, ...]
    finished: dict[str, Any]
    stories: tuple[Story, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether it came to its end: passed (0), with failures (1), or with no test chosen (5)."""
        return self.finished.get("exit_code") in (0, 1, 5)


class Writer:
    """Writes a results file, line by line; a command that several tests share is written once."""

    def __init__(self, file: Path, facts: dict[str, Any]) -> None:
        self.file = file
        self.ids: dict[str, int] = {}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
        self._line("run", facts)

    def test(self, record: TestRecord) -> TestRecord:
        """Add a test's record, without secrets; returns it as it was written."""
        commands = tuple(self._command(command) for command in record.commands)
        journals = {machine: redact(text) for machine, text in record.journals.items()}
        clean = replace(record, commands=commands, journals=journals, said=redact(record.said), message=redact(record.message))
        entry = asdict(replace(clean, commands=()))
        self._line("test", entry | {"commands": [command.id for command in commands]})
        return clean

    def story(self, story: Story) -> Story:
        """Add a drill's story, without secrets; returns it as it was written."""
        events = tuple(Event(event.seconds, redact(event.what), event.machine) for event in story.events)
        clean = replace(story, events=events, after=redact(story.after))
        self._line("story", asdict(clean))
        return clean

    def finished(self, exit_code: int, seconds: float) -> dict[str, Any]:
        """Add the last line; returns its facts."""
        facts = {"exit_code": exit_code, "seconds": round(seconds, 1)}
        self._line("finished", facts)
        return facts

    def _command(self, command: Command) -> Command:
        clean = replace(
            command,
            id=0,
            command=redact(command.command),
            stdout=redact(command.stdout),
            stderr=redact(command.stderr),
            seconds=round(command.seconds, 4),
        )
        key = json.dumps(asdict(clean))
        if key not in self.ids:
            self.ids[key] = len(self.ids) + 1
            self._line("command", asdict(clean) | {"id": self.ids[key]})
        return replace(clean, id=self.ids[key])

    def _line(self, kind: str, entry: dict[str, Any]) -> None:
        with self.file.open("a") as lines:
            lines.write(json.dumps({"kind": kind, **entry}) + "\n")


def read(file: Path) -> Run:
    """The run that a results file tells of; a last line that was cut off by a kill is passed over."""
    facts: dict[str, Any] = {}
    finished: dict[str, Any] = {}
    tests: list[TestRecord] = []
    commands: dict[int, Command] = {}
    stories: dict[tuple[str, str], Story] = {}
    for entry in _entries(file):
        kind = entry.pop("kind")
        if kind == "command":
            commands[entry["id"]] = Command(**entry)
        elif kind == "test":
            of_test = tuple(commands[number] for number in entry["commands"])
            tests.append(TestRecord(**entry | {"claims": tuple(entry["claims"]), "commands": of_test}))
        elif kind == "story":
            story = of_json(entry)
            stories[story.fault, story.keeper] = story
        else:
            (facts if kind == "run" else finished).update(entry)
    return Run(facts, tuple(tests), finished, tuple(stories.values()))


def verdicts(register: Register, tests: Iterable[TestRecord]) -> dict[str, Verdict]:
    """The verdict on every claim of the register, by its id and in the register's order."""
    of_claim = by_claim(tests)
    return {claim_id: verdict(claim, of_claim.get(claim_id, [])) for claim_id, claim in register.claims.items()}


def by_claim(tests: Iterable[TestRecord]) -> dict[str, list[TestRecord]]:
    """The records of each claim's tests, by the claim's id."""
    found: dict[str, list[TestRecord]] = {}
    for test in tests:
        for claim_id in test.claims:
            found.setdefault(claim_id, []).append(test)
    return found


def verdict(claim: Claim, tests: list[TestRecord]) -> Verdict:
    """The worst of what its tests say: one that failed outweighs all that passed."""
    if claim.untestable:
        return Verdict.UNTESTABLE
    outcomes = {test.outcome for test in tests}
    if not tests:
        return Verdict.NOT_RUN
    if "failed" in outcomes:
        return Verdict.DOES_NOT_HOLD
    if "error" in outcomes:
        return Verdict.COULD_NOT_BE_CHECKED
    if any(test.attempts > 1 for test in tests):
        return Verdict.FLAKY
    if not outcomes & {"passed", "xfailed"}:
        return Verdict.NOT_CHECKED_HERE
    return Verdict.ERRATUM if "xfailed" in outcomes else Verdict.HOLDS


def _entries(file: Path) -> Iterator[dict[str, Any]]:
    with file.open() as lines:
        for line in lines:
            if line.endswith("}\n"):
                yield json.loads(line)
