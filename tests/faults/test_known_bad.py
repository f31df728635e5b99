"""A known-bad line in a machine's journal fails the test that was running, and no key gets into what the run leaves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.checkout import SETUP_SECONDS, Checkout, Ended
from tests.faults.left import PRIVATE_KEY

MODULE = Path("tests", "cluster", "test_made_up.py")
TESTS = """
from fixtures.claims import claim
from testbed.machine import Machine


@claim("hello-world.ssh-and-run")
def test_in_which_all_is_well(core_01: Machine) -> None:
    assert core_01.run("true").rc == 0


@claim("hello-world.ssh-and-run")
def test_in_which_the_kernel_panics(core_01: Machine) -> None:
    assert core_01.run("logger --tag kernel 'Kernel panic - not syncing: made up'").rc == 0


@claim("hello-world.ssh-and-run")
def test_in_which_the_engine_is_restarted(core_01: Machine) -> None:
    assert core_01.run("sudo systemctl restart docker").rc == 0


@claim("hello-world.ssh-and-run")
def test_in_which_a_key_is_shown(core_01: Machine) -> None:
    key = core_01.run("sudo cat /etc/ssh/ssh_host_ed25519_key")
    assert key.rc != 0, key.expected("a key that nobody may read")
"""


@pytest.fixture(scope="module")
def run(checkout: Checkout) -> Iterator[Ended]:
    """A run of tests that are made up, on one node."""
    module = checkout.folder / MODULE
    module.write_text(TESTS)
    with checkout.check("--nodes", "1", "-n", "2", "-rA", str(MODULE)) as run:
        ended = run.ended(seconds=SETUP_SECONDS)
    yield ended
    module.unlink()
    checkout.down()


@pytest.mark.parametrize(
    ("test", "line"),
    [
        ("test_in_which_the_kernel_panics", "core-01: kernel panic in its journal: "),
        ("test_in_which_the_engine_is_restarted", "core-01: engine restart in its journal: "),
    ],
)
def test_line_fails_the_test_that_was_running(run: Ended, test: str, line: str) -> None:
    """In its section of the output, by machine, name and line; what was told of one is told of no other."""
    section = run.output.partition(f"ERROR at teardown of {test} ")[2].partition("\n___")[0]
    assert line in section, run.expected(f"{line!r} for {test}")
    assert run.output.count(line) <= 2 * section.count(line), run.expected(f"{line!r} for {test} alone")


def test_others_hold_and_the_run_does_not(run: Ended) -> None:
    """One test passes, one fails by itself, and two by what the journal tells."""
    assert run.code == 1, run.expected("exit code 1")
    assert "PASSED tests/cluster/test_made_up.py::test_in_which_all_is_well" in run.output, run.expected("one that passes")
    assert "3 passed" in run.output, run.expected("3 passed")
    assert "1 failed" in run.output, run.expected("1 failed")
    assert "2 errors" in run.output, run.expected("2 errors")


@pytest.mark.usefixtures("run")
def test_report_holds_no_private_key(checkout: Checkout) -> None:
    """Neither the handout nor the results nor any other file, though a test's output held one."""
    files = [file for file in (checkout.folder / "report").rglob("*") if file.is_file()]
    names = {file.name for file in files}
    assert {"handout.html", "results.jsonl"} <= names, f"host: expected a handout and results, but saw {sorted(names)}"
    told = (checkout.folder / "report" / "results.jsonl").read_text()
    assert "left out: a secret" in told, "host: expected the results to tell that a key was left out, but they do not"
    # A key in OpenSSH's format begins so, in base64, after its first line.
    parts = (PRIVATE_KEY, b"b3BlbnNzaC1rZXktdjEA")
    holding = [file.name for file in files if any(part in file.read_bytes() for part in parts)]
    assert not holding, f"host: expected no private key in the report, but saw one in {holding}"
