"""Starts the drills beside the tests, when any test reads them, and sees that they have ended when the tests have."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence

import pytest

from fixtures.cluster import BROUGHT_UP
from testbed import paths
from tests.cluster.background.names import wanted
from tests.cluster.background.outcome import FOLDER, LOG, pid_file

RUNNING = pytest.StashKey[subprocess.Popen[bytes]]()
HEAL_SECONDS = 120


def pytest_runtestloop(session: pytest.Session) -> None:
    """Without xdist. The cluster is up: its plugin asks to be called first."""
    if not hasattr(session.config, "workerinput"):
        _start(session.config, [_name_and_group(item) for item in session.items])


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
    pid_file().unlink(missing_ok=True)


def _start(config: pytest.Config, tests: Sequence[str]) -> None:
    if RUNNING in config.stash or config.option.collectonly:
        return
    shutil.rmtree(FOLDER, ignore_errors=True)  # what a run that was killed left
    names = wanted(tests)
    if not names:
        return
    FOLDER.mkdir(parents=True)
    paths.LOGS.mkdir(exist_ok=True)
    with LOG.open("w") as log:
        command = [sys.executable, "-m", "tests.cluster.background", *names]
        # In a session of its own: Ctrl-C is told to it by this process, when the tests have stopped.
        drills = subprocess.Popen(command, cwd=paths.ROOT, stdout=log, stderr=log, start_new_session=True)
    pid_file().write_text(str(drills.pid))
    config.stash[RUNNING] = drills


def _name_and_group(item: pytest.Item) -> str:
    """As xdist names a test, so that it goes to the worker of its group."""
    mark = item.get_closest_marker("xdist_group")
    return f"{item.nodeid}@{mark.args[0]}" if mark else item.nodeid
