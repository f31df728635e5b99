"""What the host has: the facts that preflight judges, gathered by the standard library, with nothing changed."""

import ipaddress
import os
import platform
import re
import shutil
import socket
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from testbed import engine as docker_engine
from testbed import paths
from testbed.engine import Engine, EngineSilent, Network
from testbed.options import Options
from testbed.pairs import Version

GIB = 2**30
CAP_SYS_RESOURCE = 24  # linux/capability.h


@dataclass(frozen=True)
class Host:
    """One survey. What could not be found out is None or empty; sizes are bytes."""

    python: str = platform.python_version()
    venv: bool = True
    engine: Engine | None = None
    silence: str = ""
    """Why no engine answers."""
    name: str = socket.gethostname()
    client: str | None = None
    client_trouble: str = ""
    """Why the docker client, which Vagrant speaks through, does not reach the engine."""
    vagrant: str | None = None
    ssh: str | None = None
    git: str | None = None
    cgroup: int = 2
    sys_resource: bool = True
    memory: int = 0
    inotify_free: int = 0
    """How many inotify instances root may still have."""
    disks: dict[str, tuple[Path, int]] = field(default_factory=dict)
    images: bool = False
    networks: tuple[Network, ...] = ()
    routes: tuple[tuple[str, ipaddress.IPv4Network], ...] = ()
    port_free: bool = True


def survey(options: Options) -> Host:
    """Look at everything once. Takes about 0.4 s, most of it Vagrant's."""
    found, silence = _engine()
    client = shutil.which("docker")
    return Host(
        venv=(paths.ROOT / ".venv" / "cododemo.stamp").exists(),
        engine=found,
        silence=silence,
        client=client,
        client_trouble=_client_trouble(client, found) if client and found else "",
        vagrant=vagrant_version(),
        ssh=shutil.which("ssh"),
        git=shutil.which("git"),
        cgroup=2 if Path("/sys/fs/cgroup/cgroup.controllers").exists() else 1,
        sys_resource=_bounding_set() & 1 << CAP_SYS_RESOURCE != 0,
        memory=_available_memory(),
        inotify_free=_free_inotify_instances(),
        disks={"engine": _disk(found.root if found else Path("/var/lib/docker")), "checkout": _disk(paths.ROOT)},
        images=found is not None and docker_engine.has_images(),
        networks=tuple(docker_engine.networks()) if found else (),
        routes=tuple(routes()),
        port_free=_port_free(options.registry_port, found is not None),
    )


def version(text: str) -> Version:
    """The numbers at the beginning of a version, as (20, 10, 24) of `20.10.24+dfsg1`; empty when there are none."""
    numbers = re.match(r"\d+(\.\d+)*", text)
    return tuple(int(number) for number in numbers[0].split(".")) if numbers else ()


def routes(table: Path = Path("/proc/net/route")) -> list[tuple[str, ipaddress.IPv4Network]]:
    """The interface and destination of every IPv4 route but the default one.

    The kernel writes addresses as the host's own integers in hexadecimal (proc(5), /proc/net/route).
    """
    lines = table.read_text().splitlines()[1:] if table.exists() else []
    found = []
    for interface, destination, mask in ((f[0], f[1], f[7]) for f in map(str.split, lines)):
        address, netmask = (ipaddress.IPv4Address(struct.pack("=I", int(value, 16))) for value in (destination, mask))
        found.append((interface, ipaddress.IPv4Network((int(address), bin(int(netmask)).count("1")), strict=False)))
    return [(interface, network) for interface, network in found if network.prefixlen]


def _engine() -> tuple[Engine | None, str]:
    try:
        return docker_engine.info(), ""
    except EngineSilent as silent:
        return None, str(silent)


def _client_trouble(client: str, found: Engine) -> str:
    template = "{{.ID}}\n{{range .ServerErrors}}{{.}}\n{{end}}"
    asked = subprocess.run([client, "info", "--format", template], capture_output=True, text=True, check=False)
    identity, *errors = asked.stdout.splitlines() or [""]
    if not identity:
        complaints = [line for line in (*errors, *asked.stderr.splitlines()) if line.strip()]
        return complaints[0] if complaints else f"docker info ended with {asked.returncode}"
    return "" if identity == found.identity else "it speaks to another engine: look at `docker context ls`"


def vagrant_version() -> str | None:
    """Vagrant's version; empty when it is there and does not say."""
    vagrant = shutil.which("vagrant")
    if vagrant is None:
        return None
    asked = subprocess.run([vagrant, "--version"], capture_output=True, text=True, check=False)
    words = re.search(r"Vagrant (\d\S*)", asked.stdout)
    return words[1] if words else ""


def _proc_field(file: str, name: str) -> str:
    lines = Path(file).read_text().splitlines()
    return next((line.split()[1] for line in lines if line.startswith(f"{name}:")), "0")


def _bounding_set() -> int:
    return int(_proc_field("/proc/self/status", "CapBnd"), 16)


def _available_memory() -> int:
    return int(_proc_field("/proc/meminfo", "MemAvailable")) * 1024


def _free_inotify_instances() -> int:
    """How many more root may have; systemd in a container counts as root's (inotify(7), max_user_instances)."""
    limit = int(Path("/proc/sys/fs/inotify/max_user_instances").read_text())
    return limit - sum(1 for link in Path("/proc").glob("[0-9]*/fd/*") if _points_to(link, "anon_inode:inotify"))


def _points_to(link: Path, target: str) -> bool:
    try:
        return os.readlink(link) == target  # noqa: PTH115  Path.readlink would take four times as long, for every open file
    except OSError:
        return False  # it was closed since, or belongs to another user


def _disk(path: Path) -> tuple[Path, int]:
    """The path, or the nearest above it that exists, and the bytes free there."""
    while not path.exists():
        path = path.parent
    return path, shutil.disk_usage(path).free


def _port_free(port: int, engine_answers: bool) -> bool:
    """Whether the port on 127.0.0.1 can be had: nobody listens on it, or this checkout's own containers do."""
    if port == 0:
        return True
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return engine_answers and port in docker_engine.own_ports()
    return True
