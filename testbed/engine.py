"""The host's Docker engine, asked over its socket by the standard library: there may be no client and no .venv yet."""

import http.client
import ipaddress
import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from testbed import paths
from testbed.errors import TestbedError

SOCKET = "/var/run/docker.sock"
CHECKOUT_LABEL = "cododemo.checkout"
IMAGE_LABEL = "cododemo.image"


class EngineSilent(TestbedError):
    """No engine answers, and the line says why."""


class EngineStopped(EngineSilent):
    """Nothing listens at the usual place, so starting the engine is worth a try."""


class EngineForbidden(EngineSilent):
    """The socket is there, and not for this user."""


@dataclass(frozen=True)
class Engine:
    """What the engine says about itself."""

    version: str
    minimum_api: str
    identity: str
    host: str
    root: Path
    storage: str
    cgroup: int
    remote: str
    """Why its networks cannot be reached from this machine; empty when it is local."""

    def __str__(self) -> str:
        return f"Docker {self.version}, {self.storage}, cgroup v{self.cgroup}"


@dataclass(frozen=True)
class Network:
    """A network of the engine."""

    name: str
    bridge: str
    subnets: tuple[ipaddress.IPv4Network, ...]
    checkout: str


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def socket_path() -> str:
    """The engine's socket: DOCKER_HOST's when that is a unix socket. Raises EngineSilent when it is anything else."""
    host = os.environ.get("DOCKER_HOST") or f"unix://{SOCKET}"
    if not host.startswith("unix://"):
        raise EngineSilent(f"DOCKER_HOST={host} is another machine's engine: unset DOCKER_HOST")
    return host.removeprefix("unix://")


def ask(path: str, timeout: float = 15) -> Any:
    """What the engine answers to GET `path`, from JSON. Raises EngineSilent with the reason and the mend."""
    where = socket_path()
    connection = _UnixConnection(where, timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = json.loads(answer.read())
    except (FileNotFoundError, ConnectionRefusedError):
        if where in (SOCKET, "/run/docker.sock"):
            raise EngineStopped(f"no Docker engine answers on {where}") from None
        raise EngineSilent(f"no Docker engine answers on {where}: start it, or unset DOCKER_HOST") from None
    except PermissionError:
        mend = "run as root, or `sudo usermod -aG docker $USER` and log in again"
        raise EngineForbidden(f"{where} may not be opened by this user: {mend}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise EngineSilent(f"the Docker engine on {where} does not answer {path}: {error}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise EngineSilent(f"the Docker engine on {where} answers {path} with {answer.status}: {body.get('message', body)}")
    return body


def answers() -> bool:
    """Whether an engine answers at all."""
    try:
        ask("/version", timeout=5)
    except EngineSilent:
        return False
    return True


def info() -> Engine:
    """The engine's facts. Raises EngineSilent."""
    facts, version = ask("/info"), ask("/version")
    return Engine(
        version=version["Version"],
        minimum_api=version.get("MinAPIVersion", "1.12"),
        identity=facts["ID"],
        host=facts["Name"],
        root=Path(facts["DockerRootDir"]),
        storage=facts["Driver"],
        cgroup=int(facts.get("CgroupVersion", 1)),
        remote=_remote(facts),
    )


def _remote(facts: dict[str, Any]) -> str:
    if "Docker Desktop" in facts.get("OperatingSystem", ""):
        return "Docker Desktop runs it in a virtual machine"
    if any("rootless" in option for option in facts.get("SecurityOptions") or ()):
        return "it is rootless, with its networks in a namespace of their own"
    return ""


def networks() -> list[Network]:
    """Every network of the engine that has a bridge or a subnet."""
    return [_network(facts) for facts in ask("/networks")]


def _network(facts: dict[str, Any]) -> Network:
    pools = (facts.get("IPAM") or {}).get("Config") or ()  # null from Docker 25 on for host and none
    subnets = [ipaddress.ip_network(pool["Subnet"], strict=False) for pool in pools if pool.get("Subnet")]
    options = facts.get("Options") or {}
    return Network(
        name=facts["Name"],
        bridge=options.get("com.docker.network.bridge.name", f"br-{facts['Id'][:12]}"),
        subnets=tuple(subnet for subnet in subnets if isinstance(subnet, ipaddress.IPv4Network)),
        checkout=(facts.get("Labels") or {}).get(CHECKOUT_LABEL, ""),
    )


def own_ports() -> set[int]:
    """The host's ports that this checkout's containers publish."""
    containers = ask(_filtered("/containers/json", CHECKOUT_LABEL, paths.checkout_id()))
    return {port["PublicPort"] for container in containers for port in container["Ports"] if "PublicPort" in port}


def leftovers() -> list[str]:
    """What carries this checkout's label: containers, stopped ones too, networks and volumes, by name."""
    own = paths.checkout_id()
    containers = ask(_filtered("/containers/json", CHECKOUT_LABEL, own) + "&all=1")
    volumes = ask(_filtered("/volumes", CHECKOUT_LABEL, own))["Volumes"] or ()
    named = [*ask(_filtered("/networks", CHECKOUT_LABEL, own)), *volumes]
    return [container["Names"][0].lstrip("/") for container in containers] + [thing["Name"] for thing in named]


def has_images() -> bool:
    """Whether the images were built before: the last of them, the filled registry, is there in some version."""
    return bool(ask(_filtered("/images/json", IMAGE_LABEL, "filled-services")))


def _filtered(path: str, label: str, value: str) -> str:
    return f"{path}?filters={quote(json.dumps({'label': [f'{label}={value}']}))}"
