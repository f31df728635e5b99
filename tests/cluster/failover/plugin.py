"""Starts the drills beside the tests, when any test reads them, and sees that they have ended when the tests have."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence

import pytest

from fixtures.cluster import BROUGHT_UP
from testbed import paths
from testbed.errors import TestbedError
from testbed.transcript import TRANSCRIPT
from tests.cluster.failover.drill import Drill, Fault
from tests.cluster.failover.outcome import FOLDER, LOG, pid_file, wait_for

RUNNING = pytest.StashKey[subprocess.Popen[bytes]]()
HEAL_SECONDS = 120


def pytest_runtestloop(session: pytest.Session) -> None:
    """Without xdist. The cluster is up: its plugin asks to be called first."""
    if not hasattr(session.config, "workerinput"):
        _start(session.config, [item.nodeid for item in session.items])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: object, ids: Sequence[str]) -> None:
    """With xdist."""
    _start(node.config, ids)  # type: ignore[attr-defined]  # xdist has no types for its controller


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A drill that still runs is broken off: it heals what it did, unless the cluster is about to be taken down anyway."""
    drills = session.config.stash.get(RUNNING, None)
    if drills is None:
        return
    if drills.poll() is None:
        drills.send_signal(signal.SIGKILL if BROUGHT_UP in session.config.stash else signal.SIGINT)
    drills.wait(HEAL_SECONDS)


@pytest.fixture
def drill(request: pytest.FixtureRequest) -> Drill:
    """What was seen of the fault that the test's mark names, see `after`; raises TestbedError when the drill broke."""
    fault: Fault = request.param
    outcome = wait_for(fault)
    TRANSCRIPT.results.extend(outcome.commands)
    if outcome.drill is None:
        raise TestbedError(f"{fault.value}: {outcome.broke}")
    return outcome.drill


def after(*faults: Fault) -> pytest.MarkDecorator:
    """Returns the mark of a test that reads the drills of these faults, one after the other."""
    return pytest.mark.parametrize("drill", faults, ids=[fault.id for fault in faults], indirect=True)


def _start(config: pytest.Config, tests: Sequence[str]) -> None:
    wanted = [fault.id for fault in Fault if any(f"[{fault.id}]" in test for test in tests)]
    if not wanted or RUNNING in config.stash or config.option.collectonly:
        return
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    paths.LOGS.mkdir(exist_ok=True)
    with LOG.open("w") as log:
        command = [sys.executable, "-m", "tests.cluster.failover", *wanted]
        # In a session of its own: Ctrl-C is told to it by this process, when the tests have stopped.
        drills = subprocess.Popen(command, cwd=paths.ROOT, stdout=log, stderr=log, start_new_session=True)
    pid_file().write_text(str(drills.pid))
    config.stash[RUNNING] = drills
