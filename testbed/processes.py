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
    """End what runs of this checkout left running: SIGTERM, then SIGKILL; spares this process and its parents."""
    try:
        _signal_ours(signal.SIGTERM)
    except WaitTimeout:
        _signal_ours(signal.SIGKILL)


def ours() -> Iterator[int]:
    """The ids of this checkout's processes, without this one and its parents."""
    mark = f"{VARIABLE}={paths.checkout_id()}".encode()
    spared = set(_lineage())
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) not in spared and mark in _environment(folder):
            yield int(folder.name)


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


def _lineage() -> Iterator[int]:
    pid = os.getpid()
    while pid > 0:
        yield pid
        status = Path(f"/proc/{pid}/stat").read_text()
        pid = int(status.rpartition(")")[2].split()[1])
