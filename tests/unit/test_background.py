"""The drills in the background: which a test reads, and that each has something that runs it."""

import pytest

from tests.cluster.background.drills import ALL
from tests.cluster.background.names import NAMES, read_by, wanted


def test_each_name_has_a_drill_in_the_same_order() -> None:
    assert tuple(name for drills in ALL for name in drills.names) == NAMES


@pytest.mark.parametrize(
    ("test", "name"),
    [
        ("test_ha_web.py::test_the_page_stays@ha-drill", "ha-drill"),
        ("test_redis_fleet.py::test_in_the_end_one_runs[machine-cut-off]", "machine-cut-off"),
        ("test_redis_ambassador_dynamic.py::test_both_follow@redis-ambassador-dynamic", "redis-ambassador-dynamic"),
        ("test_etcd.py::test_put@etcd-exercise", None),
        ("test_etcd.py::test_put", None),
    ],
)
def test_a_drill_is_told_by_a_test_s_name(test: str, name: str | None) -> None:
    assert read_by(test) == name


def test_drills_that_are_read_run_in_their_order() -> None:
    assert wanted(_of_cluster("a[leader-lost]", "b@redis-restart", "c[leader-lost]", "d")) == [["redis-restart", "leader-lost"]]


def test_those_that_want_other_machines_have_a_lane_of_their_own() -> None:
    assert wanted(_of_cluster("a@cluster-by-hand", "b@nginx-drill")) == [["nginx-drill"], ["cluster-by-hand"]]


def test_a_unit_test_with_such_a_name_reads_none() -> None:
    assert wanted(["tests/unit/test_background.py::test_names[leader-lost]"]) == []


def _of_cluster(*tests: str) -> list[str]:
    return [f"tests/cluster/{test}" for test in tests]
