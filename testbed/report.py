"""report/: everything that is made from a run's results, which can be made again at any time."""

import json
from pathlib import Path

from testbed import allure_page, handout, paths, results, summary
from testbed.errors import TestbedError
from testbed.findings import Findings, find
from testbed.register import Register
from testbed.results import Run

RESULTS = "results.jsonl"
SUMMARY = "summary.json"
MARKDOWN = "summary.md"
HANDOUT = "handout.html"


def path(name: str) -> Path:
    """Where a file of the report lies."""
    return paths.REPORT / name


def read() -> Run:
    """The last run. Raises TestbedError when there is none."""
    if not path(RESULTS).exists():
        raise TestbedError(f"report/{RESULTS}: no run has left its results; make one with ./cododemo check")
    return results.read(path(RESULTS))


def write(register: Register, run: Run) -> Findings:
    """Write the summaries and the handout; returns what they tell."""
    found = find(register, run)
    _replace(path(SUMMARY), json.dumps(summary.as_json(found), indent=1, ensure_ascii=False) + "\n")
    _replace(path(MARKDOWN), summary.as_markdown(found))
    beside = allure_page.NAME if path(allure_page.NAME).exists() else ""
    _replace(path(HANDOUT), handout.render(found, beside))
    return found


def _replace(file: Path, text: str) -> None:
    """Whoever opens the file meanwhile sees the old or the new one, and never half of it."""
    part = file.with_name(f".{file.name}.part")
    part.write_text(text)
    part.replace(file)
