"""cloud-config: a user-data with one of each kind, and what a node's first boot makes of it.

Three throw-away nodes beside the cluster's are switched on at once: one as the nodes are, one with cloud-init alone, without
what stands for coreos-cloudinit, and one whose user-data lacks its first line.
"""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.claims import as_written, claim
from testbed import host
from testbed.cluster import Cluster
from testbed.machine import Machine
from testbed.spare_node import spare_node, wait_until_booted
from testbed.transcript import Result
from testbed.wait import settled
from tests.cluster.browsing import browse

pytestmark = pytest.mark.xdist_group("cloud-config")

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
def boots(the_cluster: Cluster, keys_folder: Path) -> Boots:
    """The drill: three nodes, booted at once beside the cluster, whose services they use."""
    user_data = USER_DATA.replace("<key>", (keys_folder / "given.pub").read_text().strip())
    with ExitStack() as nodes, ThreadPoolExecutor() as pool:
        three = (
            nodes.enter_context(spare_node(the_cluster, "cloud-config", HEADER + user_data)),
            nodes.enter_context(spare_node(the_cluster, "cloud-init-alone", HEADER + user_data, CLOUD_INIT_ALONE)),
            nodes.enter_context(spare_node(the_cluster, "without-header", user_data)),
        )
        node, cloud_init_alone, without_header = pool.map(_look, three, (True, False, False))
        keys = (_enter(three[0], keys_folder / name) for name in ("given", "other"))
        return Boots(node, cloud_init_alone, without_header, *keys)


@pytest.fixture(scope="module")
def keys_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pairs of keys: `given`, which is in the user-data, and `other`."""
    folder = tmp_path_factory.mktemp("keys")
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
        web=node.run("systemctl status --no-pager --lines 4 web"),
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


@as_written("cloud-config.hello-unit-at-boot", fails_with="No such container: hello")
def test_cloud_init_starts_the_unit(boots: Boots) -> None:
    """`command: start`, in the section `coreos`, which a node with cloud-init alone gets too."""
    hello = boots.cloud_init_alone.hello
    assert "Hello from Docker" in hello.stdout, hello.expected("the greeting of a container that nobody started by hand")


@claim("cloud-config.hello-unit-at-boot")
def test_a_unit_starts_hello_world_at_boot(boots: Boots) -> None:
    """`command: start`."""
    hello = boots.node.hello
    assert hello.stdout.startswith("Result=success\nActiveState=active\n"), hello.expected("a unit that ran with success")
    assert "Hello from Docker" in hello.stdout, hello.expected("the greeting of a container that nobody started by hand")


@as_written("cloud-config.hello-web-at-boot", fails_with="Connection refused")
def test_cloud_init_starts_the_web_server(boots: Boots) -> None:
    """The same with the web page."""
    page = boots.cloud_init_alone.page
    assert page.stdout.startswith('Hello, "/bar"'), page.expected("the page")


@claim("cloud-config.hello-web-at-boot")
def test_the_page_is_served_after_the_boot_alone(boots: Boots) -> None:
    """Before anybody was on the node."""
    page = boots.node.page
    assert page.stdout.startswith('Hello, "/bar"'), page.expected(f"the page of this unit:\n{boots.node.web}")


@claim("cloud-config.write-files")
def test_a_file_has_its_content_owner_and_mode(boots: Boots) -> None:
    """`write_files`, with `content`, `owner` and `permissions`."""
    assert boots.node.modes.stdout == "core:docker 640\n", boots.node.modes.expected("core:docker and 640")
    greeting = boots.node.greeting
    assert (greeting.stdout[:5], greeting.stdout.count("\n")) == ("from ", 1), greeting.expected("the line that was given")


@claim("cloud-config.hostname")
def test_the_node_has_the_name_that_was_given(boots: Boots) -> None:
    """`hostname: workshop`, where Vagrant gave another."""
    names = boots.node.names
    assert names.stdout.split() == ["workshop", "workshop"], names.expected("workshop, now and for the next boot")


@claim("cloud-config.ssh-authorized-keys")
def test_the_key_s_holder_is_let_in_as_core(boots: Boots) -> None:
    """`ssh_authorized_keys`."""
    assert boots.with_key.stdout == "core\n", boots.with_key.expected("core")
    other = boots.with_other_key
    assert "Permission denied (publickey" in other.stderr, other.expected("another key to be refused")


@claim("cloud-config.header-required")
def test_without_the_first_line_nothing_is_applied(boots: Boots) -> None:
    """The same user-data but for `#cloud-config`; the journal tells."""
    seen = boots.without_header
    assert "Unhandled non-multipart" in seen.journal.stdout, seen.journal.expected("a warning that this is not handled")
    assert (seen.units.stdout, seen.greeting.stdout) == ("", ""), seen.units.expected(
        f"no unit, and no file, but\n{seen.greeting}"
    )
    assert seen.names.stdout.split() != boots.node.names.stdout.split(), seen.names.expected("the name that Vagrant gave")


@as_written("cloud-config.substitution", fails_with="from $public_ipv4 and $private_ipv4")
def test_cloud_init_fills_in_addresses(boots: Boots) -> None:
    """`$public_ipv4` and `$private_ipv4`."""
    seen = boots.cloud_init_alone
    assert seen.address in seen.greeting.stdout, seen.greeting.expected(seen.address)


@claim("cloud-config.substitution")
def test_the_node_s_addresses_are_filled_in(boots: Boots) -> None:
    """`$public_ipv4` and `$private_ipv4`; both are the same here."""
    seen = boots.node
    assert seen.greeting.stdout == f"from {seen.address} and {seen.address}\n", seen.greeting.expected(f"{seen.address} twice")


@claim("cloud-config.substitution")
@pytest.mark.shared
def test_each_node_of_the_cluster_has_its_own_address_filled_in(nodes: tuple[Machine, ...]) -> None:
    """`initial-advertise-peer-urls: http://$private_ipv4:2380`, the same line for all."""
    for node in nodes:
        settings = node.run("systemctl show -P Environment etcd2")
        wanted = f"ETCD_INITIAL_ADVERTISE_PEER_URLS=http://{node.address}:2380"
        assert wanted in settings.stdout.split(), settings.expected(wanted)
