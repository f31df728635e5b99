"""What breaks in the middle of a run ends it with a clear line and with evidence, and `down` leaves a clean host."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import docker
import pytest
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from fixtures.disk import LEAST_FREE
from testbed.wait import wait_until
from tests.faults.checkout import Checkout, Ended, Run
from tests.faults.engine import engine_of
from tests.faults.left import Things, left
from tests.faults.moments import SHORT, STAGE_SECONDS, Stage

pytestmark = [pytest.mark.usefixtures("untouched"), pytest.mark.timeout(2 * STAGE_SECONDS)]
BIG, TRACEBACK = "3g", "Traceback (most recent call last)"


def test_engine_that_is_restarted(checkout: Checkout, clean: Things) -> None:
    """All machines have ended, and the engine's socket is gone for some seconds."""
    with engine_of(checkout) as engine:
        environment = (("DOCKER_HOST", f"unix://{engine.socket}"),)
        with replace(checkout, environment=environment).check(*SHORT) as run:
            run.says(Stage.TESTS.value, seconds=STAGE_SECONDS)
            engine.restart(checkout)
            demand_clear_end(checkout, run, "(?m)^(E +)?.*(boot2docker|core-01): (ssh failed|it did not answer)", clean)


def test_discovery_service_that_dies_during_bring_up(checkout: Checkout, clean: Things) -> None:
    """As soon as the machines' facts are written, of which the discovery URL is one."""
    facts = checkout.folder / ".cododemo" / "testbed.json"
    with checkout.check(*SHORT) as run:
        wait_until(facts.exists, f"host: {facts} is written", seconds=STAGE_SECONDS, every=0.01)
        container(checkout, "services").kill()
        demand_clear_end(checkout, run, "services: the discovery service", clean)


def test_node_that_never_boots(checkout: Checkout, clean: Things) -> None:
    """It stands still from the moment that it is there."""
    with checkout.check(*SHORT) as run:
        container(checkout, "core-01").pause()
        demand_clear_end(checkout, run, "core-01: .*not within", clean)


def test_node_that_loses_its_disk(checkout: Checkout, clean: Things) -> None:
    """All that it had stored is gone, and nothing can be stored any more."""
    with checkout.check(*SHORT) as run:
        run.says(Stage.TESTS.value, seconds=STAGE_SECONDS)
        lost = container(checkout, "core-01").exec_run("mount -t tmpfs -o ro lost /var")
        assert lost.exit_code == 0, f"core-01: expected its disk to be lost, but saw {lost.output!r}"
        demand_clear_end(checkout, run, "core-01: expected ", clean)


@pytest.mark.parametrize("full", [".cododemo", "report"])
def test_disk_that_fills_up(checkout: Checkout, clean: Things, full: str) -> None:
    """From the moment that the tests begin, there is little room; the run ends before there is none."""
    with small_disk(checkout.folder / full) as fill, checkout.check(*SHORT) as run:
        run.says(Stage.TESTS.value, seconds=STAGE_SECONDS)
        fill()
        line = f"disk: nearly full: .* MiB free at .*/{full}"
        demand_clear_end(checkout, run, line, clean | {f"mount {checkout.folder / full}"})


def demand_clear_end(checkout: Checkout, run: Run, line: str, before: Things) -> Ended:
    """The run ends by itself, says the line, shows no traceback of ours, leaves journals; and nothing is left after `down`."""
    run.says(line, seconds=STAGE_SECONDS)
    ended = run.ended(seconds=STAGE_SECONDS)
    assert ended.code not in (0, 3), ended.expected("an exit code that says that the run broke, and no internal error")
    assert "INTERNALERROR" not in ended.output, ended.expected("no internal error")
    assert TRACEBACK not in ended.output, ended.expected("no traceback")
    journals = sorted(file.name for file in (checkout.folder / "report" / "journals").glob("*.log"))
    assert journals, ended.expected("the machines' journals in report/journals")
    down = checkout.down()
    assert down.code == 0, down.expected("exit code 0")
    found = left(checkout, before)
    assert not found, "host: expected nothing to be left, but saw:\n" + "\n".join(found)
    return ended


def container(checkout: Checkout, name: str) -> Container:
    """The machine's container, as soon as it runs."""
    engine = docker.from_env()

    def running() -> Container | None:
        found = engine.containers.get(f"cododemo-{checkout.id}-{name}")
        return found if found.status == "running" else None

    not_yet = (NotFound, APIError)
    found = wait_until(running, f"host: the container of {name} runs", seconds=STAGE_SECONDS, every=0.02, not_yet=not_yet)
    assert found
    return found


@contextmanager
def small_disk(folder: Path) -> Iterator[Callable[[], None]]:
    """A file system of its own there; gives a function that makes it nearly as small as what is on it."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={BIG}", "small", folder], check=True)

    def fill() -> None:
        size = shutil.disk_usage(folder).used + LEAST_FREE // 2
        subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)

    try:
        yield fill
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
