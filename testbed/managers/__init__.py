"""The cluster's manager: it keeps services running, on this machine or that one. One file a manager, one small interface."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from testbed.errors import TestbedError
from testbed.machine import Machine

# Every container that a manager starts carries this label, with its service's name.
SERVICE_LABEL = "cododemo.service"
SIDEKICK = "-announce"
"""How the name of a service's sidekick ends."""
ANNOUNCED_SECONDS = 5
"""How long an instance's key lives in etcd when nobody renews it."""
LOST_SECONDS = 10
"""A lost machine is noticed after about so long: the heartbeats and lifetimes of either manager are set to it."""


class ManagerError(TestbedError):
    """The manager did not do as it was told; the message has its own words."""


class Spread(Enum):
    """Where a service's instances may run."""

    ANYWHERE = "anywhere"
    NEVER_TOGETHER = "never two on one machine"
    EVERYWHERE = "one on every machine"


@dataclass(frozen=True)
class Service:
    """What is to run: containers of one image, on the network of the machine that the manager chooses.

    Where `announced` is given, a sidekick keeps the key `announced`/MACHINE in etcd for each instance that runs, with the value
    ADDRESS:`port` and a lifetime of ANNOUNCED_SECONDS.
    """

    name: str
    image: str
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    volumes: tuple[str, ...] = ()
    instances: int = 1
    spread: Spread = Spread.ANYWHERE
    machines: tuple[str, ...] = ()
    """The names of the machines that it may run on; none named means any."""
    restart_seconds: float = 0
    """How long the manager waits before it starts an instance again that ended."""
    announced: str = ""
    port: int = 0


@dataclass(frozen=True)
class Instance:
    """One instance as the manager tells of it; `machine` is empty while none is chosen, `state` is the manager's own word."""

    service: str
    machine: str
    state: str
    running: bool


class Manager(Protocol):
    """A manager, asked through one machine. Each method raises ManagerError when that machine gives no answer."""

    @property
    def name(self) -> str:
        """Its name, one of KNOWN."""

    @property
    def asked(self) -> Machine:
        """The machine through which it is asked."""

    @property
    def given(self) -> list[Service]:
        """The services that were given to this object, or to another that came of it by seen_from."""

    def seen_from(self, machine: Machine) -> "Manager":
        """The same manager, asked through another machine."""

    def set_up(self, nodes: Sequence[Machine]) -> None:
        """Make the nodes one cluster; at bring-up, when their engines and their etcd answer."""

    def machines(self) -> dict[str, bool]:
        """The machines that it knows, by name, and whether each can be given work."""

    def reconnect(self, machine: Machine) -> None:
        """Have the machine sign on anew, as it is up, and still is none of those that can be given work."""

    def leader(self) -> str:
        """The name of the machine that decides where services run; empty while there is none."""

    def start(self, service: Service) -> None:
        """Have the service run from now on; returns when the manager has taken it, not when it runs."""

    def stop(self, name: str) -> None:
        """Stop the service and its sidekick and forget them; one that is not known is no error."""

    def services(self) -> list[str]:
        """The names of the services that it was given, without sidekicks."""

    def instances(self, name: str) -> list[Instance]:
        """The service's instances that are to run, by machine; those that were replaced are not among them."""

    def where(self, name: str) -> list[str]:
        """The machines on which an instance runs, each as often as there are instances."""

    def status(self, name: str) -> str:
        """What the manager's own command prints on the service, for evidence."""

    def logs(self, name: str) -> str:
        """What the service's instances printed last."""


KNOWN = ("fleet", "swarm")


def make(name: str, nodes: Sequence[Machine], asked: Machine | None = None) -> Manager:
    """The manager of that name, asked through the first node unless another is given; raises TestbedError for one not known."""
    if name not in KNOWN:
        raise TestbedError(f"--manager {name}: not known; take one of {', '.join(KNOWN)}")
    # A manager's libraries are loaded when it is taken, not before.
    if name == "fleet":
        from testbed.managers.fleet import Fleet

        return Fleet(asked or nodes[0], tuple(nodes))
    from testbed.managers.swarm import Swarm

    return Swarm(asked or nodes[0], tuple(nodes))
