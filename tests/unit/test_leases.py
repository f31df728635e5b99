"""Leases hold between processes: many share, one is alone, and a killed process holds nothing."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from testbed.leases import WAITING, WORKER, Use, holder, is_waited_for, lease
from testbed.wait import wait_until

Wants = dict[str, Use]
SPAWN = multiprocessing.get_context("fork")
# Forking a process with threads is what Python warns of; this one has none when it forks.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def hold(wants: Wants, folder: Path, pipe: Connection) -> None:
    with lease(wants, folder):
        pipe.send("holding")
        pipe.recv()


@contextmanager
def held_elsewhere(wants: Wants, folder: Path) -> Iterator[Callable[[], None]]:
    """Another process holds these leases; gives the function by which it lets go."""
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=hold, args=(wants, folder, theirs))
    process.start()
    try:
        assert ours.recv() == "holding"
        yield lambda: ours.send("let go")
    finally:
        process.kill()
        process.join()


def is_free(wants: Wants, folder: Path) -> bool:
    with lease(wants, folder, wait=False) as waited:
        return waited is not None


def test_many_share_a_machine(tmp_path: Path) -> None:
    with held_elsewhere({"core-01": Use.SHARED}, tmp_path):
        assert is_free({"core-01": Use.SHARED}, tmp_path)


@pytest.mark.parametrize(("theirs", "ours"), [(Use.ALONE, Use.SHARED), (Use.SHARED, Use.ALONE), (Use.ALONE, Use.ALONE)])
def test_alone_excludes_everybody_else(tmp_path: Path, theirs: Use, ours: Use) -> None:
    with held_elsewhere({"core-01": theirs}, tmp_path):
        assert not is_free({"core-01": ours}, tmp_path)


def test_another_machine_is_free_meanwhile(tmp_path: Path) -> None:
    with held_elsewhere({"core-01": Use.ALONE}, tmp_path):
        assert is_free({"core-02": Use.ALONE}, tmp_path)


def test_when_one_of_several_is_taken_none_is_kept(tmp_path: Path) -> None:
    both = {"core-01": Use.ALONE, "core-02": Use.ALONE}
    with held_elsewhere({"core-02": Use.ALONE}, tmp_path), lease(both, tmp_path, wait=False) as waited:
        assert waited is None
        with held_elsewhere({"core-01": Use.ALONE}, tmp_path) as let_go:
            let_go()


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    with held_elsewhere({"quorum": Use.ALONE}, tmp_path):
        for child in multiprocessing.active_children():
            os.kill(child.pid or 0, signal.SIGKILL)
        wait_until(lambda: is_free({"quorum": Use.ALONE}, tmp_path), "the lease is free", seconds=5)


def test_a_lease_within_a_lease_is_refused_in_the_same_folder_only(tmp_path: Path) -> None:
    """Sabotages have a folder of their own, and their checks' leases come after theirs."""
    core_01 = {"core-01": Use.ALONE}
    with lease(core_01, tmp_path / "sabotages"):
        with lease(core_01, tmp_path) as waited:
            assert waited is not None
        with pytest.raises(RuntimeError, match="a lease within a lease"), lease(core_01, tmp_path / "sabotages"):
            pass


def test_the_wait_is_told_in_seconds(tmp_path: Path) -> None:
    with held_elsewhere({"core-01": Use.ALONE}, tmp_path) as let_go:
        started = time.monotonic()
        let_go()
        with lease({"core-01": Use.ALONE}, tmp_path) as waited:
            assert waited is not None
            assert waited <= time.monotonic() - started


@contextmanager
def waiting_for(wants: Wants, folder: Path) -> Iterator[Connection]:
    """Another process waits for these leases; gives where it says that it holds them."""
    ours, theirs = SPAWN.Pipe()
    waiter = SPAWN.Process(target=hold, args=(wants, folder, theirs))
    waiter.start()
    try:
        yield ours
    finally:
        waiter.kill()
        waiter.join()


def test_one_who_wants_it_alone_is_not_passed_by_those_who_share(tmp_path: Path) -> None:
    """While the one waits for those who share to end, a newcomer who would share waits behind it."""
    with (
        held_elsewhere({"core-01": Use.SHARED}, tmp_path) as let_go,
        waiting_for({"core-01": Use.ALONE}, tmp_path) as waiter,
    ):
        wait_until(lambda: not is_free({"core-01": Use.SHARED}, tmp_path), "the gate is shut", seconds=5)
        let_go()
        assert waiter.recv() == "holding"


def test_one_sees_that_a_worker_holds_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKER, "gw7")
    with lease({"core-01": Use.SHARED}, tmp_path):
        assert holder("gw7", tmp_path).exists()
    assert not holder("gw7", tmp_path).exists()


def test_one_sees_that_somebody_waits_for_whichever_is_free(tmp_path: Path) -> None:
    with held_elsewhere({"node": Use.SHARED}, tmp_path / WAITING):
        assert is_waited_for("node", tmp_path)
    assert not is_waited_for("node", tmp_path)


def test_no_machine_is_held_while_the_quorum_is_waited_for(tmp_path: Path) -> None:
    """Who breaks the quorum keeps it for a minute; the machine is others' until then."""
    both = {"core-01": Use.ALONE, "quorum": Use.ALONE}
    with held_elsewhere({"quorum": Use.SHARED}, tmp_path) as let_go, waiting_for(both, tmp_path) as waiter:
        wait_until(lambda: not is_free({"quorum": Use.SHARED}, tmp_path), "the gate is shut", seconds=5)
        assert is_free({"core-01": Use.ALONE}, tmp_path)
        let_go()
        assert waiter.recv() == "holding"
