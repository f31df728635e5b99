"""The drill of the reboot: `sudo reboot` on core-02, once, with a container on it that was started by hand."""

from dataclasses import dataclass

import pytest

from fixtures.machines import leased
from testbed import host
from testbed.cluster import Cluster
from testbed.leases import QUORUM, Use
from testbed.restart import wait_until_ready
from testbed.transcript import Result
from testbed.wait import wait_until
from tests.cluster.background.outcome import of_drill

NAME = "reboot-of-core-02"
GROUP = pytest.mark.xdist_group(NAME)
BY_HAND = "left-by-hand"
REBOOT_SECONDS = 60


@dataclass(frozen=True)
class Reboot:
    """What it did to the node: its state after it, what was on it before, and what after it was switched on again."""

    status: Result
    before: Result
    after: Result
    containers: Result


@pytest.fixture(scope="session")
def reboot(the_cluster: Cluster) -> Reboot:
    """The drill, run once for all who read it."""
    return of_drill(NAME, lambda: run(the_cluster))


def run(cluster: Cluster) -> Reboot:
    """The drill, on core-02."""
    with leased(cluster, ("core-02",), Use.ALONE, {QUORUM: Use.ALONE}) as held:
        node = held["core-02"]
        before = node.run(f"docker run --detach --name {BY_HAND} busybox sleep 1000 >/dev/null; cat /etc/machine-id")
        try:
            node.run("sudo reboot")
            status = wait_until(_status_when_off, "core-02: is off", seconds=REBOOT_SECONDS)
        finally:
            cluster.provider.power_on(node.name)
            wait_until_ready(node)
            after, containers = node.run("cat /etc/machine-id"), node.run("docker ps --all --format '{{.Names}} {{.State}}'")
            node.run(f"docker rm --force {BY_HAND}")
    assert status is not None  # it was waited for
    return Reboot(status, before, after, containers)


def _status_when_off() -> Result | None:
    status = host.run("vagrant status core-02 --machine-readable")
    return None if ",core-02,state,running" in status.stdout else status
