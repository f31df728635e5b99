"""Waiting: what comes back, what is tried again, and what the error says."""

import time
from collections.abc import Iterator

import pytest

from testbed.wait import WaitTimeout, wait_until


def test_the_first_true_value_comes_back() -> None:
    values = iter([None, 0, "quorum"])
    assert wait_until(lambda: next(values), "quorum", seconds=5, every=0.001) == "quorum"


def test_an_exception_that_means_not_yet_is_tried_again() -> None:
    answers: Iterator[str | Exception] = iter([ConnectionError("refused"), "up"])

    def ask() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert wait_until(ask, "up", seconds=5, every=0.001, not_yet=(ConnectionError,)) == "up"


def test_any_other_exception_ends_the_wait_at_once() -> None:
    with pytest.raises(ZeroDivisionError):
        wait_until(lambda: 1 / 0, "never", seconds=5)


def test_the_error_says_what_was_awaited_how_long_and_what_was_seen() -> None:
    def refused() -> bool:
        raise ConnectionError("port 2379 refused")

    with pytest.raises(WaitTimeout, match=r"core-02: quorum: not within 0 s; last seen: ConnectionError\('port 2379 refused'\)"):
        wait_until(refused, lambda: "core-02: quorum", seconds=0.05, every=0.01, not_yet=(ConnectionError,))


def test_the_bound_is_kept() -> None:
    started = time.monotonic()
    with pytest.raises(WaitTimeout):
        wait_until(lambda: False, "never", seconds=0.2, every=0.01)
    assert time.monotonic() - started < 1
