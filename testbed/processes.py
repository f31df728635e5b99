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


def lives(pid: int) -> bool:
    """Whether the process runs: it is there, and is not a zombie that its parent has yet to wait for."""
    state, _ = _stat(pid)
    return state not in ("", "Z")


def ours() -> Iterator[int]:
    """The ids of this checkout's processes, without this one, its parents, and its children, which it looks after itself."""
    mark = f"{VARIABLE}={paths.checkout_id()}".encode()
    parents = _lineage(os.getpid())
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        if mark in _environment(folder) and pid not in parents and os.getpid() not in _lineage(pid):
            yield pid


def _signal_ours(number: signal.Signals) -> None:
    signalled = list(ours())
    for pid in signalled:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue  # it ended by itself since it was listed
    wait_until(lambda: _ended(signalled), "this checkout's processes end", seconds=GRACE_SECONDS)


def _ended(signalled: list[int]) -> bool:
    """Whether none is left, told by the id too: one that is ending loses its environment a moment before it is gone."""
    return not any(map(lives, signalled)) and not list(ours())


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
        _, pid = _stat(pid)
    return lineage


def _stat(pid: int) -> tuple[str, int]:
    """The process's state and its parent's id, by proc(5)'s stat; "" and 0 when it is gone."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except (ProcessLookupError, FileNotFoundError):
        return "", 0
    return state, int(parent)
