"""A throw-away Docker engine beside a machine's own, for what fills a disk, removes everything, or breaks an engine.

It is one systemd slice: dockerd, a containerd of its own, the shims and every container live in it, so that killing the slice
ends them all. Its /var/lib/docker is a tmpfs that only they see: bounded in size, and gone with them.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from testbed.errors import TestbedError
from testbed.machine import Machine
from testbed.transcript import Result

MEGABYTES = 300
# A bridge of its own: with `--bridge=none` dockerd removes docker0 (removeDefaultBridgeInterface in moby's daemon_unix.go),
# and the machine's own engine then starts no container any more. The address is one for documentation (RFC 5737).
BRIDGE = "192.0.2.1/24"


@dataclass(frozen=True)
class ThrowawayEngine:
    """An engine whose containers reach nobody beyond the machine, or have the machine's network by `--network host`.

    Its images come through the machine's registry mirror.
    """

    machine: Machine
    name: str

    def run(self, command: str) -> Result:
        """As Machine.run, with `docker` talking to this engine."""
        return self.machine.run(f"{self._aimed}; {command}")

    def type(self, command: str) -> Result:
        """As Machine.type, with `docker` talking to this engine."""
        return self.machine.type(f"{self._aimed}; {command}")

    def data(self) -> str:
        """The engine's /var/lib/docker, as a path of the machine for `sudo`; raises TestbedError when the engine is dead."""
        pid = self.machine.run(f"cat /run/{self.name}/pid")
        if pid.rc != 0:
            raise TestbedError(pid.expected("the pid of a running engine"))
        return f"/proc/{pid.stdout.strip()}/root/var/lib/docker"

    @property
    def _aimed(self) -> str:
        return f"export DOCKER_HOST=unix:///run/{self.name}/docker.sock"


@contextmanager
def throwaway_engine(
    machine: Machine, *, megabytes: int = MEGABYTES, environment: tuple[str, ...] = ()
) -> Iterator[ThrowawayEngine]:
    """An engine that can store so many megabytes, started in about 0.3 s and always removed with all that it ran.

    It has the settings of the machine's own engine, and these variables (NAME=value) in its environment.
    Raises TestbedError when it does not start.
    """
    # A dash in a slice's name would nest it in another slice (systemd.slice(5)).
    name = f"throwaway{secrets.token_hex(3)}"
    try:
        started = machine.run(_start(name, megabytes, environment))
        if started.rc != 0:
            raise TestbedError(started.expected("a throw-away engine that starts"))
        yield ThrowawayEngine(machine, name)
    finally:
        machine.run(f"sudo systemctl kill --signal=KILL {name}.slice; sudo systemctl stop {name}.slice")


def _start(name: str, megabytes: int, environment: tuple[str, ...]) -> str:
    """With /run/containerd empty before its eyes dockerd starts a containerd of its own; by notify systemd-run waits for it."""
    variables = " ".join(f"--setenv={variable}" for variable in environment)
    return (
        f"sudo systemd-run {variables} --quiet --collect --unit={name} --slice={name}.slice --service-type=notify "
        f"-p RuntimeDirectory={name} "
        f"-p 'ExecStartPre=/sbin/ip link add {name} type bridge' -p 'ExecStartPre=/sbin/ip address add {BRIDGE} dev {name}' "
        f"-p 'ExecStopPost=/sbin/ip link delete {name}' "
        f"-p TemporaryFileSystem=/var/lib/docker:size={megabytes}m,mode=711 -p TemporaryFileSystem=/run/containerd "
        f"/usr/sbin/dockerd --host=unix:///run/{name}/docker.sock --exec-root=/run/{name}/exec --pidfile=/run/{name}/pid "
        f"--exec-opt native.cgroupdriver=systemd --cgroup-parent={name}.slice "
        f"--bridge={name} --iptables=false --ip-forward=false --ip-masq=false || {{ sudo journalctl -u {name} -n 5; exit 1; }}"
    )
