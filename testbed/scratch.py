"""A second checkout of the project, with a home and a cluster of its own, in which the workshop is followed by hand."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed import host, paths
from testbed.errors import TestbedError
from testbed.transcript import Result
from testbed.vagrant import QUICKER

HOME = paths.STATE / "by-hand"
FOLDER = HOME / "src" / "github.com" / "coreos" / "coreos-vagrant"
STAMP = FOLDER / ".venv" / "cododemo.stamp"


@contextmanager
def checkout() -> Iterator[Path]:
    """The checkout, in the folder of the workshop's; at the end it goes, with every machine that was made from it."""
    remove()
    try:
        copy(FOLDER)
        _borrow_packages()
        yield FOLDER
    finally:
        remove()


def remove() -> None:
    """Remove the checkout and its machines, also what a killed run left; raises TestbedError when its machines remain."""
    if STAMP.exists():  # made last, so that without it nothing was started yet
        down = [sys.executable, "-m", "testbed.cli", "down"]
        ended = subprocess.run(down, cwd=FOLDER, capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            raise TestbedError(f"{FOLDER}: ./cododemo down ended with {ended.returncode}: {ended.stderr.strip()}")
    shutil.rmtree(HOME, ignore_errors=True)


def run(command: str) -> Result:
    """What `command` did in the checkout, typed by somebody whose home is HOME; both outputs are in `stdout`."""
    return watch(command)[0]


def watch(command: str) -> tuple[Result, tuple[host.Line, ...]]:
    """As `run`, and the output's lines with their times."""
    return host.watch(command, FOLDER, _environment())


def copy(folder: Path) -> None:
    """Put there what git knows or would add, as in a clone, and what is not committed yet."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=paths.ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        source, target = paths.ROOT / name, folder / name
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)


def _borrow_packages() -> None:
    """A .venv that finds the packages of the one that runs this: to install them again would take half a minute."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(STAMP.parent)], check=True)
    packages = next(STAMP.parent.glob("lib/python*/site-packages"))
    (packages / "borrowed.pth").write_text("".join(f"{path}\n" for path in sys.path if path.endswith("site-packages")))
    stamp = "from testbed import setup; setup.STAMP.write_text(setup.stamp())"
    subprocess.run([str(STAMP.parent / "bin" / "python"), "-c", stamp], cwd=FOLDER, check=True)


def _environment() -> dict[str, str]:
    """This process's, with that home, and without what would make Vagrant or Python look elsewhere than there."""
    others = ("VAGRANT_", "CODODEMO_PREPARED", "PYTHON", "DISPLAY")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    docker = os.environ.get("DOCKER_CONFIG", str(Path.home() / ".docker"))
    return {**kept, "HOME": str(HOME), "DOCKER_CONFIG": docker, **QUICKER}
