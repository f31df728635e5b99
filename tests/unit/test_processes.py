"""The processes of a checkout are told by their environment; others are left alone."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from testbed import paths, processes

SLEEP = [sys.executable, "-c", "import signal, sys; print('up', flush=True); signal.pause()"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()",
]


@pytest.fixture(autouse=True)
def other_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """An id of the test's own: the real one marks the pytest run that this test is part of."""
    monkeypatch.setattr(paths, "checkout_id", lambda: f"test-{os.getpid()}")


def started(command: list[str], checkout: str) -> Iterator["subprocess.Popen[str]"]:
    environment = {**os.environ, processes.VARIABLE: checkout}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process
        process.kill()


@pytest.fixture
def ours() -> Iterator["subprocess.Popen[str]"]:
    yield from started(SLEEP, f"test-{os.getpid()}")


@pytest.fixture
def stubborn() -> Iterator["subprocess.Popen[str]"]:
    yield from started(STUBBORN, f"test-{os.getpid()}")


@pytest.fixture
def theirs() -> Iterator["subprocess.Popen[str]"]:
    yield from started(SLEEP, "another")


def test_only_this_checkouts_processes_end(ours: "subprocess.Popen[str]", theirs: "subprocess.Popen[str]") -> None:
    processes.end_ours()
    assert (ours.wait(5), theirs.poll()) == (-15, None)


def test_one_that_ignores_sigterm_is_killed(stubborn: "subprocess.Popen[str]", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.3)
    processes.end_ours()
    assert stubborn.wait(5) == -9


def test_this_process_and_its_parents_are_spared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_environment", lambda _: [f"{processes.VARIABLE}=test-{os.getpid()}".encode()])
    assert not {os.getpid(), os.getppid()} & set(processes.ours())
