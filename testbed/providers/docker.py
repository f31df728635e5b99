"""Machines as systemd containers on the host's Docker engine, made by Vagrant's docker provider."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from typing import Any

import docker
from docker.errors import APIError, NotFound
from docker.models.containers import Container
from docker.models.networks import Network

from testbed import paths, vagrant
from testbed.engine import CHECKOUT_LABEL, info
from testbed.wait import wait_until

MACHINE_LABEL = "cododemo.machine"

REMOVAL_SECONDS = 30

# The smallest set of rights under which systemd and an engine run in a container on cgroup v1 and v2, with and without
# CAP_SYS_RESOURCE on the host; --privileged is refused where the host's bounding set lacks that capability.
RIGHTS = (
    "--cap-add=ALL",
    "--cap-drop=SYS_RESOURCE",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--security-opt=systempaths=unconfined",
    "--cgroupns=private",
)


Filters = dict[str, str | list[str] | bool]


def checkout_label() -> str:
    """The label, as name=value, that all things made for this checkout carry."""
    return f"{CHECKOUT_LABEL}={paths.checkout_id()}"


class DockerProvider:
    """See testbed.providers.Provider for what each method promises."""

    @cached_property
    def engine(self) -> docker.DockerClient:
        info()  # raises in one line where nothing answers
        return docker.from_env()

    @cached_property
    def network(self) -> Network:
        return self.engine.networks.list(filters={"label": checkout_label()})[0]

    def facts(self) -> dict[str, Any]:
        return {"create_args": [*RIGHTS, f"--label={checkout_label()}", f"--network={network_name()}"]}

    def up(self, name: str | None = None) -> Iterator[str]:
        return vagrant.up(name)

    def ssh_config(self) -> str:
        return vagrant.ssh_config()

    def is_on(self, name: str) -> bool:
        return bool(self.engine.containers.list(filters=self._labels(name)))

    def power_off(self, name: str) -> None:
        container = self._container(name)
        if container.status == "running":
            container.kill("SIGKILL")

    def power_on(self, name: str) -> None:
        self._container(name).start()

    def cut_off(self, name: str) -> None:
        self.network.disconnect(self._container(name))

    def reconnect(self, name: str, address: str) -> None:
        self.network.connect(self._container(name), ipv4_address=address)

    def destroy(self, name: str) -> None:
        _remove(self._container(name))
        # Vagrant takes a machine without an id for one that was never made.
        shutil.rmtree(paths.ROOT / ".vagrant" / "machines" / name, ignore_errors=True)

    def execute(self, name: str, command: str) -> str:
        container = self._container(name)
        if container.status != "running":
            return f"{name} is off ({container.status}, exit code {container.attrs['State']['ExitCode']})"
        output = container.exec_run(["sh", "-c", command]).output
        return output.decode(errors="replace") if isinstance(output, bytes) else ""

    def processes(self, name: str) -> list[str]:
        container = self._container(name)
        if container.status != "running":
            return []
        # The host's own ps, so that nothing has to be started in the machine (docker-top(1)).
        listed = container.top(ps_args="-eo pid,args")["Processes"]
        return [line[-1] for line in listed or []]  # null where the last process has just ended

    def remove(self) -> None:
        labels: Filters = {"label": checkout_label()}
        containers = self.engine.containers.list(all=True, filters=labels, ignore_removed=True)
        with ThreadPoolExecutor(len(containers) or 1) as pool:
            list(pool.map(_remove, containers))
        for network in self.engine.networks.list(filters=labels):
            network.remove()
        for volume in self.engine.volumes.list(filters=labels):
            volume.remove()
        shutil.rmtree(paths.ROOT / ".vagrant", ignore_errors=True)
        vagrant.forget()

    def _container(self, name: str) -> Container:
        return self.engine.containers.list(all=True, filters=self._labels(name))[0]

    @staticmethod
    def _labels(name: str) -> Filters:
        return {"label": [checkout_label(), f"{MACHINE_LABEL}={name}"]}


def network_name() -> str:
    """The name of the cluster's network."""
    return f"cododemo-{paths.checkout_id()}"


def _remove(container: Container) -> None:
    """Remove it, or see it go where somebody else removes it already, as a `vagrant destroy` that was killed."""

    def gone() -> bool:
        with suppress(NotFound):
            container.remove(force=True, v=True)
        return True

    wait_until(gone, f"{container.name} is removed", seconds=REMOVAL_SECONDS, not_yet=(APIError,))
