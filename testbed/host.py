"""The presenter's own machine, on which the workshop's `boot2docker`, `vagrant` and `docker` are typed."""

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from testbed import paths
from testbed.transcript import TRANSCRIPT, Result
from testbed.vagrant import ENVIRONMENT

NAME = "host"
BASH = ("bash", "-o", "pipefail", "-c")
# Vagrant takes a core for itself, and elsewhere drills measure how long a service is away.
NICE = ("nice", "-n", "10")


@dataclass(frozen=True)
class Line:
    """A line of output with its end, and the seconds after which it came."""

    seconds: float
    text: str


def run(command: str, *, typed: str | None = None, seconds: float = 100) -> Result:
    """What `command` did, run by bash in the checkout, with the project's own commands on the PATH.

    Somebody sits there who types `typed`, or nothing: what then waits for input is ended after `seconds`, with exit code
    124. There is no display for a window.
    """
    return TRANSCRIPT.record(lambda: _seen(command, typed, seconds), NAME, command)


def watch(command: str, folder: Path, environment: Mapping[str, str]) -> tuple[Result, tuple[Line, ...]]:
    """What `command` did in that folder, with both outputs in `stdout`, and when each line of them came."""
    lines: list[Line] = []

    def recorded() -> Result:
        started = time.monotonic()
        with subprocess.Popen(
            [*NICE, *BASH, command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            lines.extend(Line(time.monotonic() - started, text) for text in process.stdout or ())
        output = "".join(line.text for line in lines)
        return Result(NAME, command, process.returncode, output, "", time.monotonic() - started)

    return TRANSCRIPT.record(recorded, NAME, command), tuple(lines)


def _seen(command: str, typed: str | None, seconds: float) -> Result:
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment |= ENVIRONMENT | {"PATH": f"{paths.ROOT / 'bin'}:{os.environ['PATH']}"}
    stdin, keyboard = os.pipe()
    if typed is not None:
        os.write(keyboard, typed.encode())
        os.close(keyboard)
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
        if typed is None:
            os.close(keyboard)
    return Result(NAME, command, seen.returncode, seen.stdout, seen.stderr, time.monotonic() - started)
