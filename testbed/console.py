"""What a run says on the terminal about the workshop: a line a chapter, the errata, and where the handout is."""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from statistics import mean
from typing import Any

from testbed import failover, paths, report
from testbed.findings import ChapterFindings, Finding, Findings, find
from testbed.register import Register
from testbed.results import Run, TestRecord, Verdict
from testbed.summary import SIGNS, counted

TITLE_WIDTH = 40


def last_run() -> dict[str, float]:
    """The seconds of each test when it last ran; empty where none has."""
    file = _last_run_file()
    seconds: dict[str, float] = json.loads(file.read_text()) if file.exists() else {}
    return seconds


def keep_last_run(run: Run) -> None:
    """Keep the seconds of this run's tests, and those of tests that it did not run."""
    seconds = last_run() | {test.test: test.seconds for test in run.tests}
    paths.STATE.mkdir(exist_ok=True)
    _last_run_file().write_text(json.dumps(seconds))


class Progress:
    """Says a chapter's line when its last test has ended, with the time that the rest will take as it did the last time."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds
        self.pending: set[str] = set()
        self.workers = 1

    def expect(self, tests: Sequence[str], workers: Any) -> None:
        """The tests of the run, and the processes that share them."""
        self.pending = set(tests)
        self.workers = workers if isinstance(workers, int) else 1

    def ended(self, record: TestRecord, register: Register, records: Sequence[TestRecord]) -> Iterator[str]:
        """The lines to say now that this test has ended."""
        self.pending.discard(record.test)
        names = tuple(chapter.chapter for chapter in register.chapters)
        chapter = chapter_of(record.test, names)
        if chapter and chapter not in {chapter_of(test, names) for test in self.pending}:
            found = find(register, Run({}, tuple(records), {}))
            yield chapter_line(found.chapters[names.index(chapter)]) + self.remaining()

    def remaining(self) -> str:
        """The estimate in words: a test that is new takes as long as the mean of all."""
        if not self.pending or not self.seconds:
            return ""
        usual = mean(self.seconds.values())
        left = sum(self.seconds.get(test, usual) for test in self.pending) / self.workers
        return f"  [about {left:.0f} s to go]"


@cache  # it is asked for each pending test whenever one has ended
def chapter_of(test: str, chapters: tuple[str, ...]) -> str:
    """The chapter of a test, by where it lies: <chapter>/, test_<chapter>.py, test_<chapter>_<part>.py; or none."""
    module = test.removeprefix("tests/cluster/").partition("::")[0].partition("/")[0]
    module = module.removesuffix(".py").removeprefix("test_").replace("_", "-")
    fitting = [chapter for chapter in chapters if module == chapter or module.startswith(f"{chapter}-")]
    return max(fitting, key=len, default="")


def chapter_line(chapter: ChapterFindings) -> str:
    """A chapter in one line: title, seconds, verdicts counted."""
    return f"{chapter.chapter.title:<{TITLE_WIDTH}} {chapter.seconds:6.1f} s  {counted(chapter.counts)}"


def summary_lines(found: Findings) -> Iterator[str]:
    """The end of a run: a line a chapter and a fault, the errata in three lines each, what went wrong, where the handout is."""
    if manager := found.run.facts.get("manager"):
        yield f"manager: {manager}"
    yield from (chapter_line(chapter) for chapter in found.chapters if chapter.ran)
    if told := list(failover.lines(found.run.stories)):
        yield from ("", "when something fails, until a client succeeds again:", *told)
    if errata := found.having(Verdict.ERRATUM):
        yield from ("", f"errata: {len(errata)}")
        for finding in errata:
            yield from _erratum(finding)
    if found.bad or found.stray:
        yield from ("", "what went wrong:")
    for findings in found.troubles:
        for finding in findings:
            yield f"{SIGNS[finding.verdict]} {finding.claim.id}: {finding.verdict}: {finding.statement}"
        yield f"  {findings[0].reason}"
    yield from (f"? {test.test}: {test.said}" for test in found.stray)
    yield from ("", *filter(None, [found.incomplete]), f"handout: report/{report.HANDOUT}")


def _erratum(finding: Finding) -> Iterator[str]:
    yield f"{SIGNS[finding.verdict]} {finding.claim.id} ({finding.claim.where})"
    yield f"    the text: {finding.claim.claim}"
    yield f"    in truth: {finding.claim.truth}"


def _last_run_file() -> Path:
    return paths.STATE / "last-run.json"
