"""Leases: who may use what, across the processes of a run. A machine or the quorum is leased shared or alone.

The locks belong to the kernel, so that a process that is killed holds none. Source: fcntl(2), advisory record locking.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from enum import Enum
from pathlib import Path

from fasteners import InterProcessLock, InterProcessReaderWriterLock

from testbed import paths

FOLDER = paths.STATE / "run" / "leases"
SABOTAGES = FOLDER / "sabotages"
"""Where a sabotage holds the machines that it uses, beside the leases that its checks take."""
WORKER = "PYTEST_XDIST_WORKER"
WAITING = "waiting"
"""Below each of these: the machines that somebody would take, whichever is free first."""
QUORUM, KEYS = "quorum", "keys"
OF_ALL_NODES = (QUORUM, KEYS)
HOST_CONTAINERS = "containers of the host"
"""Held by who makes machines beside the cluster's, and removes them: `vagrant up` asks each container of the host for its ports,
and fails where one that was there a moment before is gone (read_used_ports in Vagrant's docker provider)."""
# What this process holds. Closing any descriptor of a file drops the process's record locks on it (fcntl(2)), and leases
# taken one after the other could wait for each other: so there is no lease within a lease of the same folder.
HELD: set[Path] = set()


class Use(Enum):
    """How a lease is held: by many who only look, or by one who may change things."""

    SHARED = "shared"
    ALONE = "alone"


@contextmanager
def lease(wants: Mapping[str, Use], folder: Path = FOLDER, *, wait: bool = True) -> Iterator[float | None]:
    """Hold all `wants` (by name) at once; gives the seconds waited for them, or None when `wait` is off and one is taken.

    Everybody takes leases in one order, so that two who want the same ones never wait for each other: first what belongs to
    all nodes, so that nobody holds a node while he waits for the quorum; then by name.
    """
    if held_here := [str(file) for file in HELD if file.parent == folder]:
        raise RuntimeError(f"{', '.join(wants)}: a lease within a lease, while this process holds {', '.join(held_here)}")
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with ExitStack() as held:
        taken = all(_take(held, folder / name, wants[name], wait) for name in sorted(wants, key=_place))
        if not taken:
            held.close()
        elif wait and WORKER in os.environ:
            held.enter_context(_noted(holder(os.environ[WORKER], folder)))
        yield time.monotonic() - started if taken else None


def holder(worker: str, folder: Path = FOLDER) -> Path:
    """The file that is there as long as this worker of xdist holds something."""
    return folder / "holders" / worker


@contextmanager
def _noted(file: Path) -> Iterator[None]:
    file.parent.mkdir(exist_ok=True)
    file.touch()
    try:
        yield
    finally:
        file.unlink()


def is_free(name: str, use: Use = Use.ALONE, folder: Path = FOLDER) -> bool:
    """Whether it could be held in this way just now."""
    with lease({name: use}, folder, wait=False) as free:
        return free is not None


def is_waited_for(name: str, folder: Path = FOLDER) -> bool:
    """Whether somebody waits for it, who will be the next to hold it."""
    if not is_free(name, folder=folder / WAITING):
        return True
    gate = InterProcessLock(_gate(folder / name))
    if gate.acquire(blocking=False):
        gate.release()
        return False
    gate.lockfile.close()
    return True


def _gate(file: Path) -> Path:
    return file.with_suffix(".gate")


def _place(name: str) -> tuple[bool, str]:
    return name not in OF_ALL_NODES, name


def _take(held: ExitStack, file: Path, use: Use, wait: bool) -> bool:
    """Through a gate, so that one who wants it alone is not passed for ever by those who share."""
    gate = InterProcessLock(_gate(file))
    lock = InterProcessReaderWriterLock(file.with_suffix(".lease"))
    if not gate.acquire(blocking=wait):
        gate.lockfile.close()  # fasteners leaves it open where it did not get the lock
        return False
    try:
        acquire = lock.acquire_read_lock if use is Use.SHARED else lock.acquire_write_lock
        if not acquire(blocking=wait):
            lock.lockfile.close()
            return False
    finally:
        gate.release()
    held.callback(lock.release_read_lock if use is Use.SHARED else lock.release_write_lock)
    HELD.add(file)
    held.callback(HELD.remove, file)
    return True
