"""Programs of the era, such as fleetd, that nothing of today ships: taken from a folder or a release archive of the user's.

The standard library is enough, so that a wrong path is named before anything is installed.
"""

import platform
import shutil
import struct
import subprocess
import tarfile
import zlib
from collections.abc import Iterator
from functools import cache
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO

from testbed import paths
from testbed.errors import TestbedError

NEEDED = ("fleetd", "fleetctl")
TAKEN = (*NEEDED, "coreos-cloudinit", "flanneld", "locksmithctl")
FOLDER = paths.STATE / "era-binaries"

# e_ident and e_machine are the same in 32 and 64 bits; byte 5 tells the order of bytes (elf(5)).
ELF = b"\x7fELF"
HEADER_BYTES = 20
START_SECONDS = 10
ARCHITECTURES = {3: "i386", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64"}
# What uname calls otherwise.
SAME = {"i686": "i386", "armv6l": "arm", "armv7l": "arm", "amd64": "x86_64", "arm64": "aarch64", "ppc64le": "ppc64"}


@cache
def demand(source: Path) -> None:
    """Raise TestbedError, naming the first thing in the way, unless `source` has what the nodes need, made for this host."""
    heads = {name: stream.read(HEADER_BYTES) for name, stream in _programs(source)}
    if lacking := [name for name in NEEDED if name not in heads]:
        raise TestbedError(f"--era-binaries {source}: no {' and no '.join(lacking)} in it; the README says where to get it")
    here = SAME.get(platform.machine(), platform.machine())
    for name, head in heads.items():
        made_for = _architecture(head)
        if made_for != here:
            found = f"is for {made_for}" if made_for else "is no program (no ELF header)"
            raise TestbedError(f"--era-binaries {source}: {name} {found}; wanted: a Linux program for {here}, as this host")


def unpack(source: Path, folder: Path = FOLDER) -> Path:
    """Copy what `source` has of TAKEN into `folder`, and nothing else, and return it; raises TestbedError as `demand`."""
    demand(source)
    if folder.exists() and source.resolve() == folder.resolve():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, stream in _programs(source):
        # A program that runs cannot be written to, but its name can go to another file.
        part = folder / f".{name}.part"
        with part.open("wb") as file:
            shutil.copyfileobj(stream, file)
        part.chmod(0o755)
        part.replace(folder / name)
    return folder


def demand_start(folder: Path, source: Path) -> Path:
    """Return the folder; raise TestbedError unless the programs in it that the nodes need, `source`'s, tell their version here.

    One may be whole and end at once: fleet 1.0.0, as a Go of today builds it, panics ("encoding alphabet includes duplicate
    symbols": base64.NewEncoding's documentation).
    """
    for name in NEEDED:
        try:
            asked = subprocess.run(
                [folder / name, "--version"], capture_output=True, text=True, timeout=START_SECONDS, check=False
            )
            words = (asked.stderr or f"exit code {asked.returncode}").splitlines()[0] if asked.returncode else ""
        except (OSError, subprocess.TimeoutExpired) as error:
            words = str(error)
        if words:
            raise TestbedError(f"--era-binaries {source}: {name} --version fails: {words}; take a build that runs on this host")
    return folder


def _programs(source: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """The name and the open file of each of TAKEN; of several with one name the first."""
    if not source.exists():
        raise TestbedError(f"--era-binaries {source}: there is no such file or folder")
    seen: set[str] = set()
    try:
        for name, stream in _in_folder(source) if source.is_dir() else _in_archive(source):
            if name not in seen:
                seen.add(name)
                yield name, stream
    except (tarfile.TarError, EOFError, zlib.error, LZMAError, OSError) as error:
        words = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(":")
        raise TestbedError(f"--era-binaries {source}: neither a folder nor a tar archive that can be read ({words})") from error


def _in_folder(source: Path) -> Iterator[tuple[str, IO[bytes]]]:
    for file in (*sorted(source.glob("*")), *sorted(source.glob("*/*"))):
        if file.name in TAKEN and file.is_file():
            with file.open("rb") as stream:
                yield file.name, stream


def _in_archive(source: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Members are taken by their last name, so that none can be written elsewhere; links are none of them."""
    with tarfile.open(source) as archive:
        for member in archive:
            name = PurePosixPath(member.name).name
            stream = archive.extractfile(member) if member.isreg() and name in TAKEN else None
            if stream is not None:
                yield name, stream


def _architecture(head: bytes) -> str:
    if len(head) < HEADER_BYTES or not head.startswith(ELF):
        return ""
    (number,) = struct.unpack(">H" if head[5] == 2 else "<H", head[18:20])
    return ARCHITECTURES.get(number, f"machine number {number}")
