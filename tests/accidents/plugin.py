"""The checks that the trial of accidents runs: all tests of the cluster, by their claims."""

import json
from collections.abc import Sequence
from dataclasses import asdict

import pytest

from fixtures.sabotage.checks import by_claim
from testbed import paths, report
from tests.accidents.accidents import ACCIDENTS
from tests.accidents.trial import TRIED, Checks, Trial

CHECKS = pytest.StashKey[Checks]()
SUMMARY = "accidents.json"


@pytest.hookimpl(tryfirst=True)  # before -m and -k take them away
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.stash[CHECKS] = by_claim(items)


@pytest.fixture(scope="session")
def checks(request: pytest.FixtureRequest) -> Checks:
    """The tests of each claim."""
    return request.config.stash[CHECKS]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    ended = [each for word in ("passed", "failed") for each in terminalreporter.getreports(word)]
    tried = [value for each in ended if each.when == "call" for name, value in each.user_properties if name == TRIED]
    if not tried:
        return
    trials = sorted((Trial(**each) for each in tried), key=lambda trial: trial.claim)
    paths.REPORT.mkdir(exist_ok=True)
    report.path(SUMMARY).write_text(json.dumps([asdict(trial) for trial in trials], indent=1) + "\n")
    terminalreporter.section("accidents")
    for line in table(trials):
        terminalreporter.write_line(line)


def table(trials: Sequence[Trial]) -> list[str]:
    """As Markdown: a line a claim, a column an accident."""
    accidents = [accident for accident in ACCIDENTS if accident in {trial.accident for trial in trials}]
    words = {(trial.claim, trial.accident): trial.word for trial in trials}
    head = [f"| claim | {' | '.join(accidents)} |", f"| --- |{' --- |' * len(accidents)}"]
    claims = dict.fromkeys(trial.claim for trial in trials)
    return head + [f"| {claim} | {' | '.join(words.get((claim, each), '') for each in accidents)} |" for claim in claims]
