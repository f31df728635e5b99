"""report/handout.html, the one file that the attendees get: it loads nothing, neither from the network nor from beside it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import jinja2
from markupsafe import Markup

from testbed import facts, summary
from testbed.findings import Finding, Findings
from testbed.register import Claim
from testbed.results import BAD, Command, TestRecord, Verdict

HERE = Path(__file__).parent
# Of an output longer than this, beginning and end are shown; report/results.jsonl has all of it.
SHOWN = 3000
JOURNAL_LINES = 120
# The machines' journals are shown for so many failures; after a breakdown of the testbed they would be much the same.
JOURNALS_SHOWN = 8
CARD_COMMANDS = 3
TERMINAL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b\x0c\x0e-\x1f]")
SLUGS = {verdict: verdict.replace(" ", "-") for verdict in Verdict}


@dataclass(frozen=True)
class Drill:
    """Commands that several tests read as their evidence; shown once."""

    anchor: str
    title: str
    commands: tuple[Command, ...]
    readers: int


def render(found: Findings) -> str:
    """The handout's HTML."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"shown": shown, "source": source, "prose": prose, "tail": tail, "seen": seen}
    shared = drills(found)
    return environment.get_template("page.html.j2").render(
        found=found,
        date=datetime.fromtimestamp(found.run.facts.get("started", 0), UTC),
        versions={name: value for name, value in facts.versions(found.run.facts).items() if value},
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
        style=(HERE / "style.css").read_text(),
        script=(HERE / "script.js").read_text(),
    )


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


def shown(text: str) -> str:
    """An output as the handout shows it: without a terminal's colours and moves, and shortened in its middle."""
    text = TERMINAL.sub("", text).replace("\r\n", "\n")
    if len(text) <= SHOWN:
        return text
    return f"{text[: SHOWN * 2 // 3]}\n[… {len(text) - SHOWN} characters …]\n{text[-SHOWN // 3 :]}"


def tail(text: str) -> str:
    """The end of each of a machine's answers, which begin with a line of equals signs."""
    parts = [part.strip().splitlines() for part in text.split("===== ") if part.strip()]
    return "\n\n".join("\n".join([f"===== {head}", *lines[-JOURNAL_LINES:]]) for head, *lines in parts)


def seen(said: str) -> tuple[str, str]:
    """What was expected and what was seen, from the words of an assertion made by Result.expected; else all in the first."""
    expected, _, rest = said.partition(", but saw:")
    return expected.strip(), rest.strip("\n")


def source(claim: Claim) -> str:
    """The claim's place in words: `workshop, line 125`."""
    text, _, lines = claim.where.replace("later ", "").rpartition(":" if ":" in claim.where else " ")
    return f"{text}, line{'s' if '-' in lines else ''} {lines}"


def prose(text: str) -> Markup:
    """The register's prose, its `backticks` as code."""
    pieces = text.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(piece) if index % 2 else piece for index, piece in enumerate(pieces))
