"""The proof that checks can fail, tried on a small suite without machines: its faults are constants that are set."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import Mock

import pytest

from fixtures.sabotage.hold import wanted
from fixtures.sabotage.items import WithoutFaults
from fixtures.sabotage.plugin import in_pairs
from fixtures.sabotage.sharing import shared_drills
from fixtures.wants import AFTERWARDS, ANY
from testbed import paths
from testbed.leases import Use
from tests.cluster.background.outcome import of_drill

Suite = Callable[..., pytest.RunResult]
Sabotages = Callable[..., pytest.RunResult]

CONFTEST = """
import pytest
from fixtures.sabotage import hold
from testbed import cluster, paths

pytest_plugins = ["fixtures.claims", "fixtures.sabotage.plugin"]

def pytest_configure(config):
    patch = pytest.MonkeyPatch()
    patch.setattr(cluster, "demand_running", lambda: cluster.Cluster({}, "docker", "swarm", "", 0))
    patch.setattr(paths, "REPORT", config.rootpath / "report")
    patch.setattr(paths, "STATE", config.rootpath / "state")
    patch.setattr(hold, "SABOTAGES", config.rootpath / "leases")  # those of this checkout may be another run's just now
    config.add_cleanup(patch.undo)
"""
CHECK = """
ANSWER, RUNS = "value", []

@pytest.fixture(scope="module")
def drill():
    return ANSWER

@claim("etcd.get")
def test_get(drill):
    RUNS.append(drill)
    assert drill == "value", f"core-01: expected value, but saw {drill}"
"""
ENTRY = "- {claim: etcd.get, set: {ANSWER: nothing}, says: 'expected value'}"


TWO_CHECKS = """
ONE, OTHER, RUNS = "first", "second", []

@pytest.fixture(scope="module")
def drill():
    RUNS.append(1)
    return ONE, OTHER

@claim("etcd.get")
def test_get(drill):
    assert len(RUNS) < 3, "the drill runs once with the faults and once without"
    assert drill[0] == "first", f"core-01: expected first, but saw {drill}"

@claim("etcd.here")
def test_here(drill):
    assert len(RUNS) < 3, "the drill runs once with the faults and once without"
    assert drill[1] == "second", f"core-01: expected second, but saw {drill}"
"""
TWO_ENTRIES = """
- {claim: etcd.get, together: both, set: {ONE: nothing}, says: 'expected first'}
- {claim: etcd.here, together: both, set: {OTHER: nothing}, says: 'expected second'}
"""


@pytest.fixture
def sabotages(suite: Suite, pytester: pytest.Pytester) -> Sabotages:
    """Returns a function that writes the module of the chapter etcd and its sabotages, and runs these."""
    pytester.makeconftest(CONFTEST)
    folder = pytester.mkdir("tests/sabotage") if (pytester.path / "tests").exists() else pytester.path

    def run(check: str = CHECK, entries: str = ENTRY, *args: str, chapter: str = "etcd") -> pytest.RunResult:
        (folder / f"{chapter}.yaml").write_text(entries)
        return suite("-m", "sabotage", *args, **{chapter: check})

    return run


def test_a_check_that_fails_with_the_fault_and_holds_without_is_proven(sabotages: Sabotages, workers: tuple[str, ...]) -> None:
    result = sabotages(CHECK, ENTRY, *workers)
    result.assert_outcomes(passed=2, deselected=0 if workers else 1)
    result.stdout.fnmatch_lines(["tried: 1", "caught: 1", "without an entry yet: 0"])


def test_the_tally_is_kept(sabotages: Sabotages, pytester: pytest.Pytester) -> None:
    sabotages(CHECK.replace("etcd.get", "etcd.here"), "[]")
    sabotages(CHECK + '@claim("etcd.here")\ndef test_here(): pass\n')
    found = json.loads((pytester.path / "report" / "sabotage.json").read_text())
    assert found["without an entry yet"] == ["etcd.here"]
    assert (found["claims"], found["with a sabotage and a check"], found["caught"]) == (8, 2, 1)


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ('assert drill == "value"', "assert True", "the check holds in spite of the fault"),
        ("core-01: expected", "expected", "the check's message names no machine"),
        ("expected value, but", "expected words, but", "the check's message does not say 'expected value'"),
        (
            "    assert",
            "    if drill != 'value': raise OSError('core-01')\n    assert",
            "not as an assertion of its own: error in",
        ),
        (
            "return ANSWER",
            "assert ANSWER == 'value', 'core-01'\n    return ANSWER",
            "not as an assertion of its own: error in its setup",
        ),
        ("    assert", "    if drill != 'value': pytest.skip()\n    assert", "not as an assertion of its own: skipped"),
    ],
)
def test_what_is_no_proof_is_told(sabotages: Sabotages, was: str, becomes: str, told: str) -> None:
    result = sabotages(CHECK.replace(was, becomes))
    result.assert_outcomes(failed=1, passed=1, deselected=1)
    result.stdout.fnmatch_lines([f"*{told}*", "not caught: 1 etcd.get"])


def test_a_check_that_does_not_hold_without_the_fault_proves_nothing(sabotages: Sabotages, workers: tuple[str, ...]) -> None:
    check = CHECK.replace("    assert", "    assert drill != 'value', 'core-01 is broken'\n    assert")
    result = sabotages(check, ENTRY, *workers)
    result.assert_outcomes(failed=1, passed=1, deselected=0 if workers else 1)
    result.stdout.fnmatch_lines(["*test_get: failed: core-01 is broken", "*", "caught: 0", "does not hold *: 1 etcd.get"])


def test_faults_that_are_put_in_together_share_a_drill(sabotages: Sabotages, workers: tuple[str, ...]) -> None:
    result = sabotages(TWO_CHECKS, TWO_ENTRIES, *workers)
    result.assert_outcomes(passed=3, deselected=0 if workers else 2)
    result.stdout.fnmatch_lines(["tried: 2", "caught: 2"])


def test_of_two_put_in_together_each_must_be_noticed(sabotages: Sabotages) -> None:
    result = sabotages(TWO_CHECKS.replace("drill[1] ==", "'second' =="), TWO_ENTRIES)
    result.assert_outcomes(passed=2, failed=1, deselected=2)
    result.stdout.fnmatch_lines(["etcd.here: the check holds in spite of the fault: *", "caught: 1", "not caught: 1 etcd.here"])


@pytest.fixture
def two_chapters(sabotages: Sabotages, pytester: pytest.Pytester) -> Sabotages:
    """Returns a function that gives `web` one of the two claims, with this entry, and runs the sabotages of both."""

    def run(entry: str, checks: str = TWO_CHECKS) -> pytest.RunResult:
        (pytester.path / "tests" / "sabotage").mkdir(parents=True, exist_ok=True)
        (pytester.path / "tests" / "sabotage" / "web.yaml").write_text(entry)
        return sabotages(checks.replace("etcd.here", "web.page"), TWO_ENTRIES.splitlines()[1])

    return run


def test_chapters_that_are_put_in_together_share_a_drill(two_chapters: Sabotages) -> None:
    checks = TWO_CHECKS.replace("< 3", "< 4")  # without the faults each chapter has a drill
    result = two_chapters("- {claim: web.page, together: etcd.both, set: {OTHER: nothing}, says: 'expected second'}", checks)
    result.assert_outcomes(passed=4, deselected=2)


def test_chapters_whose_faults_exclude_each_other_are_refused(two_chapters: Sabotages) -> None:
    result = two_chapters("- {claim: web.page, together: etcd.both, set: {ONE: else}}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*web.page: together with etcd.get, which has something else for 'ONE'"])


def test_a_drill_without_faults_is_run_by_the_first_who_wants_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(paths, "STATE", tmp_path)
    drills = iter(["first", "second"])
    with shared_drills():
        assert [of_drill("a-drill", lambda: next(drills)) for _ in range(2)] == ["first", "first"]
    assert of_drill("a-drill", lambda: next(drills)) == "second"


def test_what_is_chosen_is_tried_with_and_without_its_fault(sabotages: Sabotages) -> None:
    result = sabotages(TWO_CHECKS, TWO_ENTRIES, "-k", "etcd.here", "-v")
    result.assert_outcomes(passed=2, deselected=3)
    result.stdout.fnmatch_lines(["*etcd.yaml::etcd*here PASSED*", "*etcd.yaml::etcd: without the faults, beside others PASSED*"])


def test_what_needs_nodes_holds_when_all_faults_are_out_and_the_rest_before(
    sabotages: Sabotages, workers: tuple[str, ...]
) -> None:
    check = "@pytest.fixture\ndef nodes(): pass\n" + TWO_CHECKS.replace("< 3", "< 4").replace("here(drill", "here(drill, nodes")
    result = sabotages(check, TWO_ENTRIES, "-v", *workers)
    result.assert_outcomes(passed=4, deselected=0 if workers else 2)
    result.stdout.fnmatch_lines(["caught: 2"])


def test_without_the_fault_only_that_is_run_which_noticed_it(sabotages: Sabotages) -> None:
    check = CHECK + '@claim("etcd.get")\ndef test_more(): assert False, "core-01: this one has nothing to say"\n'
    sabotages(check).assert_outcomes(passed=2, deselected=2)


def test_nobody_waits_long_for_what_the_fault_keeps_from_coming(sabotages: Sabotages) -> None:
    check = """
from testbed.wait import settled
ANSWER = "value"

@claim("etcd.get")
def test_get():
    assert settled(lambda: ANSWER, lambda answer: answer == "value", seconds=60) == "value", "core-01: expected value"
"""
    result = sabotages(check, ENTRY.replace("says", "patience: 0.2, says"))
    result.assert_outcomes(passed=2, deselected=1)
    assert result.duration < 30


def test_nobody_waits_for_a_fault_whose_worker_crashed(sabotages: Sabotages) -> None:
    check = CHECK.replace("    RUNS", '    import os; drill == "value" or os._exit(1)\n    RUNS')
    result = sabotages(check, ENTRY, "-n", "2")
    result.assert_outcomes(failed=1, passed=1)
    assert result.duration < 60


def test_the_scheduler_knows_what_a_sabotage_will_hold() -> None:
    assert wanted(["node"]) == {ANY: Use.ALONE}
    assert wanted(["host"]) == {AFTERWARDS: Use.SHARED}
    assert wanted(["core-01", "boot2docker"]) == {"core-01": Use.ALONE, "boot2docker": Use.ALONE}


@pytest.mark.parametrize(
    ("uses", "workers"),
    [("nodes", 1), ("[core-01, quorum]", 1), ("core-01", 2)],
)
def test_what_follows_one_another_in_any_case_is_of_one_worker(sabotages: Sabotages, uses: str, workers: int) -> None:
    entries = TWO_ENTRIES.replace("together: both", f"uses: {uses}")
    result = sabotages(TWO_CHECKS.replace("< 3", "< 4"), entries, "-n", "2", "--dist", "loadgroup", "-v")
    ended = [line.split()[0] for line in result.outlines if re.search(r"PASSED .*(get|here)", line)]
    assert (len(ended), len(set(ended))) == (2, workers)


@pytest.mark.parametrize(
    ("drills", "handed_out"),
    [([], []), ([1], [1]), ([0, 2, 1], [2, 0, 1]), ([0, 1, 2, 3], [3, 1, 2, 0])],
)
def test_after_much_without_faults_a_worker_gets_little(drills: Sequence[int], handed_out: Sequence[int]) -> None:
    items = [Mock(spec=WithoutFaults, drills=count, sabotages=[]) for count in drills]
    assert [item.drills for item in in_pairs(items)] == handed_out


def test_a_rewritten_command_must_be_one_of_the_checks(sabotages: Sabotages) -> None:
    result = sabotages(CHECK, "- {claim: etcd.get, set: {ANSWER: nothing}, instead: {docker run: docker ps}}")
    result.assert_outcomes(failed=1, passed=1, deselected=1)
    result.stdout.fnmatch_lines(["*no command of the check has 'docker run': *"])


def test_a_claim_that_is_not_checked_here_is_not_tried(sabotages: Sabotages) -> None:
    check = CHECK.replace("etcd.get", "web.unit")
    result = sabotages(check, ENTRY.replace("etcd.get", "web.unit"), "-rs", chapter="web")
    result.stdout.fnmatch_lines(["not tried here: 1 web.unit"])
    result.stdout.fnmatch_lines(["SKIPPED * not checked here: needs fleet (*"])


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("- {claim: etcd.gett, set: {A: 1}}", "sabotage/etcd.yaml:1: unknown claim 'etcd.gett'; did you mean 'etcd.get'?"),
        ("- claim: etcd.get\n  says: x", "sabotage/etcd.yaml:1: entry: there is no fault: give do, instead, set or fault"),
        ("- claim: etcd.get\n  do: x", "sabotage/etcd.yaml:1: entry: do without undo"),
        ("- claim: etcd.get\n  set: {A: 1}\n  uses: all", "sabotage/etcd.yaml:3: uses: is all, so it must be one of *"),
        (f"{ENTRY}\n{ENTRY}", "sabotage/etcd.yaml:2: etcd.get stands twice"),
        ("- {claim: etcd.get, set: {A: 1}, patience: 0}", "sabotage/etcd.yaml:1: patience: Input should be greater than 0"),
        (
            TWO_ENTRIES.replace("both", "both, patience: 5", 1),
            "*:3: together with etcd.get, whose patience is 5.0 s and not inf s",
        ),
        (TWO_ENTRIES.replace("OTHER", "ONE").replace("nothing", "1", 1), "*:3: together with etcd.get, which has * for 'ONE'"),
    ],
)
def test_a_mistake_in_an_entry_is_told_with_its_place(sabotages: Sabotages, entry: str, told: str) -> None:
    sabotages(CHECK, entry).stdout.fnmatch_lines([told])
