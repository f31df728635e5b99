"""The processes of a checkout are told by their environment; others are left alone."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from testbed import paths, processes
from testbed.processes import lives

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


def started(command: list[str], checkout: str) -> Iterator[int]:
    """A process that no living process of the test is a parent of, as what a killed run leaves; gives its id."""
    environment = {**os.environ, processes.VARIABLE: checkout}
    orphan = ["sh", "-c", '"$@" & echo $!', "sh", *command]
    with subprocess.Popen(orphan, env=environment, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        pid, up = int(shell.stdout.readline()), shell.stdout.readline()
        assert up == "up\n"
        assert shell.wait() == 0
        yield pid
        if lives(pid):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def ours() -> Iterator[int]:
    yield from started(SLEEP, f"test-{os.getpid()}")


@pytest.fixture
def stubborn() -> Iterator[int]:
    yield from started(STUBBORN, f"test-{os.getpid()}")


@pytest.fixture
def theirs() -> Iterator[int]:
    yield from started(SLEEP, "another")


def test_only_this_checkouts_processes_end(ours: int, theirs: int) -> None:
    processes.end_ours()
    assert (lives(ours), lives(theirs)) == (False, True)


def test_one_that_ignores_sigterm_is_killed(stubborn: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.3)
    processes.end_ours()
    assert not lives(stubborn)


def test_this_process_its_parents_and_its_children_are_spared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_environment", lambda _: [f"{processes.VARIABLE}=test-{os.getpid()}".encode()])
    with subprocess.Popen(SLEEP, stdout=subprocess.PIPE) as child:
        assert not {os.getpid(), os.getppid(), child.pid} & set(processes.ours())
        child.kill()
