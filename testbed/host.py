"""The presenter's own machine, on which the workshop's `boot2docker`, `vagrant` and `docker` are typed."""

import os
import subprocess
import time

from testbed import paths
from testbed.transcript import TRANSCRIPT, Result
from testbed.vagrant import ENVIRONMENT

NAME = "host"
BASH = ("bash", "-o", "pipefail", "-c")


def run(command: str, seconds: float = 100) -> Result:
    """What `command` did, run by bash in the checkout, with the project's own commands on the PATH.

    Somebody sits there and types nothing: what waits for input is ended after `seconds`, with exit code 124. There is no
    display for a window.
    """
    return TRANSCRIPT.record(lambda: _seen(command, seconds), NAME, command)


def _seen(command: str, seconds: float) -> Result:
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment |= ENVIRONMENT | {"PATH": f"{paths.ROOT / 'bin'}:{os.environ['PATH']}"}
    stdin, nobody_types = os.pipe()
    started = time.monotonic()
    try:
        seen = subprocess.run(
            ["timeout", str(seconds), *BASH, command],
            cwd=paths.ROOT,
            env=environment,
            stdin=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        os.close(stdin)
        os.close(nobody_types)
    return Result(NAME, command, seen.returncode, seen.stdout, seen.stderr, time.monotonic() - started)
