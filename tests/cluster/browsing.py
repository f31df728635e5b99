"""A browser on the presenter's machine."""

import time

import httpx

from testbed.host import NAME
from testbed.plain_http import HTTP
from testbed.transcript import TRANSCRIPT, Result

TIMEOUT_SECONDS = 5


def browse(url: str) -> Result:
    """The page as `stdout`, or in `stderr` why there is none; the exit code is 0 for a page only."""
    return TRANSCRIPT.record(lambda: _seen(url), NAME, f"browse {url}")


def _seen(url: str) -> Result:
    started = time.monotonic()
    try:
        answer = HTTP.get(url, timeout=TIMEOUT_SECONDS)
        rc, page, why = int(not answer.is_success), answer.text, f"{answer.status_code} {answer.reason_phrase}\n"
    except httpx.TransportError as error:
        rc, page, why = 1, "", f"{error!r}\n"
    return Result(NAME, f"browse {url}", rc, page, why if rc else "", time.monotonic() - started)
