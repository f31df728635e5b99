"""The options of a run: defined once, for the command line and for pytest alike."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from testbed import era_binaries, providers
from testbed.errors import TestbedError

KEEP = ("never", "on-failure", "always")
MANAGERS = ("auto", "fleet", "swarm")
MOST_NODES = 9
# RFC 1918: the cluster's network must not hide addresses that belong to somebody.
PRIVATE = tuple(ipaddress.IPv4Network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
# The URL ends up in user-data and in shells: nothing but scheme, host, port, plain path segments and a token.
DISCOVERY_URL = re.compile(
    r"https?://[0-9A-Za-z]([0-9A-Za-z.-]*[0-9A-Za-z])?(:(?P<port>[0-9]{1,5}))?(/[0-9A-Za-z._-]+)*/[0-9A-Za-z-]{8,64}"
)


@dataclass(frozen=True)
class Options:
    """What the user may choose. `validate` says whether it can be meant at all; preflight whether it fits the host."""

    provider: str = "docker"
    nodes: int = 3
    subnet: str = "auto"
    discovery: str = "private"
    registry_port: int = 0
    keep: str = "never"
    manager: str = "auto"
    era_binaries: Path | None = None

    @property
    def manager_name(self) -> str:
        """The manager of a cluster that is brought up with these options: fleet where it can be had."""
        if self.manager != "auto":
            return self.manager
        return "fleet" if self.era_binaries else "swarm"

    @property
    def asks_for_manager(self) -> bool:
        """Whether the user said which manager it shall be, in one way or the other."""
        return self.manager != "auto" or self.era_binaries is not None

    def validate(self) -> None:
        """Raise TestbedError, naming the option and what it may be, for the first value that cannot be meant."""
        if self.provider not in providers.KNOWN:
            raise TestbedError(f"--provider {self.provider}: unknown; known: {', '.join(providers.KNOWN)}")
        if not 1 <= self.nodes <= MOST_NODES:
            raise TestbedError(f"--nodes {self.nodes}: a cluster has 1 to {MOST_NODES} nodes; the workshop's has 3")
        if not 0 <= self.registry_port <= 65535:
            raise TestbedError(f"--registry-port {self.registry_port}: a port is 1 to 65535, or 0 for any that is free")
        if self.keep not in KEEP:
            raise TestbedError(f"--keep {self.keep}: unknown; known: {', '.join(KEEP)}")
        if self.manager not in MANAGERS:
            raise TestbedError(f"--manager {self.manager}: unknown; known: {', '.join(MANAGERS)}")
        if self.manager == "fleet" and self.era_binaries is None:
            raise TestbedError("--manager fleet: needs --era-binaries PATH, too; the README says where fleet is archived")
        if self.era_binaries is not None:
            era_binaries.demand(self.era_binaries)
        if self.subnet != "auto":
            _validate_subnet(self.subnet)
        _validate_discovery(self.discovery)


def add_arguments(add: Callable[..., Any]) -> None:
    """Define every option through `add`: argparse's `parser.add_argument` or pytest's `group.addoption`."""
    default = Options()
    add(
        "--provider",
        default=default.provider,
        help=f"what Vagrant makes machines of: {', '.join(providers.KNOWN)} (docker)",
    )
    add("--nodes", type=int, default=default.nodes, metavar="N", help=f"number of nodes, 1 to {MOST_NODES} (3)")
    add("--subnet", default=default.subnet, help="the cluster's own network, a private IPv4 /24, or any that is free (auto)")
    add(
        "--discovery",
        default=default.discovery,
        metavar="private|public|URL",
        help="where nodes find one another: a service of our own, discovery.etcd.io, or an unused URL (private)",
    )
    add(
        "--registry-port",
        type=int,
        default=default.registry_port,
        metavar="PORT",
        help="the registry's port on 127.0.0.1; 0 takes any that is free (0)",
    )
    add("--keep", default=default.keep, metavar="|".join(KEEP), help="when to leave the machines running (never)")
    add(
        "--manager",
        default=default.manager,
        metavar="|".join(MANAGERS),
        help="what keeps services running: fleet, Docker's swarm mode, or fleet where it can be had (auto)",
    )
    add(
        "--era-binaries",
        type=Path,
        metavar="PATH",
        help="a folder, or a release archive, with fleetd and fleetctl for the nodes' /opt/bin",
    )


def read(get: Callable[[str], Any]) -> Options:
    """The options by their names, as with `read(config.getoption)` or `read(vars(namespace).get)`; validated.

    Raises TestbedError for a value that cannot be meant.
    """
    options = Options(**{field.name: get(field.name) for field in fields(Options)})
    options.validate()
    return options


def is_discovery_url(text: str) -> bool:
    """Whether it is a URL with a token as a discovery service gives them, and nothing else."""
    url = DISCOVERY_URL.fullmatch(text)
    return url is not None and 1 <= int(url["port"] or 80) <= 65535


def _validate_subnet(subnet: str) -> None:
    try:
        network = ipaddress.IPv4Network(subnet)
    except ValueError as error:
        raise TestbedError(f"--subnet {subnet}: {error}; write it like 172.28.8.0/24, or auto") from None
    if network.prefixlen != 24 or not any(network.subnet_of(private) for private in PRIVATE):
        raise TestbedError(f"--subnet {subnet}: a /24 of the private ranges (10/8, 172.16/12, 192.168/16) is needed")


def _validate_discovery(discovery: str) -> None:
    if discovery not in ("private", "public") and not is_discovery_url(discovery):
        raise TestbedError(
            f"--discovery {discovery!r}: neither private nor public nor a URL like https://discovery.etcd.io/TOKEN,"
            " TOKEN being 8 to 64 letters and digits"
        )
