"""The last run's comparison of restart policy and manager as a Markdown table: `.venv/bin/python -m testbed.failover_table`.

With `--write README.md` it is put into that file, between the lines BEGIN and END.
"""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from testbed import report
from testbed.errors import TestbedError
from testbed.failover import compare, most_servers, outage, writes
from testbed.results import Run

BEGIN = "<!-- failover: written by .venv/bin/python -m testbed.failover_table --write README.md -->"
END = "<!-- /failover -->"
HEAD = """\
| fault | kept by | a client succeeds again after | most servers at one time | writes still readable | after healing |
| --- | --- | ---: | ---: | ---: | --- |"""


def markdown(run: Run) -> str:
    """The table under its heading, with what it was measured on. Raises TestbedError when the run has no story."""
    rows = [
        row(fault.fault, story.keeper, outage(story), str(most_servers(story)), writes(story), story.after)
        for fault in compare(run.stories)
        for story in fault.stories
    ]
    if not rows:
        raise TestbedError(f"report/{report.RESULTS}: the run has no drill's story; make one with ./cododemo check -k redis")
    return "\n".join(["## When something fails", measured(run), "", HEAD, *rows])


def measured(run: Run) -> str:
    """When, and on what."""
    date = datetime.fromtimestamp(run.facts["started"], UTC).strftime("%-d %B %Y")
    nodes, manager = run.facts.get("nodes"), run.facts.get("manager")
    machines = f" on {nodes} nodes and boot2docker" if nodes else ""
    return f"Measured by the drills in the run of {date}{machines}{f', manager {manager}' if manager else ''}."


def row(*cells: str) -> str:
    """A table's row; a cell's text may have bars and line ends."""
    return f"| {' | '.join(' '.join(cell.split()).replace('|', '&#124;') for cell in cells)} |"


def placed(text: str, table: str, name: str) -> str:
    """The text with the table between its two markers. Raises TestbedError when they are not there, once each, in order."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in after or END in before + after:
        raise TestbedError(f"{name}: it needs these two lines, once each, for the table to stand between: {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="testbed.failover_table", description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this file instead of printing it")
    file: Path | None = parser.parse_args(arguments).write
    try:
        table = markdown(report.read())
        if file:
            file.write_text(placed(file.read_text(), table, file.name))
        else:
            print(table)
    except (TestbedError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
