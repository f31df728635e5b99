"""What a run found: a record a test, written as the test ends, so that a run that is killed leaves a report of what ran."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from testbed.register import Claim, Register


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


@dataclass(frozen=True)
class TestRecord:
    """One test of a run. `outcome` is pytest's word, or `error` when the test could not be carried out."""

    __test__ = False

    test: str
    claims: tuple[str, ...]
    form: str
    outcome: str
    seconds: float
    message: str = ""
    commands: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    attempts: int = 1


@dataclass(frozen=True)
class Run:
    """A run as its results file tells it; `finished` is empty when the run was killed."""

    facts: dict[str, Any]
    tests: tuple[TestRecord, ...]
    finished: dict[str, Any]

    @property
    def complete(self) -> bool:
        return bool(self.finished)


def append(file: Path, kind: str, entry: dict[str, Any]) -> None:
    """Add a line to a results file: `run` (the facts), `test`, or `finished`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as lines:
        lines.write(json.dumps({"kind": kind, **entry}) + "\n")


def append_test(file: Path, record: TestRecord) -> None:
    """Add a test's record to a results file."""
    append(file, "test", asdict(record))


def read(file: Path) -> Run:
    """The run that a results file tells of; a last line that was cut off by a kill is passed over."""
    facts: dict[str, Any] = {}
    finished: dict[str, Any] = {}
    tests: list[TestRecord] = []
    for entry in _entries(file):
        kind = entry.pop("kind")
        if kind == "test":
            tests.append(TestRecord(**entry | {"claims": tuple(entry["claims"]), "commands": tuple(entry["commands"])}))
        else:
            (facts if kind == "run" else finished).update(entry)
    return Run(facts, tuple(tests), finished)


def verdicts(register: Register, tests: Iterable[TestRecord]) -> dict[str, Verdict]:
    """The verdict on every claim of the register, by its id and in the register's order."""
    by_claim: dict[str, list[TestRecord]] = {}
    for test in tests:
        for claim_id in test.claims:
            by_claim.setdefault(claim_id, []).append(test)
    return {claim_id: verdict(claim, by_claim.get(claim_id, [])) for claim_id, claim in register.claims.items()}


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
    for line in file.read_text().splitlines():
        if line.endswith("}"):
            yield json.loads(line)
