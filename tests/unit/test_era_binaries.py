"""Programs of the era: what is taken from a folder or an archive, and what is refused, in which words."""

import platform
import struct
import tarfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path

import pytest

from testbed import era_binaries
from testbed.errors import TestbedError

HERE = next(
    number
    for number, name in era_binaries.ARCHITECTURES.items()
    if name == era_binaries.SAME.get(platform.machine(), platform.machine())
)
FOREIGN = 22 if HERE != 22 else 62
NAMES = era_binaries.ARCHITECTURES


def program(machine: int = HERE) -> bytes:
    """The head of an ELF file, as much of it as is looked at."""
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, machine) + b"rest"


BOTH = {"fleetd": program(), "fleetctl": program()}
Source = Callable[[Mapping[str, bytes]], Path]


def folder(path: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def archive(path: Path, files: Mapping[str, bytes]) -> Path:
    file = path / "fleet-v1.0.0-linux-amd64.tar.gz"
    with tarfile.open(file, "w:gz") as into:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            into.addfile(member, BytesIO(content))
    return file


@pytest.fixture(params=[folder, archive])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    """Makes files into a folder, or into an archive."""
    place = tmp_path / "given"
    place.mkdir()
    return lambda files: request.param(place, files)


@pytest.mark.parametrize("prefix", ["", "fleet-v1.0.0-linux-amd64/"])
def test_programs_are_taken_and_nothing_else(source: Source, prefix: str, tmp_path: Path) -> None:
    files = {f"{prefix}{name}": content for name, content in {**BOTH, "README.md": b"read me"}.items()}
    to = era_binaries.unpack(source(files), tmp_path / "taken")
    assert {file.name: file.read_bytes() for file in to.iterdir()} == BOTH
    assert {file.stat().st_mode & 0o777 for file in to.iterdir()} == {0o755}


def test_programs_that_are_welcome_but_not_needed_are_taken_too(source: Source, tmp_path: Path) -> None:
    to = era_binaries.unpack(source({**BOTH, "locksmithctl": program()}), tmp_path / "taken")
    assert (to / "locksmithctl").exists()


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({}, "no fleetd and no fleetctl in it"),
        ({"fleetctl": program()}, "no fleetd in it"),
        ({"fleetd": program()}, "no fleetctl in it"),
        ({**BOTH, "fleetd": b"#!/bin/sh\n"}, "fleetd is no program"),
        ({**BOTH, "fleetctl": b""}, "fleetctl is no program"),
        (
            {**BOTH, "fleetd": program(FOREIGN)},
            f"fleetd is for {NAMES[FOREIGN]}; wanted: a Linux program for {NAMES[HERE]}, as this host",
        ),
        ({**BOTH, "fleetd": program(9999)}, "fleetd is for machine number 9999"),
    ],
    ids=["nothing", "no-fleetd", "no-fleetctl", "a-script", "empty", "foreign", "unheard-of"],
)
def test_what_is_no_use_is_named_in_one_line(source: Source, files: dict[str, bytes], complaint: str) -> None:
    given = source(files)
    with pytest.raises(TestbedError) as raised:
        era_binaries.demand(given)
    assert str(raised.value).startswith(f"--era-binaries {given}: ")
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("size", [0, 100])
def test_file_that_is_no_archive_is_refused(size: int, tmp_path: Path) -> None:
    file = tmp_path / "fleetd"
    file.write_bytes(program().ljust(size, b"x")[:size])
    with pytest.raises(TestbedError, match="neither a folder nor a tar archive that can be read") as raised:
        era_binaries.demand(file)
    assert "\n" not in str(raised.value)


def test_archive_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    whole = archive(tmp_path, {**BOTH, "fleetctl": program() + bytes(range(256)) * 99})
    whole.write_bytes(whole.read_bytes()[:150])
    with pytest.raises(TestbedError, match="--era-binaries"):
        era_binaries.demand(whole)


def test_archive_writes_nowhere_else(tmp_path: Path) -> None:
    to = era_binaries.unpack(archive(tmp_path, {"../../fleetd": program(), "/etc/fleetctl": program()}), tmp_path / "a" / "b")
    assert sorted(path.name for path in tmp_path.rglob("fleet*") if path.parent != tmp_path) == ["fleetctl", "fleetd"]
    assert sorted(path.name for path in to.iterdir()) == ["fleetctl", "fleetd"]


def test_folder_that_holds_them_already_is_taken_as_it_is(tmp_path: Path) -> None:
    there = folder(tmp_path, BOTH)
    assert era_binaries.unpack(there, there) == there


def test_program_that_does_not_start_is_named_in_one_line(tmp_path: Path) -> None:
    there = folder(
        tmp_path, {"fleetd": b"#!/bin/sh\necho $1\n", "fleetctl": b"#!/bin/sh\necho panic: no >&2; echo more >&2; exit 2\n"}
    )
    for file in there.iterdir():
        file.chmod(0o755)
    with pytest.raises(TestbedError, match=r"^--era-binaries given: fleetctl --version fails: panic: no; [^\n]*$"):
        era_binaries.demand_start(there, Path("given"))
    (there / "fleetctl").write_bytes((there / "fleetd").read_bytes())
    assert era_binaries.demand_start(there, Path("given")) == there
