"""report/summary.json and report/summary.md: a run in short, for programs and for a job's page. Schema: docs/summary.md."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from testbed import facts, failover
from testbed.errors import TestbedError
from testbed.findings import ChapterFindings, Finding, Findings
from testbed.results import Verdict

SCHEMA = 1
SIGNS = {
    Verdict.HOLDS: "✓",
    Verdict.ERRATUM: "✎",
    Verdict.DOES_NOT_HOLD: "✗",
    Verdict.COULD_NOT_BE_CHECKED: "?",
    Verdict.FLAKY: "~",
    Verdict.NOT_CHECKED_HERE: "⊘",
    Verdict.NOT_RUN: "○",
    Verdict.UNTESTABLE: "·",
}
FINE = (Verdict.HOLDS, Verdict.ERRATUM)


def as_json(found: Findings) -> dict[str, Any]:
    """The summary, as docs/summary.md describes it."""
    run = found.run
    return {
        "schema": SCHEMA,
        "complete": run.complete,
        "exit_code": run.finished.get("exit_code"),
        "started": started(found),
        "seconds": run.finished.get("seconds"),
        "bring_up_seconds": run.facts.get("bring_up_seconds"),
        "versions": facts.versions(run.facts),
        "nodes": run.facts.get("nodes"),
        "capabilities": run.facts.get("capabilities", []),
        "tests": {"expected": run.facts.get("tests"), "ran": len(run.tests)},
        "counts": {str(verdict): count for verdict, count in found.counts.items()},
        "chapters": [_chapter(chapter) for chapter in found.chapters],
        "claims": {finding.claim.id: _claim(finding) for finding in found},
        "failover": failover.as_json(run.stories),
        "unbound": [{"test": test.test, "outcome": test.outcome, "said": test.said} for test in found.stray],
    }


def as_markdown(found: Findings) -> str:
    """The summary for a job's page: what went wrong first, then the errata, then a line a chapter."""
    parts = [f"# The workshop: {headline(found)}"]
    if found.incomplete:
        parts.append(f"**INCOMPLETE.** {found.incomplete}")
    versions = ", ".join(f"{name} {value}" for name, value in facts.versions(found.run.facts).items() if value)
    parts.append(f"{started(found)[:16].replace('T', ' ')} UTC. {times(found)}. {versions}.")
    bad = [
        f"- {SIGNS[each.verdict]} **{each.verdict}**: `{each.claim.id}`: {each.claim.claim}  \n  {each.reason}"
        for each in found.bad
    ]
    bad += [f"- ? **could not be carried out**: `{test.test}`  \n  {test.said}" for test in found.stray]
    if bad:
        parts.append("\n".join(["## What went wrong", *bad]))
    if errata := found.having(Verdict.ERRATUM):
        lines = [f"- ✎ `{each.claim.id}` ({each.claim.where}): {each.claim.claim}  \n  {each.claim.truth}" for each in errata]
        parts.append("\n".join(["## Errata", *lines]))
    if told := list(failover.lines(found.run.stories)):
        heading = "## When something fails: until a client succeeds again"
        parts.append("\n".join([heading, *(f"- {line}" for line in told)]))
    rows = [f"| {each.chapter.title} | {counted(each.counts)} | {each.seconds} s |" for each in found.chapters if each.ran]
    parts.append("\n".join(["## Chapters", "| chapter | claims | time |", "| --- | --- | ---: |", *rows]))
    if not_checked := found.not_checked:
        lines = [f"- {len(claims)}: {reason}" for reason, claims in not_checked.items()]
        parts.append("\n".join(["## Not checked here", *lines]))
    return "\n\n".join(parts) + "\n"


def _went_wrong(finding: Finding) -> str:
    claim = finding.claim
    return f"- {SIGNS[finding.verdict]} **{finding.verdict}**: `{claim.id}`: {finding.statement}  \n  {finding.reason}"


def headline(found: Findings) -> str:
    """The run in one line."""
    return counted({verdict: count for verdict, count in found.counts.items() if verdict != Verdict.UNTESTABLE})


def counted(counts: dict[Verdict, int]) -> str:
    """The verdicts counted, each with its sign: `✓ 12 holds, ✎ 3 erratum`."""
    return ", ".join(f"{SIGNS[verdict]} {count} {verdict}" for verdict, count in counts.items()) or "nothing ran"


def times(found: Findings) -> str:
    """Bring-up and total time in words."""
    bring_up, total = found.run.facts.get("bring_up_seconds"), found.run.finished.get("seconds")
    words = [f"bring-up {bring_up:.0f} s" if bring_up else "", f"in all {total:.0f} s" if total else ""]
    return ", ".join(word for word in words if word) or "no times"


def started(found: Findings) -> str:
    """When the run started, as ISO 8601 in UTC."""
    return datetime.fromtimestamp(found.run.facts.get("started", 0), UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Changes:
    """What differs between two runs, as lines: `etcd.leader: was holds, is does not hold`."""

    stopped: list[str]
    newly: list[str]
    new: list[str]
    other: list[str]

    def lines(self) -> list[str]:
        """All of them under their headings, or one line that says that nothing changed."""
        titles = {"no longer fine": self.stopped, "fine now": self.newly, "new": self.new, "otherwise changed": self.other}
        told = [line for title, lines in titles.items() if lines for line in [f"{title}:", *(f"  {one}" for one in lines)]]
        return told or ["every claim's verdict is as it was"]


def read(file: Path) -> dict[str, Any]:
    """The summary in a file. Raises TestbedError for what is none, or is of another schema."""
    try:
        summary: dict[str, Any] = json.loads(file.read_text())
        schema = summary["schema"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TestbedError(f"{file}: no summary.json of a run ({error or type(error).__name__})") from error
    if schema != SCHEMA:
        raise TestbedError(f"{file}: its schema is {schema}, and {SCHEMA} is needed; make it anew with ./cododemo report")
    return summary


def compare(before: dict[str, Any], now: dict[str, Any]) -> Changes:
    """What changed from one run's summary to another's; a claim is fine that holds, or is an erratum that was shown."""
    changes = Changes([], [], [], [])
    for claim_id, claim in now["claims"].items():
        old = before["claims"].get(claim_id, {}).get("verdict")
        verdict = claim["verdict"]
        if old is None:
            changes.new.append(f"{claim_id}: {verdict}")
        elif old != verdict:
            reason = claim["reason"].removeprefix(f"{verdict}: ")
            line = f"{claim_id}: was {old}, is {verdict}" + (f": {reason}" if reason else "")
            kinds = {(True, False): changes.stopped, (False, True): changes.newly}
            kinds.get((old in FINE, verdict in FINE), changes.other).append(line)
    gone = before["claims"].keys() - now["claims"].keys()
    changes.other.extend(f"{claim_id}: is no longer in the register" for claim_id in sorted(gone))
    return changes


def _chapter(chapter: ChapterFindings) -> dict[str, Any]:
    counts = {str(verdict): count for verdict, count in chapter.counts.items()}
    return {"chapter": chapter.chapter.chapter, "title": chapter.chapter.title, "seconds": chapter.seconds, "counts": counts}


def _claim(finding: Finding) -> dict[str, Any]:
    tests = [{"test": test.test, "form": test.form, "outcome": test.outcome, "seconds": test.seconds} for test in finding.tests]
    return {
        "verdict": str(finding.verdict),
        "where": finding.claim.where,
        "seconds": finding.seconds,
        "reason": finding.reason,
        "tests": tests,
    }
