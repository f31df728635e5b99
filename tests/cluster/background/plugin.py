"""Starts the drills beside the tests, when any test reads them, and sees that they have ended when the tests have."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import IO

import pytest

from fixtures.cluster import BROUGHT_UP
from fixtures.wants import name_with_group
from testbed import paths
from tests.cluster.background.names import NAMES, wanted
from tests.cluster.background.outcome import FOLDER, LOG, pid_file

RUNNING = pytest.StashKey[list[subprocess.Popen[bytes]]]()
HEAL_SECONDS = 120


def pytest_runtestloop(session: pytest.Session) -> None:
    """Without xdist. The cluster is up: its plugin asks to be called first."""
    if not hasattr(session.config, "workerinput"):
        _start(session.config, [name_with_group(item) for item in session.items])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: object, ids: Sequence[str]) -> None:
    """With xdist."""
    _start(node.config, ids)  # type: ignore[attr-defined]  # xdist has no types for its controller


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A drill that still runs is broken off: it heals what it did, unless the cluster is about to be taken down anyway."""
    lanes = session.config.stash.get(RUNNING, [])
    for lane in lanes:
        if lane.poll() is None:
            lane.send_signal(signal.SIGKILL if BROUGHT_UP in session.config.stash else signal.SIGINT)
    for lane in lanes:
        lane.wait(HEAL_SECONDS)
    if lanes:
        for name in NAMES:
            pid_file(name).unlink(missing_ok=True)


def _start(config: pytest.Config, tests: Sequence[str]) -> None:
    if RUNNING in config.stash or config.option.collectonly:
        return
    lanes = wanted(tests)
    if not lanes:  # and another run of this checkout may have some
        return
    shutil.rmtree(FOLDER, ignore_errors=True)  # what a run that was killed left
    FOLDER.mkdir(parents=True)
    paths.LOGS.mkdir(exist_ok=True)
    with LOG.open("w") as log:
        config.stash[RUNNING] = [_started(names, log) for names in lanes]


def _started(names: Sequence[str], log: IO[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.cluster.background", *names]
    # In a session of its own: Ctrl-C is told to it by this process, when the tests have stopped.
    lane = subprocess.Popen(command, cwd=paths.ROOT, stdout=log, stderr=log, start_new_session=True)
    for name in names:
        pid_file(name).write_text(str(lane.pid))
    return lane
