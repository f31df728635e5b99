"""A known-bad line fails the report of the test that was running, in the run's exit code and in its output."""

import pytest

CONFTEST = """
from pathlib import Path
from threading import Thread
import pytest
from fixtures.known_bad import Journals
from testbed import known_bad

known_bad.HOLDS = Path("holds.jsonl")

class Told(Journals):
    def _catch_up(self):
        self.lines |= set(LATE)

LATE = []

@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    journals = Told(config)
    journals.threads = [Thread()]  # as if somebody read along
    config.pluginmanager.register(journals, "journals")

@pytest.fixture
def journal(request):
    def write(words):
        line = known_bad.Line("core-01", known_bad.now(), words)
        request.config.pluginmanager.get_plugin("journals").lines.add(line)
        return line
    with known_bad.held(["core-01"], quorum=False, engines=False):
        yield write

@pytest.fixture
def slow_journal(journal, request):
    def write(words):
        line = journal(words)
        request.config.pluginmanager.get_plugin("journals").lines.remove(line)
        LATE.append(line)
    return write
"""


@pytest.fixture
def small(pytester: pytest.Pytester, request: pytest.FixtureRequest) -> pytest.Pytester:
    """A suite of three tests, of which one is running when a line is written."""
    pytester.makeini(f'[pytest]\naddopts = --strict-markers\npythonpath = "{request.config.rootpath}"')
    pytester.makeconftest(CONFTEST)
    return pytester


@pytest.mark.parametrize("journal", ["journal", "slow_journal"], ids=["at once", "when the test is over"])
def test_line_fails_the_test_that_was_running(small: pytest.Pytester, journal: str) -> None:
    small.makepyfile(
        "def test_before(journal): pass\n"
        f"def test_running({journal}): {journal}('core-01 kernel: Kernel panic - not syncing: made up')\n"
        "def test_after(journal): pass\n"
    )
    result = small.runpytest()
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(
        [
            "core-01: kernel panic in its journal: core-01 kernel: Kernel panic - not syncing: made up",
            "ERROR *::test_running - core-01: *",
        ]
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_run_without_such_a_line_holds(small: pytest.Pytester) -> None:
    small.makepyfile("def test_quiet(journal): pass\n")
    result = small.runpytest()
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.OK
