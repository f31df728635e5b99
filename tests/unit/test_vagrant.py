"""Vagrant's stumbles: which one is tried again, and what is said of the others; and its index of machines."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed import paths, vagrant
from testbed.errors import TestbedError


class Stumbling:
    """A Vagrant whose `up` says these lines, one list an attempt; an attempt whose last line is `fails` ends so."""

    def __init__(self, *attempts: list[str]) -> None:
        self.attempts = list(attempts)

    def up(self, **_: object) -> Iterator[str]:
        for line in self.attempts.pop(0):
            if line == "fails":
                raise subprocess.CalledProcessError(1, "vagrant")
            yield line


def said(monkeypatch: pytest.MonkeyPatch, *attempts: list[str]) -> list[str]:
    stumbling = Stumbling(*attempts)
    monkeypatch.setattr(vagrant, "_vagrant", lambda **_: stumbling)
    return list(vagrant.up())


def test_a_vanished_container_of_somebody_else_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, ["Error: No such object: 4711", "fails"], ["all is up"])[-1] == "all is up"


@pytest.mark.parametrize(
    "attempts",
    [(["the disk is full", "fails"],), (["No such object: 1", "fails"], ["No such object: 2", "fails"])],
    ids=["another-failure", "twice"],
)
def test_anything_else_is_told_with_the_last_lines(monkeypatch: pytest.MonkeyPatch, attempts: tuple[list[str], ...]) -> None:
    with pytest.raises(TestbedError, match="vagrant up ended with 1: .*" + attempts[-1][0]):
        said(monkeypatch, *attempts)


def test_only_this_checkouts_machines_are_forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    index = tmp_path / "data" / "machine-index" / "index"
    index.parent.mkdir(parents=True)
    machines = {"1": {"vagrantfile_path": str(paths.ROOT)}, "2": {"vagrantfile_path": "/somebody/elses"}}
    index.write_text(json.dumps({"version": 1, "machines": machines}))
    monkeypatch.setenv("VAGRANT_HOME", str(tmp_path))
    vagrant.forget()
    assert json.loads(index.read_text()) == {"version": 1, "machines": {"2": machines["2"]}}


def test_without_an_index_there_is_nothing_to_forget(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VAGRANT_HOME", str(tmp_path))
    vagrant.forget()
    assert list(tmp_path.iterdir()) == []
