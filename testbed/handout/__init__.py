"""report/handout.html, the one file that the attendees get: it loads nothing, neither from the network nor from beside it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2

from testbed import facts, failover, summary
from testbed.findings import Finding, Findings
from testbed.handout import picture, words
from testbed.results import BAD, Command, TestRecord, Verdict

HERE = Path(__file__).parent
# The machines' journals are shown for so many failures; after a breakdown of the testbed they would be much the same.
JOURNALS_SHOWN = 8
CARD_COMMANDS = 3
FILTERS: tuple[Callable[..., object], ...] = (
    *(words.prose, words.seen, words.shown, words.source, words.tail),
    *(failover.outage, failover.most_servers, failover.writes, failover.lost_writes, picture.signed),
)
SLUGS = {verdict: verdict.replace(" ", "-") for verdict in Verdict}


@dataclass(frozen=True)
class Drill:
    """Commands that several tests read as their evidence; shown once."""

    anchor: str
    title: str
    commands: tuple[Command, ...]
    readers: int


def render(found: Findings, allure_page: str = "") -> str:
    """The handout's HTML; `allure_page` is the name of Allure's, where there is one."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {word.__name__: word for word in FILTERS}
    shared = drills(found)
    return environment.get_template("page.html.j2").render(
        found=found,
        allure_page=allure_page,
        date=datetime.fromtimestamp(found.run.facts.get("started", 0), UTC),
        versions={name: value for name, value in facts.versions(found.run.facts).items() if value and name != "manager"},
        times=summary.times(found),
        signs=summary.SIGNS,
        slugs=SLUGS,
        bad_verdicts=BAD,
        Verdict=Verdict,
        drills_of=shared,
        drills={drill.anchor: drill for of_test in shared.values() for drill in of_test},
        own=own,
        card=card,
        with_journals=with_journals(found),
        **when_something_fails(found),
        style=(HERE / "style.css").read_text(),
        script=(HERE / "script.js").read_text(),
    )


def when_something_fails(found: Findings) -> dict[str, Any]:
    """What the drills' part of the page shows."""
    stories = found.run.stories
    return {
        "manager": found.run.facts.get("manager", ""),
        "faults": failover.compare(stories),
        "machines": list(found.run.facts.get("machines", {})),
        "longest": max((story.outage or 0 for story in stories), default=0) or 1,
        "two_at_once": any(failover.most_servers(story) > 1 for story in stories),
        "lost_writes": any(map(failover.lost_writes, stories)),
        "axis": picture.axis,
        "draw": picture.draw,
        "numbered": picture.numbered,
    }


def drills(found: Findings) -> dict[str, list[Drill]]:
    """By test, the drills that it reads."""
    readers: dict[tuple[str, tuple[int, ...]], list[TestRecord]] = {}
    commands: dict[tuple[str, tuple[int, ...]], tuple[Command, ...]] = {}
    for test in found.run.tests:
        for name, run in groupby((command for command in test.commands if command.drill), key=lambda command: command.drill):
            ran = tuple(run)
            key = (name, tuple(command.id for command in ran))
            readers.setdefault(key, []).append(test)
            commands[key] = ran
    of_test: dict[str, list[Drill]] = {}
    for number, (key, tests) in enumerate(readers.items(), start=1):
        drill = Drill(f"drill-{number}", key[0].replace("_", " "), commands[key], len(tests))
        for test in tests:
            of_test.setdefault(test.test, []).append(drill)
    return of_test


def own(test: TestRecord) -> list[Command]:
    """The commands that the test itself ran."""
    return [command for command in test.commands if not command.drill]


def card(finding: Finding) -> Iterator[Command]:
    """What to do instead of what the text says: the first commands of the truth's test."""
    ran = (command for test in finding.of_form("claim") for command in own(test))
    yield from (command for _, command in zip(range(CARD_COMMANDS), ran, strict=False))


def with_journals(found: Findings) -> set[str]:
    """The tests whose journals are shown."""
    return {test.test for test in [test for test in found.run.tests if test.journals][:JOURNALS_SHOWN]}
