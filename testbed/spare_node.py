"""A node beside the cluster's, booted from a user-data of its own and thrown away: what that user-data does at a first boot.

It is a container, as the nodes of the provider docker are; its name, address and ssh configuration are its own.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import docker

from testbed import paths, preparation, ssh
from testbed.cluster import Cluster
from testbed.errors import TestbedError
from testbed.machine import Machine, MachineUnreachable
from testbed.providers.docker import network_name
from testbed.restart import BOOT_SECONDS, has_booted
from testbed.wait import wait_until

FOLDER = paths.STATE / "run" / "spare"
SSH_CONFIG = """\
Host {name}
  HostName {address}
  User core
  IdentityFile {key}
  IdentitiesOnly yes
  UserKnownHostsFile /dev/null
  StrictHostKeyChecking no
  LogLevel ERROR
"""


@contextmanager
def spare_node(cluster: Cluster, name: str, user_data: str, change: str = ":") -> Iterator[Machine]:
    """A node that was just switched on, made of the nodes' image after this change of it; at the end it is removed.

    It is none of the cluster's nodes, but on their network, and has the same registry.
    Raises TestbedError when it cannot be started.
    """
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "user-data").write_text(user_data)
    container = f"{network_name()}-{name}"
    try:
        started = subprocess.run(_run(cluster, container, name, change), capture_output=True, text=True, check=False)
        if started.returncode != 0:
            raise TestbedError(f"{name}: docker run ended with {started.returncode}: {started.stderr.strip()}")
        networks = docker.from_env().containers.get(container).attrs["NetworkSettings"]["Networks"]
        address = networks[network_name()]["IPAddress"]
        (folder / "ssh_config").write_text(SSH_CONFIG.format(name=name, address=address, key=ssh.KEY))
        yield Machine(name, address, "core", folder / "ssh_config")
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", container], capture_output=True, check=False)


def wait_until_booted(node: Machine) -> None:
    """Return when its first transaction of units is over, failed ones included; raises WaitTimeout."""
    words = f"{node}: has started its units"
    wait_until(lambda: has_booted(node), words, seconds=BOOT_SECONDS, not_yet=(MachineUnreachable,))


def _run(cluster: Cluster, container: str, name: str, change: str) -> list[str]:
    """What Vagrant has Docker do for a node, without the address that is reserved for one."""
    facts = preparation.read_facts()
    return [
        *("docker", "run", "--detach", f"--name={container}", f"--hostname={name}", *facts["create_args"]),
        *("--tmpfs=/run", "--tmpfs=/tmp", f"--volume={FOLDER / name / 'user-data'}:/media/configdrive/user-data:ro"),
        *(f"--env=AUTHORIZED_KEY={facts['authorized_key']}", f"--env=REGISTRY_MIRROR={cluster.services.registry}"),
        *(facts["images"]["node"], "sh", "-c", f"{change}; exec /usr/local/sbin/entry"),
    ]
