"""The drill of the reboot: `sudo reboot` on core-02, once, with a container started by hand and a unit that is enabled."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from fixtures.machines import leased
from testbed import host
from testbed.cluster import Cluster
from testbed.leases import QUORUM, Use
from testbed.machine import Machine
from testbed.restart import wait_until_ready
from testbed.transcript import Result
from testbed.wait import wait_until
from tests.cluster.background.outcome import of_drill

NAME = "reboot-of-core-02"
GROUP = pytest.mark.xdist_group(NAME)
BY_HAND = "left-by-hand"
AT_BOOT = "workshop-at-boot"
UNIT_FILE = f"/etc/systemd/system/{AT_BOOT}.service"
UNIT = r"[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
REBOOT_SECONDS = 60


@dataclass(frozen=True)
class Reboot:
    """What it did to the node: its state after it, what was on it before, and what after it was switched on again.

    `first` is the name of process 1, `active` the state of the unit that was enabled and never started, and of the node's own.
    """

    status: Result
    before: Result
    after: Result
    containers: Result
    first: Result
    active: Result


@pytest.fixture(scope="session")
def reboot(the_cluster: Cluster) -> Reboot:
    """The drill, run once for all who read it."""
    return of_drill(NAME, lambda: run(the_cluster))


def run(cluster: Cluster) -> Reboot:
    """The drill, on core-02."""
    with leased(cluster, ("core-02",), Use.ALONE, {QUORUM: Use.ALONE}) as held, _prepared(held["core-02"]) as node:
        before = node.run("cat /etc/machine-id")
        try:
            node.run("sudo reboot")
            wait_until(lambda: not cluster.provider.is_on(node.name), f"{node}: is off", seconds=REBOOT_SECONDS)
            status = host.run("vagrant status core-02 --machine-readable")
        finally:
            cluster.provider.power_on(node.name)
            wait_until_ready(node)
        return Reboot(
            status,
            before,
            after=node.run("cat /etc/machine-id"),
            containers=node.run("docker ps --all --format '{{.Names}} {{.State}}'"),
            first=node.run("cat /proc/1/comm"),
            active=node.run(f"systemctl is-active {AT_BOOT} docker etcd2 ssh"),
        )


@contextmanager
def _prepared(node: Machine) -> Iterator[Machine]:
    """With a container that runs, and a unit that is enabled and was never started."""
    node.run(f"docker run --detach --name {BY_HAND} busybox sleep 1000")
    node.run(f"printf '{UNIT}' | sudo tee {UNIT_FILE} && sudo systemctl enable {AT_BOOT}")
    try:
        yield node
    finally:
        node.run(f"docker rm --force {BY_HAND}")
        node.run(f"sudo systemctl disable --now {AT_BOOT}; sudo rm {UNIT_FILE}; sudo systemctl daemon-reload")
