"""A run held against the register: what summary, handout and console all tell, so that they tell the same story."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from testbed import results
from testbed.register import Chapter, Claim, Register
from testbed.results import BAD, Run, TestRecord, Verdict

LONGEST_LINE = 300
# By pytest's exit code.
BROKEN_OFF = {2: "it was interrupted", 3: "it broke off with an internal error", 4: "it was used wrongly"}


@dataclass(frozen=True)
class Finding:
    """What the run found about one claim."""

    claim: Claim
    verdict: Verdict
    tests: tuple[TestRecord, ...]

    @property
    def seconds(self) -> float:
        return round(sum(test.seconds for test in self.tests), 3)

    @property
    def reason(self) -> str:
        """One line: why it does not hold, or why it was not checked; empty where there is nothing to explain."""
        if self.claim.untestable:
            return self.claim.untestable
        told = (test for test in self.tests if test.outcome not in ("passed", "xfailed"))
        return next((first_line(test.said or test.message) for test in told), "")

    @property
    def statement(self) -> str:
        """What was found not to hold: the truth, where the text is known to be wrong and it was the truth that failed."""
        failed_truth = any(test.form == "claim" and test.outcome in ("failed", "error") for test in self.tests)
        return self.claim.truth if self.claim.truth and self.claim.today != "holds" and failed_truth else self.claim.claim

    def of_form(self, form: str) -> Iterator[TestRecord]:
        """The tests of the claim as written, or of the claim or the truth behind it."""
        return (test for test in self.tests if test.form == form)


@dataclass(frozen=True)
class ChapterFindings:
    """A chapter's claims with what was found, in the text's order."""

    chapter: Chapter
    findings: tuple[Finding, ...]

    @cached_property
    def counts(self) -> dict[Verdict, int]:
        """How many claims have each verdict, in the order of Verdict; verdicts that none has are left out."""
        return counts_of(self.findings)

    @property
    def seconds(self) -> float:
        """The time of the chapter's tests, each counted once, though it may prove several claims."""
        tests = {test.test: test.seconds for finding in self.findings for test in finding.tests}
        return round(sum(tests.values()), 1)

    @property
    def ran(self) -> bool:
        return any(finding.tests for finding in self.findings)


@dataclass(frozen=True)
class Findings:
    """The run, chapter by chapter."""

    run: Run
    chapters: tuple[ChapterFindings, ...]

    def __iter__(self) -> Iterator[Finding]:
        return (finding for chapter in self.chapters for finding in chapter.findings)

    def having(self, *verdicts: Verdict) -> list[Finding]:
        """The findings with one of these verdicts, in the register's order."""
        return [finding for finding in self if finding.verdict in verdicts]

    @cached_property
    def counts(self) -> dict[Verdict, int]:
        return counts_of(self)

    @property
    def bad(self) -> list[Finding]:
        return self.having(*BAD)

    @property
    def troubles(self) -> list[list[Finding]]:
        """What went wrong, what does not hold first; claims with one verdict for one reason, as a failed drill's, together."""
        by_verdict = (self.having(verdict) for verdict in BAD)
        return [claims for findings in by_verdict for claims in grouped(findings).values()]

    @property
    def stray(self) -> list[TestRecord]:
        """Tests that ended badly and are bound to no claim of the register: a crashed worker's, for one."""
        known = {finding.claim.id for finding in self}
        return [test for test in self.run.tests if not known & set(test.claims)]

    @property
    def not_checked(self) -> dict[str, list[Finding]]:
        """The claims that were not checked here, by the reason."""
        return grouped(self.having(Verdict.NOT_CHECKED_HERE))

    @property
    def incomplete(self) -> str:
        """Why the run tells less than a whole one would; empty when it came to its end."""
        if self.run.complete:
            return ""
        why = BROKEN_OFF.get(self.run.finished.get("exit_code", -1), "it was killed, or still runs")
        expected = self.run.facts.get("tests")
        return f"The run did not come to its end: {why}. It ran {len(self.run.tests)} of {expected} tests."


def find(register: Register, run: Run) -> Findings:
    """What the run found about every claim of the register."""
    of_claim = results.by_claim(run.tests)

    def finding(claim: Claim) -> Finding:
        tests = of_claim.get(claim.id, [])
        return Finding(claim, results.verdict(claim, tests), tuple(tests))

    chapters = (ChapterFindings(chapter, tuple(map(finding, chapter.claims))) for chapter in register.chapters)
    return Findings(run, tuple(chapters))


def counts_of(findings: Iterable[Finding]) -> dict[Verdict, int]:
    """How many have each verdict, in the order of Verdict."""
    counted = Counter(finding.verdict for finding in findings)
    return {verdict: counted[verdict] for verdict in Verdict if verdict in counted}


def grouped(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """The findings by their reason, the reason of most claims first."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.reason, []).append(finding)
    return dict(sorted(groups.items(), key=lambda group: -len(group[1])))


def first_line(text: str) -> str:
    """The first line that is not blank, without what pytest and Python put around the words."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = line.removeprefix("AssertionError: ").removeprefix("Skipped: ").removesuffix(", but saw:")
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]} ..."
