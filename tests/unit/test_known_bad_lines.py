"""Known-bad lines of the machines' journals, and whom they are told of."""

import pytest

from testbed.known_bad import Hold, Line, parse, to_blame

LOST = Line("core-01", 15, "core-01 etcd-wrapper[88]: raft: 8e9e05c52164694d lost leader 91bc3c398fb3c146 at term 3")
PANIC = Line("core-01", 15, "core-01 kernel: Kernel panic - not syncing: VFS: Unable to mount root fs")
ENGINE = Line("boot2docker", 15, "boot2docker systemd[1]: Stopping docker.service - Docker Application Container Engine...")


def hold(who: str, *machines: str, began: float = 10, ended: float = 20, quorum: bool = False, engines: bool = False) -> Hold:
    return Hold(who, machines, quorum, engines, began, ended)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("core-01 kernel: Out of memory: Killed process 77 (redis-server)", "oom-kill"),
        ("core-01 systemd[1]: web.service: Failed with result 'oom-kill'.", "oom-kill"),
        ("core-01 systemd[1]: web.service: Main process exited, code=dumped, status=11/SEGV", "segfault"),
        ("core-01 systemd[1]: docker.service: Main process exited, code=killed, status=9/KILL", "engine restart"),
        (LOST.text, "lost leader"),
        (PANIC.text, "kernel panic"),
        (ENGINE.text, "engine restart"),
    ],
)
def test_line_is_known_by_its_name(words: str, name: str) -> None:
    line = parse("core-01", f"1795366020.123456 {words}\n")
    assert line is not None
    assert (line.machine, line.moment, line.pattern.name) == ("core-01", 1795366020.123456, name)


@pytest.mark.parametrize(
    "output",
    [
        "1795366020.123456 core-01 etcd-wrapper[88]: raft: elected leader 91bc3c398fb3c146 at term 3",
        "1795366020.123456 core-01 sudo[9]: core : USER=root ; COMMAND=/usr/bin/journalctl --grep=lost leader",
        "Journal file uses a different sequence number ID: lost leader",
        "",
    ],
)
def test_other_lines_are_none(output: str) -> None:
    assert parse("core-01", output) is None


def test_line_is_told_of_who_held_the_machine_then() -> None:
    holds = [
        hold("test_that_ran", "core-01"),
        hold("test_on_another_machine", "core-02"),
        hold("test_before", "core-01", began=1, ended=9),
        hold("test_after", "core-01", began=21, ended=30),
    ]
    assert to_blame(PANIC, holds) == ["test_that_ran"]


def test_line_is_told_of_all_who_shared_the_machine() -> None:
    assert to_blame(PANIC, [hold("test_b", "core-01"), hold("test_a", "core-01", "core-02")]) == ["test_a", "test_b"]


def test_drill_beside_the_tests_has_no_test_to_blame() -> None:
    assert to_blame(PANIC, [hold("", "core-01")]) == []


def test_leader_may_get_lost_while_somebody_holds_the_quorum_alone() -> None:
    reader = hold("test_that_only_looks", "core-01")
    assert to_blame(LOST, [reader]) == ["test_that_only_looks"]
    assert to_blame(LOST, [reader, hold("test_drill", "core-02", quorum=True)]) == []
    assert to_blame(PANIC, [reader, hold("test_drill", "core-02", quorum=True)]) == ["test_that_only_looks"]


def test_engine_may_be_restarted_by_who_says_so_on_its_own_machines() -> None:
    assert to_blame(ENGINE, [hold("test_restarts", "boot2docker", engines=True)]) == []
    others = [hold("test_looks", "boot2docker"), hold("test_restarts", "core-01", engines=True)]
    assert to_blame(ENGINE, others) == ["test_looks"]
