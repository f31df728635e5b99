"""A handout of 400 claims with evidence: its size, and how long it takes to make and to open."""

import time
from dataclasses import replace
from itertools import cycle
from pathlib import Path

from playwright.sync_api import Browser

from testbed import handout
from testbed.findings import Findings, find
from testbed.register import load
from testbed.results import Run, TestRecord

CLAIMS = 400
MIB = 2**20


def multiplied(found: Findings) -> Run:
    """The run, its tests bound again and again to other claims, each with commands of its own; drills stay shared."""
    testable = [claim for claim in load().claims.values() if not claim.untestable][:CLAIMS]
    tests: list[TestRecord] = []
    for number, (claim, test) in enumerate(zip(testable, cycle(found.run.tests), strict=False)):
        own = tuple(command if command.drill else replace(command, id=command.id + 10_000 * number) for command in test.commands)
        outcome = "passed" if claim.today == "holds" and test.outcome == "xfailed" else test.outcome
        tests.append(replace(test, test=f"{test.test}-{number}", claims=(claim.id,), outcome=outcome, commands=own))
    assert len(tests) == CLAIMS
    return replace(found.run, tests=tuple(tests))


def test_400_claims_with_evidence(found: Findings, browser: Browser, tmp_path: Path) -> None:
    many = find(load(), multiplied(found))
    file = tmp_path / "handout.html"
    began = time.monotonic()
    file.write_text(handout.render(many))
    made = time.monotonic()
    page = browser.new_page()
    page.goto(file.as_uri())
    opened = time.monotonic()
    page.close()
    assert file.stat().st_size < 15 * MIB
    assert made - began < 10
    assert opened - made < 3
