"""The packages of node/: installed once for each lock file."""

from pathlib import Path

import pytest

from testbed import node, paths


@pytest.fixture
def installs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What npm is told, instead of telling it."""
    told: list[str] = []
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "package-lock.json").write_text("one")
    monkeypatch.setattr(node, "SOURCE", tmp_path / "node")
    monkeypatch.setattr(paths, "STATE", tmp_path / "state")
    monkeypatch.setattr(node, "run_logged", lambda what, *_: told.append(what))
    return told


def test_packages_are_installed_once_for_each_lock_file(installs: list[str]) -> None:
    assert node.ensure() == node.ensure()
    assert installs == ["npm ci"]
    (node.SOURCE / "package-lock.json").write_text("two")
    node.ensure()
    assert installs == ["npm ci", "npm ci"]
