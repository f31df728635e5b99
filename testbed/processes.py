"""The processes of a checkout's runs: they carry its id in their environment, so that `down` ends them and no others."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from testbed import paths
from testbed.wait import WaitTimeout, wait_until

VARIABLE = "CODODEMO_CHECKOUT"
GRACE_SECONDS = 3


def mark() -> None:
    """From now on, what this process starts can be told as this checkout's."""
    os.environ[VARIABLE] = paths.checkout_id()


def end_ours() -> None:
    """End what runs of this checkout left running: SIGTERM, then SIGKILL."""
    try:
        _signal_ours(signal.SIGTERM)
    except WaitTimeout:
        _signal_ours(signal.SIGKILL)


def ours() -> Iterator[int]:
    """The ids of this checkout's processes, without this one, its parents, and its children, which it looks after itself."""
    mark = f"{VARIABLE}={paths.checkout_id()}".encode()
    parents = _lineage(os.getpid())
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        if mark in _environment(folder) and pid not in parents and os.getpid() not in _lineage(pid):
            yield pid


def _signal_ours(number: signal.Signals) -> None:
    for pid in list(ours()):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue  # it ended by itself since it was listed
    wait_until(lambda: not list(ours()), "this checkout's processes end", seconds=GRACE_SECONDS)


def _environment(folder: Path) -> list[bytes]:
    try:
        return (folder / "environ").read_bytes().split(b"\0")
    except (ProcessLookupError, FileNotFoundError, PermissionError):
        return []  # it ended, or it is another user's and so not ours


def _lineage(pid: int) -> list[int]:
    """The process, its parent, and so on up; what ended meanwhile has no parent."""
    lineage = []
    while pid > 0:
        lineage.append(pid)
        try:
            status = Path(f"/proc/{pid}/stat").read_text()
        except (ProcessLookupError, FileNotFoundError):
            break
        pid = int(status.rpartition(")")[2].split()[1])
    return lineage
