"""The launcher's first stage: which verb installs what, and when the .venv is made again."""

import subprocess
import sys
from pathlib import Path

import pytest

from testbed import packages, paths, setup
from testbed.errors import TestbedError


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with nothing installed."""
    for module, name, value in (
        (setup, "VENV", tmp_path / ".venv"),
        (setup, "PYTHON", tmp_path / ".venv" / "bin" / "python"),
        (setup, "STAMP", tmp_path / ".venv" / "cododemo.stamp"),
        (setup, "REQUIREMENTS", tmp_path / "requirements.txt"),
        (paths, "ROOT", tmp_path),
        (paths, "STATE", tmp_path / ".cododemo"),
        (paths, "LOGS", tmp_path / ".cododemo" / "logs"),
    ):
        monkeypatch.setattr(module, name, value)
    (tmp_path / "requirements.txt").write_text("")
    return tmp_path


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What set-up did, instead of doing it."""
    did: list[str] = []
    monkeypatch.setattr(packages, "missing", lambda **_: ["vagrant"])
    monkeypatch.setattr(packages, "install", lambda names: did.append(f"install {' '.join(names)}"))
    monkeypatch.setattr(setup, "make_venv", lambda: did.append("venv"))

    def hand_over(arguments: list[str]) -> int:
        did.append(" ".join(arguments))
        return 0

    monkeypatch.setattr(setup, "hand_over", hand_over)
    return did


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize(
    ("arguments", "did"),
    [
        ("", [""]),
        ("--help", ["--help"]),
        ("doctor", ["doctor"]),
        ("check --help", ["check --help"]),
        ("nonsense", ["nonsense"]),
        ("check -n 2", ["install vagrant", "venv", "check -n 2"]),
        ("test", ["install vagrant", "venv", "test"]),
        ("up", ["install vagrant", "venv", "up"]),
        ("ssh core-01 docker --help", ["venv", "ssh core-01 docker --help"]),
    ],
)
def test_verb_sets_up_what_it_needs(done: list[str], arguments: str, did: list[str]) -> None:
    assert setup.main(arguments.split()) == 0
    assert done == did


@pytest.mark.usefixtures("checkout")
def test_what_cannot_be_meant_is_refused_before_anything_is_installed(done: list[str]) -> None:
    assert setup.main(["check", "--nodes", "99"]) == 2
    assert done == []


@pytest.mark.usefixtures("checkout")
def test_down_makes_a_venv_only_when_something_is_left(
    done: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup, "leftovers", list)
    assert setup.main(["down"]) == 0
    assert done == []
    assert capsys.readouterr().out == "nothing to take down\n"
    monkeypatch.setattr(setup, "leftovers", lambda: ["core-01"])
    assert setup.main(["down"]) == 0
    assert done == ["venv", "down"]


def test_venv_is_ready_only_with_its_stamp_of_these_requirements(checkout: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").touch()
    assert not setup.is_ready(), "interrupted before the stamp was written"
    (checkout / ".venv" / "cododemo.stamp").write_text(setup.stamp())
    assert setup.is_ready()
    (checkout / "requirements.txt").write_text("pytest==9.2.0\n")
    assert not setup.is_ready(), "requirements.txt has changed"


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def fake_python(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python whose venv has a pip that fails when requirements.txt says so; returns where both write what they are told."""
    told = checkout / "told"
    pip = f'echo "$@" >>{told}; ! grep FAIL {checkout}/requirements.txt || {{ echo ERROR: no such hash; exit 1; }}'
    program(checkout, "pip", pip)
    program(checkout, "python", f'echo "$@" >>{told}; mkdir -p "$4/bin"; cp {checkout}/pip "$4/bin/python"')
    monkeypatch.setattr(setup, "base_python", lambda: str(checkout / "python"))
    return told


def test_venv_is_made_of_pinned_requirements_and_is_ready(checkout: Path, fake_python: Path) -> None:
    setup.make_venv()
    assert setup.is_ready()
    venv, pip = fake_python.read_text().splitlines()
    assert venv == f"-m venv --clear {checkout}/.venv"
    assert pip.endswith(f"install --quiet --require-hashes -r {checkout}/requirements.txt")


@pytest.mark.usefixtures("fake_python")
def test_failed_install_leaves_no_stamp_and_names_its_log(checkout: Path) -> None:
    setup.make_venv()
    (checkout / "requirements.txt").write_text("FAIL")
    with pytest.raises(TestbedError, match=r"pip install ended with 1: ERROR: no such hash \(more in \.cododemo/logs/pip\.log\)"):
        setup.make_venv()
    assert not setup.STAMP.exists()


@pytest.mark.usefixtures("checkout")
def test_venv_that_is_a_link_is_not_emptied(tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.mkdir()
    setup.VENV.symlink_to(others)
    with pytest.raises(TestbedError, match="it is a link"):
        setup.make_venv()


def test_error_is_one_line(checkout: Path, done: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    def fail(names: list[str]) -> None:
        raise TestbedError(f"install {names}")

    packages.install = fail  # the fixture `done` restores it
    assert setup.main(["check"]) == 2
    assert capsys.readouterr().err == "cododemo: install ['vagrant']\n"
    assert done == []
    assert not (checkout / ".venv").exists()


def test_doctor_and_help_need_nothing_but_the_standard_library() -> None:
    script = (
        "import sys;"
        "from testbed import setup, cli, preflight, engine, dockerd, packages, survey;"
        "print(*sorted({m.partition('.')[0] for m in sys.modules} - set(sys.stdlib_module_names)))"
    )
    found = subprocess.run([sys.executable, "-S", "-c", script], cwd=paths.ROOT, capture_output=True, text=True, check=True)
    assert set(found.stdout.split()) <= {"__main__", "testbed"}
