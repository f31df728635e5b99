"""The launcher's first stage, by the system's Python alone: installs what is missing, then hands over to testbed.cli.

When everything is there it only looks, and must stay cheap: whatever is slow to import is imported where it is needed.
"""

import hashlib
import os
import sys

from testbed import paths
from testbed.errors import TestbedError

VENV = paths.ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "cododemo.stamp"
REQUIREMENTS = paths.ROOT / "requirements.txt"
LOG = "pip.log"

USE_PACKAGES = ("check", "test", "up", "prepare")
USE_VENV = (*USE_PACKAGES, "down", "report", "ssh")


def main(arguments: list[str]) -> int:
    """Set up what the verb needs, and run it; returns the exit code where it does not become the verb's process."""
    try:
        if arguments == ["down"] and not is_ready() and not leftovers():
            print("nothing to take down")
            return 0
        set_up(arguments)
    except TestbedError as error:
        print(f"cododemo: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return hand_over(arguments)


def asks_for_help(arguments: list[str]) -> bool:
    """Whether the arguments ask for help, which must install nothing. What follows `ssh MACHINE` is the machine's."""
    own = arguments[:2] if arguments[:1] == ["ssh"] else arguments
    return not arguments or bool({"-h", "--help"} & set(own))


def set_up(arguments: list[str]) -> None:
    """Install the packages and make the .venv that the verb needs. Raises TestbedError when that fails."""
    verb = "--help" if asks_for_help(arguments) else arguments[0]
    if verb not in USE_VENV:
        return
    ready, missing = is_ready(), []
    if verb in USE_PACKAGES:
        from testbed import packages

        missing = packages.missing(with_venv=not ready, with_browser=verb == "test")
    if ready and not missing:
        return
    from testbed import cli

    cli.parse(arguments)  # what cannot be meant is refused before minutes go into it
    if missing:
        packages.install(missing)
    if not ready:
        make_venv()


def stamp() -> str:
    """What a finished .venv is marked with: made of these requirements, by this Python, at this place."""
    made_of = REQUIREMENTS.read_bytes() + f"{sys.version} {paths.ROOT}".encode()
    return hashlib.sha256(made_of).hexdigest()


def is_ready() -> bool:
    """Whether the .venv was finished and fits."""
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text() == stamp()


def make_venv() -> None:
    """Make the .venv anew. The stamp is written last, so that what was interrupted is made again."""
    import fcntl

    from testbed.system import run_logged, step

    paths.STATE.mkdir(exist_ok=True)
    with (paths.STATE / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_ready():
            return  # another process made it meanwhile
        if VENV.is_symlink():
            raise TestbedError(".venv: it is a link, and making it anew would empty another checkout's; remove the link")
        STAMP.unlink(missing_ok=True)
        with step(f"making .venv with Python {sys.version.split()[0]}"):
            run_logged("python -m venv", [base_python(), "-m", "venv", "--clear", str(VENV)], LOG)
            pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
            run_logged("pip install", [*pip, "--require-hashes", "-r", str(REQUIREMENTS)], LOG)
        STAMP.write_text(stamp())


def base_python() -> str:
    """The Python that runs this, or, when that is the .venv's, the one that the .venv was made with."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def leftovers() -> list[str]:
    """What this checkout left on the engine; nothing, where no engine runs. Raises EngineSilent where it may not be asked."""
    from testbed import engine

    try:
        return engine.leftovers()
    except engine.EngineStopped:
        return []


def hand_over(arguments: list[str]) -> int:
    """Go on with the command line: in the .venv where there is one, else, as `doctor` may, by this very Python."""
    if is_ready() and sys.prefix != str(VENV):
        os.execv(PYTHON, [str(PYTHON), "-m", "testbed.cli", *arguments])
    from testbed import cli

    return cli.main(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
