"""The host's system: which one it is, how to be root on it, and how to run its tools with their output in a log.

The launcher's first stage loads this each time: what is slow to import is imported by the function that needs it.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from testbed import paths
from testbed.errors import TestbedError

Say = Callable[[str], object]
# Where dockerd lies; an ordinary user's PATH may lack them.
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


def say(line: str) -> None:
    """A line of progress, on stderr: stdout belongs to what was asked for."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Show `what ... 31 s`: the line's beginning at once, the seconds when the block has ended well."""
    print(f"{what} ... ", end="", file=sys.stderr, flush=True)
    started = time.monotonic()
    try:
        yield
    except BaseException:
        say("failed")
        raise
    say(f"{time.monotonic() - started:.0f} s")


def find(program: str) -> str | None:
    """Where the program lies, looked for in PATH and in the system's own directories."""
    folders = f"{os.environ.get('PATH', os.defpath)}:{SBIN}".split(":")
    candidates = (os.path.join(folder, program) for folder in folders if folder)  # noqa: PTH118  # pathlib is slower
    return next((each for each in candidates if os.access(each, os.X_OK)), None)


def as_root() -> list[str] | None:
    """What to put before a command to run it as root: nothing, or sudo without a password; None if neither works."""
    if os.geteuid() == 0:
        return []
    import subprocess

    sudo = find("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None


def distribution(os_release: Path = Path("/etc/os-release")) -> tuple[str, set[str]]:
    """The system's name for people, and the families it belongs to (ID and ID_LIKE of os-release)."""
    text = os_release.read_text() if os_release.exists() else ""
    facts = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    facts = {key: value.strip("\"'") for key, value in facts.items()}
    families = {facts.get("ID", ""), *facts.get("ID_LIKE", "").split()} - {""}
    return facts.get("PRETTY_NAME", "a system without /etc/os-release"), families


def clean_environment() -> dict[str, str]:
    """This process's environment without the suite's own variables, for what outlives it or must not know of it."""
    return {key: value for key, value in os.environ.items() if not key.startswith("CODODEMO_")}


def run_logged(what: str, command: Sequence[str], log_name: str) -> None:
    """Run a command with its output appended to `.cododemo/logs/LOG_NAME`.

    Raises TestbedError, with `what` failed and the line of the output that looks like the reason.
    """
    import subprocess

    paths.LOGS.mkdir(parents=True, exist_ok=True)
    path = paths.LOGS / log_name
    with path.open("ab") as log:
        start = log.tell()
        log.write(f"$ {' '.join(command)}\n".encode())
        log.flush()
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=clean_environment(),
            check=False,
        )
    if ended.returncode != 0:
        shown = path.relative_to(paths.ROOT)
        raise TestbedError(f"{what} ended with {ended.returncode}: {reason(path, start)} (more in {shown})")


def reason(log: Path, start: int = 0) -> str:
    """The line of the log, from byte `start` on, that says what went wrong: the last error, else the last line."""
    with log.open("rb") as stream:
        stream.seek(start)
        lines = [line.strip() for line in stream.read().decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E: ", "ERROR: ", "Error: ", "error: "))]
    return (errors or lines or ["no output"])[-1]
