"""The drill of cloud-config: a user-data with one of each kind, and what a node's first boot makes of it.

Three throw-away nodes beside the cluster's are switched on at once: one as the nodes are, one with cloud-init alone, without
what stands for coreos-cloudinit, and one whose user-data lacks its first line.
"""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from testbed import host
from testbed.cluster import Cluster
from testbed.leases import HOST_CONTAINERS, Use, lease
from testbed.machine import Machine
from testbed.spare_node import spare_node, wait_until_booted
from testbed.transcript import Result
from testbed.wait import settled
from tests.cluster.background.outcome import of_drill
from tests.cluster.browsing import browse

NAME = "cloud-config"
GROUP = pytest.mark.xdist_group(NAME)

HEADER = "#cloud-config\n"
USER_DATA = """\
hostname: workshop
ssh_authorized_keys:
  - <key>
write_files:
  - path: /etc/workshop/greeting
    owner: core:docker
    permissions: "0640"
    content: |
      from $public_ipv4 and $private_ipv4
coreos:
  units:
    - name: hello.service
      command: start
      content: |
        [Unit]
        Requires=docker.service
        After=docker.service
        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart=/usr/bin/docker run --name hello hello-world
    - name: web.service
      command: start
      content: |
        [Unit]
        Requires=docker.service
        After=docker.service
        [Service]
        Restart=always
        ExecStart=/usr/bin/docker run --rm --name web -p 8080:8080 web
"""
# What makes a node's cloud-init a coreos-cloudinit is a module, and a program that fills in addresses.
CLOUD_INIT_ALONE = "sed -i 's/, coreos]/]/' /etc/cloud/cloud.cfg; cp /bin/cat /usr/local/sbin/with-addresses"
GREETING = "/etc/workshop/greeting"
PAGE_SECONDS = 60
NO_PAGE_SECONDS = 3


@dataclass(frozen=True)
class Booted:
    """What was seen of a node after its first boot; the page was asked for before anybody had entered it."""

    address: str
    page: Result
    hello: Result
    web: Result
    greeting: Result
    modes: Result
    names: Result
    journal: Result
    units: Result


@dataclass(frozen=True)
class Boots:
    """The three nodes, and who was let in to the first."""

    node: Booted
    cloud_init_alone: Booted
    without_header: Booted
    with_key: Result
    with_other_key: Result


@pytest.fixture(scope="module")
def boots(the_cluster: Cluster) -> Boots:
    """The drill, run once for all who read it."""
    return of_drill(NAME, lambda: run(the_cluster))


def run(cluster: Cluster) -> Boots:
    """The drill: three nodes, booted at once beside the cluster, whose services they use."""
    with (
        lease({HOST_CONTAINERS: Use.ALONE}),
        TemporaryDirectory() as folder,
        ExitStack() as nodes,
        ThreadPoolExecutor() as pool,
    ):
        keys_folder = _keys_in(Path(folder))
        user_data = USER_DATA.replace("<key>", (keys_folder / "given.pub").read_text().strip())
        three = (
            nodes.enter_context(spare_node(cluster, "cloud-config", HEADER + user_data)),
            nodes.enter_context(spare_node(cluster, "cloud-init-alone", HEADER + user_data, CLOUD_INIT_ALONE)),
            nodes.enter_context(spare_node(cluster, "without-header", user_data)),
        )
        node, cloud_init_alone, without_header = pool.map(_look, three, (True, False, False))
        keys = (_enter(three[0], keys_folder / name) for name in ("given", "other"))
        return Boots(node, cloud_init_alone, without_header, *keys)


def _keys_in(folder: Path) -> Path:
    """The folder, with two pairs of keys: `given`, which is in the user-data, and `other`."""
    for name in ("given", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)], check=True)
    return folder


def _look(node: Machine, serves: bool) -> Booted:
    """By ssh, with Vagrant's own key; whether there is a page is asked before, or, where none is to be expected, at the end."""
    page = _page(node, PAGE_SECONDS) if serves else None
    wait_until_booted(node)
    return Booted(
        address=node.address,
        page=page or _page(node, NO_PAGE_SECONDS),
        hello=node.run("systemctl show -p Result -p ActiveState hello; docker logs hello"),
        web=node.run("systemctl show -p Result -p SubState web; sudo journalctl -o cat -u web -n 20"),
        greeting=node.run(f"cat {GREETING}"),
        modes=node.run(f"stat -c '%U:%G %a' {GREETING}"),
        names=node.run("hostname; cat /etc/hostname"),
        journal=node.run("sudo journalctl -o cat -u cloud-init-local | grep WARNING"),
        units=node.run("systemctl cat hello web"),
    )


def _page(node: Machine, seconds: float) -> Result:
    url = f"http://{node.address}:8080/bar"
    return settled(lambda: browse(url), lambda page: page.rc == 0, seconds=seconds, every=0.5)


def _enter(node: Machine, key: Path) -> Result:
    options = "-F none -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    return host.run(f"ssh {options} -i {key} core@{node.address} id -un")
