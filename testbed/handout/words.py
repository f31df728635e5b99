"""How the handout words and shortens what it shows: its templates' filters."""

import re
from textwrap import dedent

from markupsafe import Markup

from testbed.register import Claim

# Of an output longer than this, beginning and end are shown; report/results.jsonl has all of it.
SHOWN = 3000
JOURNAL_LINES = 120
END_OF_COMMAND = re.compile(r"(^\s*\(exit code -?\d+, [\d.]+ s\)$)", re.MULTILINE)
TERMINAL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b\x0c\x0e-\x1f]")


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
    """What was expected and what was seen, from the words of an assertion made by Result.expected; else all in the first.

    What pytest says below, about the values that were compared, is left to the evidence.
    """
    expected, _, rest = said.partition(", but saw:")
    ran = END_OF_COMMAND.split(rest, maxsplit=1)
    return expected.strip(), dedent("".join(ran[:2])).strip("\n")


def source(claim: Claim) -> str:
    """The claim's place in words: `workshop, line 125`."""
    text, _, lines = claim.where.replace("later ", "").rpartition(":" if ":" in claim.where else " ")
    return f"{text}, line{'s' if '-' in lines else ''} {lines}"


def prose(text: str) -> Markup:
    """The register's prose, its `backticks` as code."""
    pieces = text.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(piece) if index % 2 else piece for index, piece in enumerate(pieces))
