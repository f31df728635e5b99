"""cloud-config: what a node's first boot makes of a user-data with one of each kind, read off the drill."""

import pytest

from fixtures.claims import as_written, claim
from testbed.machine import Machine
from tests.cluster.cloud_config_drill import GROUP, Boots

pytestmark = GROUP


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
