"""What a worker is given next: something that can begin, and of that what wants the most."""

from collections.abc import Mapping, Sequence

import pytest

from fixtures import schedule
from fixtures.outlook import Outlook
from fixtures.schedule import FreeFirst
from fixtures.wants import ANY, ANY_TWO, DOCKER_HOST, LAST, MACHINES, NODES, named
from testbed.leases import QUORUM, Use

NAMES = ("boot2docker", "core-01", "core-02", "core-03")
ONE, TWO, HOST = {ANY: Use.ALONE}, {ANY_TWO: Use.ALONE}, {DOCKER_HOST: Use.ALONE}
MODULE = """
import os, time, pytest
from pathlib import Path

def ran(name):
    with Path("ran").open("a") as file:
        file.write(name + " ")

@pytest.fixture
def boot2docker():
    pass

@pytest.fixture
def nodes():
    pass

def test_begins(): time.sleep(0.3)
def test_also_begins(): time.sleep(0.3)
def test_of_one(boot2docker): ran("one")
def test_of_all(nodes): ran("all")
def test_of_none(): ran("none")
"""


def outlook(
    free: Sequence[str] = NAMES,
    own: Sequence[str] | Mapping[str, Use] = (),
    ahead: Sequence[Mapping[str, Use]] = (),
    waited_for: Sequence[str] = (),
) -> Outlook:
    leases = {**dict.fromkeys(own, Use.ALONE), **(own if isinstance(own, Mapping) else {})}
    return Outlook(NAMES, leases, ahead, lambda name, _: name in (*free, LAST), lambda name: name in waited_for)


@pytest.mark.parametrize(
    ("seen", "wanted", "allowed"),
    [
        (outlook(), {"core-01": Use.ALONE}, True),
        (outlook(free=["core-02"]), {"core-01": Use.ALONE}, False),
        (outlook(free=["core-02"]), {"core-01": Use.ALONE, "core-02": Use.ALONE}, False),
        (outlook(free=["core-02"]), ONE, True),
        (outlook(free=["boot2docker"]), ONE, False),
        (outlook(free=["core-02"]), {"core-02": Use.ALONE} | ONE, False),
        (outlook(free=[]), {}, True),
        # Its own lease ends before; but who waits for that comes first.
        (outlook(free=[], own=["core-01"]), {"core-01": Use.ALONE}, True),
        (outlook(free=[], own=["core-01"], waited_for=["core-01"]), {"core-01": Use.ALONE}, False),
        (outlook(free=[], own=["core-01"]), ONE, True),
        (outlook(free=[], own=["core-01"], waited_for=["core-01"]), ONE, False),
        (outlook(free=["boot2docker"]), HOST, True),
        (outlook(free=["core-03"]), HOST, True),
        (outlook(free=["core-03"], ahead=[HOST]), ONE, False),
        (outlook(free=["boot2docker"], ahead=[{DOCKER_HOST: Use.SHARED}]), {DOCKER_HOST: Use.SHARED}, True),
        # A host of its own is boot2docker, as a rule, and no node.
        (outlook(free=[], own=[DOCKER_HOST]), ONE, False),
        (outlook(free=[], own=[DOCKER_HOST]), HOST, True),
        (outlook(free=[], own=[ANY]), ONE, True),
        (outlook(free=[], own=[ANY], waited_for=["core-03"]), ONE, False),
        (outlook(free=[], own=[ANY], waited_for=["boot2docker"]), ONE, True),
        (outlook(free=[], own=["core-01"], waited_for=NAMES[1:]), {"core-01": Use.ALONE}, False),
        # Two share a node; the other is about to want one alone.
        (outlook(free=["core-03"], own={ANY: Use.SHARED}, ahead=[ONE]), {ANY: Use.SHARED}, False),
        (outlook(free=[], own={ANY: Use.SHARED}), ONE, True),
        (outlook(free=["core-02"], own=[ANY]), TWO, True),
        (outlook(free=["core-02"]), TWO, False),
        (outlook(free=["core-02", "core-03"], ahead=[ONE]), TWO, False),
        (outlook(free=["core-02", "core-03"], ahead=[TWO]), ONE, False),
        (outlook(free=["core-02", "core-03"], ahead=[TWO]), TWO, False),
        # What another worker is about to begin.
        (outlook(ahead=[{"core-01": Use.ALONE}]), {"core-01": Use.SHARED}, False),
        (outlook(ahead=[{"core-01": Use.SHARED}]), {"core-01": Use.SHARED}, True),
        (outlook(free=["core-02"], ahead=[ONE]), ONE, False),
        (outlook(free=["core-02", "core-03"], ahead=[ONE]), ONE, True),
        # It will have to be one of these.
        (outlook(ahead=[ONE]), dict.fromkeys(NAMES[1:], Use.SHARED), False),
        (outlook(ahead=[{ANY: Use.SHARED}]), dict.fromkeys(NAMES[1:], Use.SHARED), True),
        (outlook(ahead=[ONE]), {"core-01": Use.ALONE, "core-02": Use.ALONE}, True),
        (outlook(ahead=[ONE]), {"boot2docker": Use.ALONE, LAST: Use.ALONE}, True),
    ],
)
def test_what_need_not_wait_is_allowed(seen: Outlook, wanted: Mapping[str, Use], allowed: bool) -> None:
    assert seen.allows(wanted) is allowed


def test_nodes_and_machines_get_the_names_that_the_cluster_has() -> None:
    assert named({NODES: Use.SHARED}, NAMES[:2]) == {"core-01": Use.SHARED}
    assert named({MACHINES: Use.ALONE, ANY: Use.ALONE}, NAMES[:2]) == {ANY: Use.ALONE} | dict.fromkeys(NAMES[:2], Use.ALONE)
    assert named({"core-03": Use.ALONE}, NAMES[:2]) == {}


@pytest.mark.parametrize(
    ("to_come", "wanted"),
    [
        (["nginx-drill"], {"core-03": Use.ALONE}),
        (["redis-different", "redis-restart"], dict.fromkeys((*NAMES[1:], QUORUM), Use.ALONE)),
        (["leader-lost"], {QUORUM: Use.ALONE}),
        (["reboot-of-core-02", "nginx-drill"], {"core-02": Use.ALONE, "core-03": Use.ALONE, QUORUM: Use.ALONE}),
        (["reboot-of-core-02", "process-killed"], {"core-02": Use.ALONE, ANY_TWO: Use.ALONE, QUORUM: Use.ALONE}),
        (["redis-different"], dict.fromkeys(NAMES[1:], Use.ALONE)),
        (["process-killed", "leader-lost"], {QUORUM: Use.ALONE}),
        ([], {}),
    ],
)
def test_nodes_and_quorum_are_kept_for_the_drill_that_goes_on_and_for_the_next(
    to_come: Sequence[str], wanted: Mapping[str, Use], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "is_to_come", lambda name: name in to_come)
    monkeypatch.setattr(schedule, "is_free", lambda *_: False)
    monkeypatch.setattr(FreeFirst, "_machines", NAMES)
    assert FreeFirst.__new__(FreeFirst)._wanted_in_background() == wanted


def test_two_nodes_are_kept_for_failover_until_it_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "is_to_come", lambda name: name in {"process-killed", "container-killed"})
    monkeypatch.setattr(schedule, "is_free", lambda *_: True)
    monkeypatch.setattr(FreeFirst, "_machines", NAMES)
    assert FreeFirst.__new__(FreeFirst)._wanted_in_background() == {ANY_TWO: Use.ALONE, QUORUM: Use.ALONE}


@pytest.mark.parametrize(
    ("drill", "wanted", "waits"),
    [
        ("ha-drill", ONE, True),
        ("ha-drill", {QUORUM: Use.SHARED}, True),
        ("redis-different", {QUORUM: Use.SHARED}, False),
        ("redis-restart", ONE, False),
        ("redis-restart", {"core-02": Use.ALONE}, False),
        ("redis-restart", {"core-03": Use.ALONE}, True),
        ("leader-lost", ONE, False),
        ("leader-lost", {"core-01": Use.ALONE}, True),
        ("leader-lost", {QUORUM: Use.SHARED}, True),
        ("nginx-drill", {QUORUM: Use.SHARED}, False),
        ("nginx-drill", {"boot2docker": Use.ALONE}, False),
    ],
)
def test_what_a_drill_keeps_others_from(drill: str, wanted: Mapping[str, Use], waits: bool) -> None:
    assert schedule._is_in_the_way(drill, wanted) is waits


@pytest.mark.parametrize(
    ("does", "next_wants", "ahead"),
    [
        (ONE, ONE, {}),
        (ONE, {ANY: Use.SHARED}, {}),
        (ONE, HOST, {}),
        (HOST, ONE, ONE),  # it is boot2docker, as a rule
        (ONE, TWO, TWO),
        ({ANY: Use.SHARED}, {ANY: Use.SHARED}, {}),
        ({ANY: Use.SHARED}, ONE, ONE),  # others may share what it has
        ({"core-01": Use.ALONE}, ONE, ONE),
    ],
)
def test_the_machine_that_a_worker_has_will_do_for_what_it_begins_next(
    does: Mapping[str, Use], next_wants: Mapping[str, Use], ahead: Mapping[str, Use], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FreeFirst, "_wants", {"does": does, "next": next_wants})
    scheduler = FreeFirst.__new__(FreeFirst)
    scheduler.assigned_work = {"gw0": {"done": {"a": True}, "does": {"b": False}, "next": {"c": False}}}
    monkeypatch.setattr(schedule, "_holds", lambda _: True)
    assert scheduler._begun_later("gw0") == [ahead]
    monkeypatch.setattr(schedule, "_holds", lambda _: False)
    assert scheduler._begun_later("gw0") == [does, next_wants]


CONFTEST = """
import fixtures.schedule

pytest_plugins = ["fixtures.schedule"]
fixtures.schedule.FreeFirst._machines = ("boot2docker", "core-01", "core-02", "core-03")
fixtures.schedule.is_free = lambda name, use, folder: True
fixtures.schedule.is_to_come = lambda name: False
"""


@pytest.fixture
def scheduled(pytester: pytest.Pytester, request: pytest.FixtureRequest) -> pytest.Pytester:
    """A suite without machines, all of which are free."""
    pytester.makeini(f'[pytest]\npythonpath = "{request.config.rootpath}"')
    pytester.makeconftest(CONFTEST)
    return pytester


def test_what_is_last_is_handed_out_after_all(scheduled: pytest.Pytester) -> None:
    """Also where it wants more than what is for afterwards, and nobody else is in the way of either."""
    wants = "{'test_last': {'last': Use.SHARED, 'machines': Use.SHARED}, 'test_afterwards': {'afterwards': Use.SHARED}}"
    wanted = f"from testbed.leases import Use\nfixtures.schedule.with_drill = lambda item: {wants}.get(item.name, {{}})\n"
    scheduled.makeconftest(CONFTEST + wanted)
    scheduled.makepyfile(
        MODULE.partition("@pytest.fixture")[0]
        + "def test_begins(): time.sleep(0.3)\ndef test_also_begins(): time.sleep(0.3)\n"
        + "def test_last(): ran('last')\ndef test_afterwards(): ran('afterwards')\ndef test_of_none(): ran('none')\n"
    )
    scheduled.runpytest_subprocess("-n", "1", "--dist", "loadgroup").assert_outcomes(passed=5)
    assert (scheduled.path / "ran").read_text().split() == ["none", "afterwards", "last"]


def test_what_wants_the_most_is_handed_out_first(scheduled: pytest.Pytester) -> None:
    scheduled.makepyfile(MODULE)
    scheduled.runpytest_subprocess("-n", "1", "--dist", "loadgroup").assert_outcomes(passed=5)
    assert (scheduled.path / "ran").read_text().split() == ["all", "one", "none"]
