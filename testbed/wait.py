"""Waiting for a condition: polled closely, bounded, and with an error that says what was awaited and what was seen."""

import math
from collections.abc import Callable
from typing import TypeVar, cast

from tenacity import RetryCallState, RetryError, Retrying, retry_if_exception_type, retry_if_result, stop_after_delay, wait_fixed

from testbed.errors import TestbedError

T = TypeVar("T")

PATIENCE = math.inf
"""Seconds after which `settled` gives up in any case; fewer where it is known that what is awaited will not come."""


class WaitTimeout(TestbedError):
    """A condition did not come true in time."""


def wait_until(
    condition: Callable[[], T | None],
    what: str | Callable[[], str],
    *,
    seconds: float,
    every: float = 0.1,
    not_yet: tuple[type[Exception], ...] = (),
) -> T:
    """Poll `condition` until it returns something true, and return that.

    `not_yet` are the exceptions that mean "try again". Raises WaitTimeout after `seconds`, with `what` (asked only then,
    if it is a callable) and the last value or exception seen.
    """
    retrying = Retrying(
        stop=stop_after_delay(seconds),
        wait=wait_fixed(every),
        retry=retry_if_result(lambda value: not value) | retry_if_exception_type(not_yet),
    )
    try:
        return cast(T, retrying(condition))  # what is not true is tried again
    except RetryError as error:
        awaited = what() if callable(what) else what
        raise WaitTimeout(f"{awaited}: not within {seconds:.0f} s; last seen: {_last_seen(error)}") from error


def settled(ask: Callable[[], T], holds: Callable[[T], bool], *, seconds: float, every: float = 0.1) -> T:
    """Poll `ask` until what it returns `holds`, and return that, else what it returned last: it is for the caller to judge."""
    retrying = Retrying(
        stop=stop_after_delay(min(seconds, PATIENCE)),
        wait=wait_fixed(every),
        retry=retry_if_result(lambda value: not holds(value)),
        retry_error_callback=_last_value,
    )
    return retrying(ask)


def _last_value(state: RetryCallState) -> object:
    return state.outcome.result() if state.outcome else None


def _last_seen(error: RetryError) -> str:
    attempt: RetryCallState | object = error.last_attempt
    outcome = getattr(attempt, "exception", lambda: None)()
    return repr(outcome) if outcome is not None else repr(error.last_attempt.result())
