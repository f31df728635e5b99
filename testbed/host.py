"""Commands typed on the machine that runs the suite, as the workshop's attendee types them on a laptop."""

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from testbed import paths, vagrant
from testbed.transcript import TRANSCRIPT, Result


@dataclass(frozen=True)
class Line:
    """A line of output with its end, and the seconds after which it came."""

    seconds: float
    text: str


def run(command: str, folder: Path = paths.ROOT, environment: Mapping[str, str] | None = None, typed: str = "") -> Result:
    """What `command` did, with both outputs in `stdout`; by default here, where Vagrant knows the suite's own machines.

    `typed` is what the command reads as its standard input.
    """
    return watch(command, folder, environment, typed)[0]


def watch(
    command: str, folder: Path = paths.ROOT, environment: Mapping[str, str] | None = None, typed: str = ""
) -> tuple[Result, tuple[Line, ...]]:
    """As `run`, and the output's lines."""
    lines: list[Line] = []

    def recorded() -> Result:
        started = time.monotonic()
        process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=folder,
            env=environment or {**os.environ, **vagrant.ENVIRONMENT},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process:
            assert process.stdin
            assert process.stdout
            process.stdin.write(typed)
            process.stdin.close()
            lines.extend(Line(time.monotonic() - started, text) for text in process.stdout)
        output = "".join(line.text for line in lines)
        return Result("host", command, process.returncode, output, "", time.monotonic() - started)

    return TRANSCRIPT.record(recorded, "host", command), tuple(lines)
