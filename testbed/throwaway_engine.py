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


@dataclass(frozen=True)
class ThrowawayEngine:
    """An engine whose containers reach one another, but nothing outside except by `--network host`.

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
    Raises TestbedError when it does not start, or does not end.
    """
    number = secrets.token_bytes(3)
    # A dash in a slice's name would nest it in another slice (systemd.slice(5)); an interface's name has 15 characters at most.
    name = f"throwaway{number.hex()}"
    try:
        started = machine.run(_start(name, f"198.18.{number[0]}.1/24", megabytes, environment))
        if started.rc != 0:
            raise TestbedError(started.expected("a throw-away engine that starts"))
        yield ThrowawayEngine(machine, name)
    finally:
        ended = machine.run(
            f"sudo systemctl kill --signal=KILL {name}.slice; sudo systemctl stop {name}.slice; ! systemctl is-active {name}"
        )
        if ended.rc != 0:
            raise TestbedError(ended.expected("the throw-away engine to be gone"))


def _start(name: str, address: str, megabytes: int, environment: tuple[str, ...]) -> str:
    """With /run/containerd empty before its eyes dockerd starts a containerd of its own; by notify systemd-run waits for it.

    Its bridge is its own too: by `--bridge=none` it would remove docker0, which is that of the machine's engine.
    """
    variables = " ".join(f"--setenv={variable}" for variable in environment)
    return (
        f"sudo systemd-run {variables} --quiet --collect --unit={name} --slice={name}.slice --service-type=notify "
        f"-p RuntimeDirectory={name} "
        f"-p TemporaryFileSystem=/var/lib/docker:size={megabytes}m,mode=711 -p TemporaryFileSystem=/run/containerd "
        f"-p ExecStartPre='ip link add {name} type bridge' -p ExecStartPre='ip address add {address} dev {name}' "
        f"-p ExecStopPost='ip link delete {name}' "
        f"/usr/sbin/dockerd --host=unix:///run/{name}/docker.sock --exec-root=/run/{name}/exec --pidfile=/run/{name}/pid "
        f"--exec-opt native.cgroupdriver=systemd --cgroup-parent={name}.slice "
        f"--bridge={name} --iptables=false --ip-forward=false --ip-masq=false || {{ sudo journalctl -u {name} -n 5; exit 1; }}"
    )
