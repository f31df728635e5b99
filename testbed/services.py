"""The services container: the discovery service, and the registry that is every engine's mirror.

It stands for the internet of the workshop, at a fixed address of the cluster's network, so that no run needs another network.
"""

from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network

import docker
import httpx
from docker.errors import APIError
from docker.models.containers import Container
from docker.types import IPAMConfig, IPAMPool

from testbed import paths
from testbed.engine import CHECKOUT_LABEL
from testbed.errors import TestbedError
from testbed.plain_http import HTTP
from testbed.providers.docker import network_name
from testbed.wait import wait_until

HOST = 2
REGISTRY_PORT = 5000
GIT_PORT = 9418
DISCOVERY_PORT = 8087
START_SECONDS = 30


@dataclass(frozen=True)
class Services:
    """Where the services of a running testbed are reached, from its machines and from the host."""

    address: str

    @property
    def discovery(self) -> str:
        return f"http://{self.address}:{DISCOVERY_PORT}"

    @property
    def registry(self) -> str:
        return f"http://{self.address}:{REGISTRY_PORT}"

    @property
    def git(self) -> str:
        """The URL below which the repositories of images/services/git are cloned: OWNER/NAME.git."""
        return f"git://{self.address}:{GIT_PORT}"

    def silent(self) -> str:
        """Which of the two services does not answer now, with its address; empty when both do."""
        for name, url in (("discovery service", f"{self.discovery}/health"), ("registry", f"{self.registry}/v2/")):
            with suppress(httpx.TransportError):
                if HTTP.get(url, timeout=2).is_success:
                    continue
            return f"the {name} at {url}"
        return ""


def start(image: str, subnet: IPv4Network, registry_port: int) -> Services:
    """Make the cluster's network and start the services on it; returns when both services answer.

    Services that are there already keep their subnet. `registry_port` is the host's port for the registry on loopback, 0 for
    any. Raises TestbedError when the subnet or the port is taken, or a service does not answer.
    """
    engine = docker.from_env()
    existing = engine.containers.list(all=True, filters={"name": f"^{_name()}$"})
    container = existing[0] if existing else _create(engine, image, subnet, registry_port)
    services = Services(container.attrs["NetworkSettings"]["Networks"][network_name()]["IPAMConfig"]["IPv4Address"])
    try:
        container.start()
    except APIError as error:
        raise TestbedError(f"registry port {registry_port}: {error.explanation}; take another with --registry-port") from error

    wait_until(lambda: not services.silent(), "services: registry and discovery answer", seconds=START_SECONDS)
    return services


def _name() -> str:
    return f"{network_name()}-services"


def _create(engine: docker.DockerClient, image: str, subnet: IPv4Network, registry_port: int) -> Container:
    labels = {CHECKOUT_LABEL: paths.checkout_id()}
    try:
        pool = IPAMPool(subnet=str(subnet), gateway=str(subnet[1]))
        engine.networks.create(network_name(), labels=labels, ipam=IPAMConfig(pool_configs=[pool]))
    except APIError as error:
        raise TestbedError(f"subnet {subnet}: {error.explanation}; take another with --subnet") from error
    return engine.containers.create(
        image,
        name=_name(),
        hostname="services",
        labels=labels,
        network=network_name(),
        networking_config={network_name(): engine.api.create_endpoint_config(ipv4_address=str(subnet[HOST]))},
        ports={f"{REGISTRY_PORT}/tcp": ("127.0.0.1", registry_port)},
    )
