"""The cluster's own network: a /24 of this host that no Docker network and no route of somebody else's has."""

from collections.abc import Iterable
from ipaddress import IPv4Network

from testbed import engine, survey
from testbed.engine import Network
from testbed.errors import TestbedError

# 172.17.0.0/16 is every Docker engine's own bridge, also that of the nodes.
CANDIDATES = tuple(IPv4Network(f"172.{second}.8.0/24") for second in range(28, 17, -1))
NONE_FREE = f"none of {CANDIDATES[0]} to {CANDIDATES[-1]} is free"
CHOOSE = "choose one: --subnet ADDRESS/24"

Taken = tuple[str, IPv4Network]
"""Whose a network is, and which."""


def taken(networks: Iterable[Network], routes: Iterable[Taken], own: str) -> list[Taken]:
    """Every network that is not the own one of the checkout of that id; the route to a Docker bridge is not counted again."""
    networks = list(networks)
    bridges = {network.bridge for network in networks}
    docker = [(f"Docker network {each.name}", net) for each in networks if each.checkout != own for net in each.subnets]
    return docker + [(f"route on {interface}", net) for interface, net in routes if interface not in bridges]


def clash(wanted: IPv4Network, taken: Iterable[Taken]) -> str | None:
    """Whose network, and which, `wanted` overlaps; None when it is free."""
    return next((f"{whose} ({network})" for whose, network in taken if network.overlaps(wanted)), None)


def free(taken: Iterable[Taken]) -> IPv4Network | None:
    """The first of CANDIDATES that is free; None when none is."""
    others = list(taken)
    return next((each for each in CANDIDATES if clash(each, others) is None), None)


def find(checkout: str, beside: str | None = None) -> IPv4Network:
    """A network that the checkout of that id may have on this host now, and is not `beside`; raises TestbedError without one."""
    found = taken(engine.networks(), survey.routes(), checkout)
    network = free([*found, *([("another cluster", IPv4Network(beside))] if beside else [])])
    if network is None:
        raise TestbedError(f"subnet: {NONE_FREE}; {CHOOSE}")
    return network
