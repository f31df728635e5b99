"""Addresses: which means what on a node and in a container, and who reaches whom by it."""

from collections.abc import Iterator

import pytest

from fixtures.claims import as_written, claim
from testbed.machine import Machine
from testbed.wait import settled
from tests.cluster.steps import do

PUBLIC_ADDRESS = "grep COREOS_PUBLIC_IPV4 /etc/environment | awk -F = '{print $2}'"
ADDRESS_OF = "docker inspect -f '{{.NetworkSettings.IPAddress}}'"
TEXT_S_ADDRESS = "172.17.8.101"
REFUSED = 7
"""curl's exit code where nobody listens."""


@claim("ip-addresses.host-public")
@pytest.mark.shared
def test_each_node_has_the_address_that_it_tells(nodes: tuple[Machine, ...]) -> None:
    """The address in /etc/environment is on one of the node's interfaces, and each other node reaches it there."""
    for node in nodes:
        told = node.run(f"{PUBLIC_ADDRESS}; hostname")
        address, name = told.stdout.split()
        own = node.run("ip -4 -o address show")
        assert f"inet {address}/" in own.stdout, own.expected(f"{address}, as /etc/environment tells")
        for other in (other for other in nodes if other is not node):
            there = other.run(f"ssh-keyscan -T 5 -t ed25519 {address} 2>/dev/null | cut -d' ' -f2-")
            assert there.stdout.strip() == _host_key(node), there.expected(f"the ssh server of {name}")


def _host_key(node: Machine) -> str:
    """The public key by which the node's ssh server is known."""
    return " ".join(node.run("cat /etc/ssh/ssh_host_ed25519_key.pub").stdout.split()[:2])


@as_written("ip-addresses.subnet-overlaps-docker0", fails_with="inet 172.17.0.1/16")
@pytest.mark.shared
def test_the_first_node_has_the_text_s_address(core_01: Machine) -> None:
    """172.17.8.101, as coreos-vagrant gave it."""
    addresses = core_01.run("ip -4 -o address show")
    assert f"inet {TEXT_S_ADDRESS}/" in addresses.stdout, addresses.expected(TEXT_S_ADDRESS)


@claim("ip-addresses.subnet-overlaps-docker0")
@pytest.mark.shared
def test_the_text_s_addresses_lead_to_docker0(nodes: tuple[Machine, ...]) -> None:
    """A packet for the text's core-01 goes to the containers' bridge; one for another node of this testbed does not."""
    for node in nodes:
        text_s = node.run(f"ip route get {TEXT_S_ADDRESS}")
        assert " dev docker0 " in text_s.stdout, text_s.expected("the way to docker0")
        for other in (other for other in nodes if other is not node):
            route = node.run(f"ip route get {other.address}")
            assert f" src {node.address} " in route.stdout, route.expected(f"a way from {node.address}")
            assert "docker0" not in route.stdout, route.expected("a way that is not docker0's")


@claim("ip-addresses.host-localhost")
@pytest.mark.shared
def test_localhost_is_another_on_each_node(quorum: tuple[Machine, ...]) -> None:
    """`curl http://127.0.0.1:2379/v2/stats/self`: each node's own member of etcd answers."""
    for node in quorum:
        answer = node.run("curl -sS http://127.0.0.1:2379/v2/stats/self")
        assert answer.json()["name"] == node.name, answer.expected(f"the member {node.name}")


@as_written("ip-addresses.container-ip", fails_with="can't open '/etc/environment'")
def test_a_container_s_address_stands_in_its_environment(docker_host: Machine) -> None:
    """`cat /etc/environment` in the container."""
    told = docker_host.run("docker run --rm busybox sh -c 'hostname -i; cat /etc/environment'")
    address = told.stdout.partition("\n")[0]
    assert address in told.stdout.partition("\n")[2], told.expected(f"{address} in /etc/environment")


@claim("ip-addresses.container-ip")
@pytest.mark.parametrize("command", ["grep $HOSTNAME /etc/hosts", "ip -4 -o address show eth0", "ifconfig eth0"])
def test_a_container_s_address_is_told_by(docker_host: Machine, busybox: str, command: str) -> None:
    """`/etc/hosts`, `ip` and `ifconfig`: the address that `docker inspect` tells."""
    address = docker_host.run(f"{ADDRESS_OF} {busybox}").stdout.strip()
    told = docker_host.run(f"docker exec {busybox} sh -c '{command}'")
    assert address, told.expected("a container with an address")
    assert address in told.stdout.replace("/", " ").replace(":", " ").split(), told.expected(address)


@pytest.fixture
def busybox(docker_host: Machine) -> Iterator[str]:
    """A container that runs."""
    yield do(docker_host, "docker run -d --name address busybox sleep 1000").stdout[:12]
    docker_host.run("docker rm -f address")


@claim("ip-addresses.container-localhost")
@pytest.mark.usefixtures("web")
def test_localhost_is_another_in_each_container(docker_host: Machine) -> None:
    """The web server, with no port published, answers on its container's localhost, and on nobody else's."""
    ask = "curl -sS http://localhost:8080/bar"
    own = docker_host.run(f"docker run --rm --network container:web curl {ask}")
    assert own.stdout.startswith('Hello, "/bar"'), own.expected("the page in the server's container")
    for elsewhere in (docker_host.run(f"docker run --rm curl {ask}"), docker_host.run(ask)):
        assert elsewhere.rc == REFUSED, elsewhere.expected("nobody on another localhost")


@pytest.fixture
def web(docker_host: Machine) -> Iterator[None]:
    """The web server, reached on its container's network only."""
    start_web(docker_host)
    yield
    docker_host.run("docker rm -f web")


def start_web(node: Machine) -> str:
    """The short ID of a container `web` whose server answers at its own address, or has not done so for some seconds."""
    container = node.run("docker run -d --name web web")
    settled(lambda: node.run(f"curl -sS http://$({ADDRESS_OF} web):8080/bar"), lambda page: page.rc == 0, seconds=10)
    return container.stdout[:12]


@claim("ip-addresses.same-container-ips-on-nodes")
def test_one_address_is_another_container_on_each_node(core_01: Machine, core_02: Machine, two_webs: dict[Machine, str]) -> None:
    """The first container of each node has the same address, at which each node, and its containers, find their own."""
    first, second = (node.run(f"{ADDRESS_OF} web") for node in (core_01, core_02))
    assert first.stdout == second.stdout, second.expected(f"the address of {core_01}'s container, {first.stdout}")
    for node, container in two_webs.items():
        for at in ("", "docker run --rm curl "):
            page = node.run(f"{at}curl -sS http://{first.stdout.strip()}:8080/bar")
            assert page.stdout == f'Hello, "/bar" - {container}\n', page.expected(f"{node}'s own container")


@pytest.fixture
def two_webs(core_01: Machine, core_02: Machine) -> Iterator[dict[Machine, str]]:
    """The web server on two nodes, by the short ID of its container."""
    yield {node: start_web(node) for node in (core_01, core_02)}
    for node in (core_01, core_02):
        node.run("docker rm -f web")
