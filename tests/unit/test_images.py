"""What a build that was killed leaves, and what is removed of it."""

import subprocess
import sys
from pathlib import Path
from unittest.mock import MagicMock

import docker
import pytest

from testbed import images
from testbed.engine import CHECKOUT_LABEL, IMAGE_LABEL


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MagicMock:
    """An engine on which a registry was being filled; nobody builds now."""
    engine = MagicMock()
    engine.api.containers.side_effect = [[{"Id": "filling"}], []]
    pushed = ["127.0.0.1:32768/library/redis:latest", "cododemo/redis:0123"]
    engine.api.images.return_value = [{"RepoTags": pushed}, {"RepoTags": None}]
    monkeypatch.setattr(docker, "from_env", lambda: engine)
    monkeypatch.setattr(images, "BUILDING", tmp_path / "lock")
    monkeypatch.setattr(images, "ARCHIVE", tmp_path / "base.tar")
    return engine


def test_registry_names_and_stages_are_removed_and_nothing_of_others(engine: MagicMock) -> None:
    images.ARCHIVE.touch()
    images.remove_unfinished()
    engine.api.remove_container.assert_called_once_with("filling", force=True, v=True)
    engine.api.images.assert_called_once_with(filters={"label": IMAGE_LABEL})
    engine.images.remove.assert_called_once_with("127.0.0.1:32768/library/redis:latest")
    engine.images.prune.assert_called_once_with(filters={"dangling": True, "label": IMAGE_LABEL})
    assert not images.ARCHIVE.exists()


STEP = {"Id": "step", "Image": "sha256:0123", "State": "exited", "Labels": {IMAGE_LABEL: "build-stage"}}
MACHINE = {"Id": "core-01", "Image": "sha256:4567", "Labels": {IMAGE_LABEL: "node", CHECKOUT_LABEL: "0123"}}
FOREIGN = {"Id": "foreign", "Image": "cododemo/busybox:0123", "Labels": {IMAGE_LABEL: "busybox"}}


def test_stage_is_removed_when_the_engine_has_ended_its_build(engine: MagicMock) -> None:
    """The engine refuses to remove an image on which a container stands; those of others do not matter."""
    engine.api.containers.side_effect = [[], [MACHINE, STEP], [FOREIGN, STEP], [FOREIGN, MACHINE]]
    images.remove_unfinished()
    assert engine.api.containers.call_count == 4
    engine.api.remove_container.assert_not_called()
    engine.images.prune.assert_called_once()


def test_step_that_an_engine_has_left_is_removed(engine: MagicMock, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that still runs is of somebody who builds on our images."""
    monkeypatch.setattr(images, "CANCELLED_SECONDS", 0)
    engine.api.containers.side_effect = [[], [MACHINE, STEP, FOREIGN, STEP | {"Id": "builds", "State": "running"}]]
    images.remove_unfinished()
    engine.api.remove_container.assert_called_once_with("step", force=True, v=True)


HOLD = "import sys, fasteners; held = fasteners.InterProcessLock(sys.argv[1]); held.acquire(); print(flush=True); input()"


def test_while_somebody_builds_nothing_is_removed(engine: MagicMock) -> None:
    """Another process, as the kernel's record locks are a process's."""
    command = [sys.executable, "-c", HOLD, str(images.BUILDING)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()
        images.remove_unfinished()
        other.communicate(b"\n")
    engine.api.remove_container.assert_not_called()
    engine.images.prune.assert_not_called()
