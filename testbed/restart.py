"""Machines switched off and on, and waited for until one can work with them as before."""

from collections.abc import Iterator
from contextlib import contextmanager

from testbed import readiness, ssh
from testbed.cluster import Cluster, demand_running
from testbed.errors import TestbedError
from testbed.machine import Machine
from testbed.wait import WaitTimeout, wait_until

BOOT_SECONDS = 90


class NotHealed(WaitTimeout):
    """After a fault the cluster did not become whole again: it has to be rebuilt before anybody else can use it."""


def restart(cluster: Cluster, *names: str) -> None:
    """Switch these machines off, without a goodbye to their processes, and on again; returns when all are ready.

    Raises NotHealed naming the machine and the condition that did not come true.
    """
    with off(cluster, *names):
        pass


@contextmanager
def off(cluster: Cluster, *names: str) -> Iterator[None]:
    """These machines are off; at the end they are switched on, and ready again. Raises NotHealed as `restart` does."""
    for name in names:
        cluster.provider.power_off(name)
        ssh.disconnect(name)
    try:
        yield
    finally:
        for name in names:
            cluster.provider.power_on(name)
        for name in names:
            wait_until_ready(cluster.machine(name))


@contextmanager
def cut_off(cluster: Cluster, name: str) -> Iterator[None]:
    """The machine runs, off the cluster's network; at the end it is back there, and ready. Raises NotHealed as `restart` does."""
    cluster.provider.cut_off(name)
    ssh.disconnect(name)
    try:
        yield
    finally:
        cluster.provider.reconnect(name, cluster.machine(name).address)
        wait_until_ready(cluster.machine(name))


@contextmanager
def healing() -> Iterator[None]:
    """What a fault took is waited for; what does not come back in time is raised as NotHealed."""
    try:
        yield
    except WaitTimeout as error:
        raise NotHealed(str(error)) from error


@healing()
def wait_until_ready(machine: Machine) -> None:
    """Return when a machine that is starting, by whatever means, can be worked with as before.

    It then has a new ssh connection and all its services, and the manager counts it in. Raises NotHealed naming the machine
    and the condition.
    """
    ssh.disconnect(machine.name)
    wait_until(lambda: _connects(machine), f"{machine}: answers by ssh", seconds=BOOT_SECONDS, not_yet=(TestbedError,))
    wait_until(lambda: has_booted(machine), f"{machine}: has started its units", seconds=BOOT_SECONDS)
    readiness.wait_for_machine(machine.name, machine.address)
    cluster = demand_running()
    if machine in cluster.nodes:
        # It is asked itself: others may be off at this time, and it must know the cluster again to be of any use.
        readiness.wait_for_manager(cluster.manager.seen_from(machine), machine)


def _connects(machine: Machine) -> bool:
    ssh.connect(machine.name)
    return True


def has_booted(machine: Machine) -> bool:
    """Whether systemd's first transaction is over; it says `degraded` when a unit failed, which is for others to judge."""
    return machine.quietly("systemctl is-system-running").stdout.strip() in ("running", "degraded")
