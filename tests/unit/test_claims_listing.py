"""What `pytest --claims` prints, of a small suite."""

from collections.abc import Callable

import pytest

Suite = Callable[..., pytest.RunResult]

ETCD_TESTS = """
@claim("etcd.leader")
def test_leader_is_gone(): pass

@as_written("etcd.leader", fails_with="404")
def test_leader(): assert False, "the answer was 404"

@claim("etcd.port")
def test_port(): pass
"""
WEB_TESTS = """
@claim("web.unit")
def test_unit(): assert False
"""


def test_the_listing_shows_each_claim_and_counts(suite: Suite, workers: tuple[str, ...]) -> None:
    result = suite(
        *workers,
        "--claims",
        "-m",
        "nothing",
        etcd=ETCD_TESTS,
        web=WEB_TESTS,
    )
    assert result.ret == pytest.ExitCode.OK
    assert [line for line in result.stdout.lines if line] == [
        "etcd: etcd by hand",
        "  etcd.get  holds  NO TEST YET",
        "  etcd.leader  wrong  erratum",
        "      claim  tests/cluster/test_etcd.py::test_leader_is_gone",
        "      as_written  tests/cluster/test_etcd.py::test_leader",
        "  etcd.port  changed  NO TEST YET as as_written",
        "      claim  tests/cluster/test_etcd.py::test_port",
        "  etcd.here  changed  NO TEST YET",
        "  etcd.vote  changed  NO TEST YET",
        "  etcd.nice  holds  untestable: a judgement",
        "web: The web",
        "  web.unit  holds  not checked here (needs fleet)",
        "      claim  tests/cluster/test_web.py::test_unit",
        "  web.page  holds  NO TEST YET",
        "chapter  claims  testable  with test  without test yet  untestable",
        "etcd          6         5          1                 4           1",
        "web           2         2          1                 1           0",
        "in all        8         7          2                 5           1",
    ]


def test_the_listing_of_an_empty_suite(suite: Suite) -> None:
    result = suite("--claims")
    assert result.ret == pytest.ExitCode.OK
    assert result.stdout.lines[-1].split() == ["in", "all", "8", "7", "0", "7", "1"]
