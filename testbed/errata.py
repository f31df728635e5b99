"""docs/errata.md, generated from the register: `.venv/bin/python -m testbed.errata`."""

from collections.abc import Iterator

from testbed import paths
from testbed.handout.words import source
from testbed.register import Chapter, Register, load

FILE = paths.ROOT / "docs" / "errata.md"
COMMAND = ".venv/bin/python -m testbed.errata"
HEAD = f"""# Errata

Where the workshop's text, taken literally, is wrong or of its time.
Generated from the register, `claims/`, by `{COMMAND}`; do not edit it.
A claim marked *changed* was right in its day. What each run found about them is in its handout.
"""


def markdown(register: Register) -> str:
    """The errata of the register, chapter by chapter."""
    parts = [HEAD]
    for number, chapter in enumerate(register.chapters, start=1):
        if lines := list(_lines(chapter)):
            parts.append("\n".join([f"## {number}. {chapter.title}", *lines]) + "\n")
    return "\n".join(parts)


def _lines(chapter: Chapter) -> Iterator[str]:
    for claim in chapter.claims:
        if claim.today == "holds":
            continue
        yield f"- **{source(claim)}** ({claim.today}, `{claim.id}`): {claim.claim}  "
        yield f"  In truth: {claim.truth}"
        if claim.holds_here:
            yield f"  On this testbed: {claim.holds_here}"


if __name__ == "__main__":
    FILE.write_text(markdown(load()))
