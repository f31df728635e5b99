"""A cluster that was up is found again, or, where its machines are off, told apart from one that is."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed import cluster
from testbed.errors import TestbedError
from testbed.providers.docker import DockerProvider

Switched = Callable[..., None]


@pytest.fixture
def on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Switched:
    """Takes the names of those of boot2docker and core-01 that are on; a cluster is taken down by removing its file."""
    file = tmp_path / "cluster.json"
    addresses = {"boot2docker": "192.0.2.1", "core-01": "192.0.2.2"}
    state = {"addresses": addresses, "provider_name": "docker", "manager_name": "swarm"}
    file.write_text(json.dumps(state | {"services_address": "192.0.2.3", "bring_up_seconds": 1.0}))
    monkeypatch.setattr(cluster, "STATE_FILE", file)
    monkeypatch.setattr(cluster, "down", file.unlink)
    return lambda *names: monkeypatch.setattr(DockerProvider, "is_on", lambda _, name: name in names)


def test_one_whose_machines_are_on_is_up(on: Switched) -> None:
    on("boot2docker", "core-01")
    assert cluster.found(print) is not None


def test_one_whose_machines_are_all_off_is_taken_down(on: Switched, capsys: pytest.CaptureFixture[str]) -> None:
    on()
    assert cluster.found(print) is None
    assert not cluster.STATE_FILE.exists()
    assert "it is made anew" in capsys.readouterr().out


def test_one_of_which_a_machine_is_off_is_refused_by_its_name(on: Switched) -> None:
    on("boot2docker")
    with pytest.raises(TestbedError, match="core-01: off; start them with vagrant up, or take the cluster down"):
        cluster.found(print)
