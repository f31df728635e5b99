"""A machine of the testbed: commands over ssh, and its Docker engine over TCP."""

import time
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import docker
import testinfra
from testinfra.host import Host

from testbed import paths
from testbed.errors import TestbedError
from testbed.transcript import TRANSCRIPT, Result

SSH_CONFIG = paths.STATE / "ssh_config"
DOCKER_PORT = 2375
CONNECT_SECONDS = 5


class MachineUnreachable(TestbedError):
    """ssh could not reach a machine: the testbed broke, which says nothing about a claim."""


@dataclass(frozen=True)
class Machine:
    """One can ssh into it: `boot2docker`, or a node `core-0N`."""

    name: str
    address: str
    user: str
    ssh_config: Path = SSH_CONFIG

    def run(self, command: str) -> Result:
        """What `command` did, run by the user's login shell; a non-zero exit code is a result, not an error.

        Raises MachineUnreachable when ssh itself fails.
        """
        return self._run(self.host, command)

    def type(self, command: str) -> Result:
        """As `run`, but on a terminal, as for somebody who sits there: `docker run -it` needs one."""
        return self._run(self._terminal, command)

    def quietly(self, command: str) -> Result:
        """As `run`, but not part of the transcript: what the suite itself asks, as its guard does."""
        return self._seen(self.host, command)

    @cached_property
    def docker(self) -> docker.DockerClient:
        """A client of the machine's engine."""
        client = docker.DockerClient(base_url=f"tcp://{self.address}:{DOCKER_PORT}", timeout=60)
        # A connection kept alive would be a dead one after a restart, also after one by another process of the run.
        client.api.headers["Connection"] = "close"
        return client

    @cached_property
    def host(self) -> Host:
        """testinfra's view of the machine: host.service("docker").is_running, host.user(), host.file() and so on."""
        return testinfra.get_host(
            f"ssh://{self.name}", ssh_config=str(self.ssh_config), timeout=CONNECT_SECONDS, controlpersist=0
        )

    @cached_property
    def _terminal(self) -> Host:
        return testinfra.get_host(f"ssh://{self.name}", ssh_config=str(self.ssh_config), controlpersist=0, ssh_extra_args="-tt")

    def _run(self, host: Host, command: str) -> Result:
        return TRANSCRIPT.record(lambda: self._seen(host, command), self.name, command)

    def _seen(self, host: Host, command: str) -> Result:
        started = time.monotonic()
        try:
            seen = host.run(command)
        except RuntimeError as error:
            raise MachineUnreachable(f"{self.name}: ssh failed for `{command}`: {error}") from error
        return Result(self.name, command, seen.rc, seen.stdout, seen.stderr, time.monotonic() - started)

    def __getstate__(self) -> dict[str, object]:
        """Another process of the run makes connections of its own."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __str__(self) -> str:
        return self.name
