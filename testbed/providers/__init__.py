"""What Vagrant makes machines of: one file a provider, behind the small interface below."""

from collections.abc import Iterator
from typing import Any, Protocol

from testbed.errors import TestbedError


class Provider(Protocol):
    """The part of a testbed that differs between containers, virtual machines and machines that are there already."""

    def facts(self) -> dict[str, Any]:
        """What the Vagrantfile has to know besides the machines' names and addresses."""

    def up(self, name: str | None = None) -> Iterator[str]:
        """Bring one machine up, or all when none is named, yielding what Vagrant says, a line at a time."""

    def ssh_config(self) -> str:
        """An ssh configuration with a Host block a machine."""

    def is_on(self, name: str) -> bool:
        """Whether a machine is switched on; one that is not there is not."""

    def power_off(self, name: str) -> None:
        """Switch a machine off without a goodbye to its processes; one that is off stays off."""

    def power_on(self, name: str) -> None:
        """Start a machine that is off; returns when it is starting, not when it is ready."""

    def cut_off(self, name: str) -> None:
        """Take a running machine off the cluster's network."""

    def reconnect(self, name: str, address: str) -> None:
        """Put a machine that was cut off back on the network, at its address."""

    def destroy(self, name: str) -> None:
        """Remove one machine with all that was stored on it; `up` then makes it anew."""

    def execute(self, name: str, command: str) -> str:
        """What a command prints on a machine, by a way that needs no ssh and no network; for evidence and healing."""

    def processes(self, name: str) -> list[str]:
        """The command lines of what runs on a machine, as execute sees it but cheaper; none of a machine that is off."""

    def remove(self) -> None:
        """Remove every machine of this checkout, also what a killed run left, and all that was made with it."""


KNOWN = ("docker",)


def make(name: str) -> Provider:
    """The provider of that name; raises TestbedError for one that is not known."""
    if name not in KNOWN:
        raise TestbedError(f"--provider {name}: not known; take one of {', '.join(KNOWN)}")
    # A provider's libraries are loaded when it is taken, not before.
    from testbed.providers.docker import DockerProvider

    return DockerProvider()
