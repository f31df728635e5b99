"""The system's packages: which are missing, what apt is asked for, and what is said where it cannot be asked."""

import os
from pathlib import Path

import pytest

from testbed import packages, paths, system
from testbed.errors import TestbedError


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system with nothing installed, of which root is the user; programs are taken from the folder returned."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(system, "SBIN", "")
    monkeypatch.setattr(packages, "ENGINE_SOCKET", str(tmp_path / "docker.sock"))
    monkeypatch.setattr(packages, "DEBIAN_KEYS", tmp_path / "keys.gpg")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    is_a(monkeypatch, "debian")
    return tmp_path


def is_a(monkeypatch: pytest.MonkeyPatch, *families: str) -> None:
    monkeypatch.setattr(packages, "distribution", lambda: ("This OS", set(families)))


def program(folder: Path, *names: str, script: str = "true") -> None:
    for name in names:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)


@pytest.mark.usefixtures("bare")
def test_everything_is_missing_on_a_bare_machine() -> None:
    wanted = ["vagrant", "mmdebstrap", "openssh-client", "git", "docker.io", "docker-cli"]
    assert packages.missing(with_venv=False) == wanted


def test_nothing_is_missing_where_the_programs_are(bare: Path) -> None:
    program(bare, "vagrant", "mmdebstrap", "ssh", "git", "dockerd", "docker")
    assert packages.missing(with_venv=False) == []


def test_handouts_tests_need_a_browser(bare: Path) -> None:
    program(bare, "vagrant", "mmdebstrap", "ssh", "git", "dockerd", "docker")
    assert packages.missing(with_venv=False, with_browser=True) == ["chromium"]
    program(bare, "chromium")
    assert packages.missing(with_venv=False, with_browser=True) == []


def test_ubuntu_needs_debians_keys(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bare, "vagrant", "mmdebstrap", "ssh", "git", "dockerd", "docker")
    is_a(monkeypatch, "ubuntu", "debian")
    assert packages.missing(with_venv=False) == ["debian-archive-keyring"]
    (bare / "keys.gpg").touch()
    assert packages.missing(with_venv=False) == []


def test_python_without_ensurepip_needs_it_for_a_venv(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bare, "vagrant", "mmdebstrap", "ssh", "git", "dockerd", "docker")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert packages.missing(with_venv=True) == ["python3-venv"]


def test_other_system_is_told_exactly_what_to_install(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bare, "apt-get")
    is_a(monkeypatch, "fedora")
    with pytest.raises(TestbedError, match=r"^This OS is neither Debian nor Ubuntu; .*: vagrant git$"):
        packages.install(["vagrant", "git"])


def test_user_without_sudo_is_told_exactly_what_to_install(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bare, "apt-get")
    program(bare, "sudo", script="exit 1")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(TestbedError, match=r"sudo apt-get install --no-install-recommends vagrant git$"):
        packages.install(["vagrant", "git"])


@pytest.fixture
def apt(bare: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fake apt that writes down what it is told, and knows every package but docker-cli and nonsense."""
    told = bare / "told"
    monkeypatch.setattr(paths, "ROOT", bare)
    monkeypatch.setattr(paths, "LOGS", bare / "logs")
    monkeypatch.setenv("PATH", f"{bare}:/usr/bin:/bin")
    program(bare, "apt-get", script=f'echo "$@" >> {told}')
    candidate = 'case $2 in docker-cli|nonsense) echo "  Candidate: (none)" ;; *) echo "  Candidate: 1" ;; esac'
    program(bare, "apt-cache", script=candidate)
    return told


def test_apt_installs_without_recommends_and_removes_nothing(apt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packages.install(["vagrant", "docker.io", "docker-cli"])
    update, install = apt.read_text().splitlines()
    assert update.endswith(" update")
    assert install.endswith(" install --no-install-recommends --no-remove docker.io vagrant")
    assert "installing docker.io, vagrant ... 0 s\n" in capsys.readouterr().err


@pytest.mark.usefixtures("apt")
def test_package_that_apt_does_not_know_is_named() -> None:
    with pytest.raises(TestbedError, match="apt knows no nonsense here"):
        packages.install(["vagrant", "nonsense"])


@pytest.mark.usefixtures("apt")
def test_apts_own_error_is_told(bare: Path) -> None:
    program(bare, "apt-get", script="echo reading; echo E: Unable to fetch; echo bye; exit 100")
    with pytest.raises(TestbedError, match=r"apt-get update ended with 100: E: Unable to fetch \(more in"):
        packages.install(["vagrant"])


def test_distribution_is_read_from_os_release(tmp_path: Path) -> None:
    file = tmp_path / "os-release"
    file.write_text('PRETTY_NAME="Linux Mint 22"\nID=linuxmint\nID_LIKE="ubuntu debian"\n')
    assert system.distribution(file) == ("Linux Mint 22", {"linuxmint", "ubuntu", "debian"})
    assert system.distribution(tmp_path / "none")[1] == set()
