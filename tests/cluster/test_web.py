"""A web server: the image `web` on a machine, its published port, and the address to find it at.

What runs it from its source in the devbox is in test_web_devbox.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from fixtures.claims import as_written, claim
from testbed.machine import Machine
from testbed.transcript import Result
from testbed.wait import settled
from tests.cluster.browsing import browse

PAGE = "http://127.0.0.1:8080/bar"
PUBLIC_ADDRESS = "grep COREOS_PUBLIC_IPV4 /etc/environment | awk -F = '{print $2}'"
TWO_LISTENERS = "mkdir /a /b; echo one >/a/bar; echo two >/b/bar; httpd -p 8080 -h /a; exec httpd -f -p 8081 -h /b"
REFUSED = 7
"""curl's exit code where nobody listens."""
FROM_DOCKER = {"etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/mtab"}


@dataclass(frozen=True)
class Server:
    """A web server in a container that was just started on a machine."""

    machine: Machine
    started: Result

    @property
    def id(self) -> str:
        """The container's short ID."""
        return self.started.stdout[:12]


def start(machine: Machine, options: str, image: str = "web") -> Server:
    """`docker run -d OPTIONS IMAGE`, by the name `web`."""
    return Server(machine, machine.run(f"docker run -d --name web {options} {image}"))


def page(machine: Machine, url: str = PAGE) -> Result:
    """What curl gets on the machine, as soon as somebody listens, or after some seconds."""
    return settled(lambda: machine.run(f"curl -sS '{url}'"), lambda answer: answer.rc == 0, seconds=10)


def answering(machine: Machine) -> Server:
    """`docker run -d -p 8080:8080 web`; returns when it answers."""
    started = start(machine, "-p 8080:8080")
    answer = page(machine)
    assert answer.rc == 0, answer.expected(f"a page from\n{started.started}")
    return started


@contextmanager
def cleaned(machine: Machine) -> Iterator[Machine]:
    """The containers `web` and `second` are removed at the end, also when the server did not answer."""
    try:
        yield machine
    finally:
        machine.run("docker rm -f web second")


@pytest.fixture
def clean(docker_host: Machine) -> Iterator[Machine]:
    """A machine from which these containers are removed at the end."""
    with cleaned(docker_host):
        yield docker_host


@pytest.fixture
def server(clean: Machine) -> Server:
    """`docker run -d -p 8080:8080 web`, and it answers."""
    return answering(clean)


@claim("web.webserver-runs")
def test_a_server_in_a_container_is_reached_from_another_node(core_01: Machine, core_02: Machine, on_core_01: Server) -> None:
    """`curl` on core-02, of core-01's address."""
    answer = page(core_02, f"http://{core_01.address}:8080/bar")
    assert answer.stdout == f'Hello, "/bar" - {on_core_01.id}\n', answer.expected("the page of core-01's container")


@pytest.fixture
def on_core_01(core_01: Machine) -> Iterator[Server]:
    """The server on core-01."""
    with cleaned(core_01):
        yield start(core_01, "-p 8080:8080")


@claim("web.response-body")
def test_the_page_greets_with_path_and_host_name(server: Server) -> None:
    """`Hello, "/bar"` and the container's short ID."""
    answer = page(server.machine)
    assert answer.stdout == f'Hello, "/bar" - {server.id}\n', answer.expected(f"the path and {server.id}, the host name")


@claim("web.response-body")
def test_the_page_has_the_host_name_that_was_given(clean: Machine) -> None:
    """`docker run -h shop`."""
    start(clean, "-p 8080:8080 -h shop")
    answer = page(clean)
    assert answer.stdout == 'Hello, "/bar" - shop\n', answer.expected("the host name shop")


@claim("web.other-path-404")
def test_no_other_path_is_served(server: Server) -> None:
    """/bar is, / and /foo and what lies below /bar are not."""
    codes = {
        path: server.machine.run(f"curl -s -o /dev/null -w '%{{http_code}}' http://127.0.0.1:8080{path}").stdout
        for path in ("/bar", "/", "/foo", "/bar/more")
    }
    served = [path for path, code in codes.items() if code != "404"]
    assert served == ["/bar"], f"{server.machine}: expected 404 for all but /bar, but saw {codes}"
    assert codes["/bar"] == "200", f"{server.machine}: expected 200 for /bar, but saw {codes}"


@claim("web.path-escaped")
def test_nothing_of_the_request_comes_back_as_html(server: Server) -> None:
    """A browser would run what stands between `<script>` and its end."""
    for rest in ("?x=<script>", "<script>", "/<script>"):
        answer = server.machine.run(f"curl -si '{PAGE}{rest}'")
        assert answer.stdout.startswith("HTTP/1.1 "), answer.expected("an answer")
        assert "<" not in answer.stdout, answer.expected("an answer without <")


@claim("web.publish-flag")
def test_the_first_number_is_the_host_s_port(clean: Machine) -> None:
    """`-p 18080:8080`."""
    started = start(clean, "-p 18080:8080").started
    answer = page(clean, "http://127.0.0.1:18080/bar")
    assert answer.stdout.startswith('Hello, "/bar"'), answer.expected(f"the page on port 18080 after\n{started}")
    other = clean.run(f"curl -sS {PAGE}")
    assert other.rc == REFUSED, other.expected("nobody on port 8080")


@claim("web.several-ports")
def test_a_container_publishes_two_ports(clean: Machine) -> None:
    """`-p 8080:8080 -p 8081:8081`, for a container with two servers."""
    started = start(clean, "-p 8080:8080 -p 8081:8081", f"busybox sh -c '{TWO_LISTENERS}'").started
    assert started.rc == 0, started.expected("exit code 0")
    seen = [page(clean, f"http://127.0.0.1:{port}/bar").stdout for port in (8080, 8081)]
    assert seen == ["one\n", "two\n"], f"{clean}: expected one and two on ports 8080 and 8081, but saw {seen}"


@claim("web.port-already-taken")
def test_a_port_is_published_once(server: Server) -> None:
    """The same `-p` for a second container, which stays created; the first goes on."""
    second = server.machine.run("docker run -d --name second -p 8080:8080 web")
    assert (second.rc, "port is already allocated" in second.stderr) == (125, True), second.expected("exit code 125: allocated")
    state = server.machine.run("docker inspect -f '{{.State.Status}}' second")
    assert state.stdout == "created\n", state.expected("created")
    answer = page(server.machine)
    assert server.id in answer.stdout, answer.expected("the first container's page")


@claim("web.get-host-ip")
@pytest.mark.shared
def test_each_node_tells_its_public_address(nodes: tuple[Machine, ...]) -> None:
    """`grep COREOS_PUBLIC_IPV4 /etc/environment | awk -F = '{print $2}'`."""
    for node in nodes:
        told = node.run(PUBLIC_ADDRESS)
        assert told.stdout == f"{node.address}\n", told.expected(f"{node.address}, and nothing else")


@as_written("web.environment-in-container", fails_with="No such file or directory")
def test_a_container_tells_its_node_s_address(node: Machine) -> None:
    """The same file in a container."""
    told = node.run("docker run --rm busybox grep COREOS_PUBLIC_IPV4 /etc/environment")
    assert node.address in told.stdout, told.expected("the node's address")


@claim("web.environment-in-container")
def test_a_container_knows_nothing_of_its_node_s_address(node: Machine) -> None:
    """Neither from a file nor from a variable."""
    told = node.run("docker run --rm busybox sh -c 'cat /etc/environment; env'")
    assert "HOSTNAME=" in told.stdout, told.expected("the container's variables")
    assert node.address not in told.stdout, told.expected("no address of the node")


@claim("web.environment-in-container")
def test_docker_brings_hosts_hostname_and_resolv_conf(server: Server) -> None:
    """All of /etc in a container of an image that has none."""
    files = server.machine.run("docker export web | tar t")
    found = {name for name in files.stdout.split() if name.startswith("etc/") and not name.endswith("/")}
    assert found == FROM_DOCKER, files.expected(f"{sorted(FROM_DOCKER)} in /etc")


@claim("web.browse")
def test_a_browser_gets_the_page_at_the_public_address(on_a_node: Server) -> None:
    """`http://ADDRESS:8080/bar`, with the address that the node tells, from the presenter's machine."""
    address = on_a_node.machine.run(PUBLIC_ADDRESS).stdout.strip()
    seen = browse(f"http://{address}:8080/bar")
    assert seen.stdout == f'Hello, "/bar" - {on_a_node.id}\n', seen.expected(f"the page of {on_a_node.id} on {on_a_node.machine}")


@pytest.fixture
def on_a_node(node: Machine) -> Iterator[Server]:
    """The server on a node, which tells its public address."""
    with cleaned(node):
        yield answering(node)


@claim("web.ps-shows-it")
def test_ps_shows_the_server_and_its_port(server: Server) -> None:
    """`docker ps`."""
    listed = server.machine.run("docker ps --format '{{.ID}} {{.Image}} {{.Status}} {{.Ports}}'")
    assert listed.stdout.startswith(f"{server.id} web Up "), listed.expected(f"{server.id}, of web, up")
    assert "0.0.0.0:8080->8080/tcp" in listed.stdout, listed.expected("its port")


@claim("web.can-stop-it")
def test_stop_ends_the_server(server: Server) -> None:
    """`docker stop`; the program itself is process 1 here, and heeds the signal at once."""
    stopped = server.machine.run("docker stop web && docker inspect -f '{{.State.ExitCode}}' web")
    assert stopped.stdout == "web\n2\n", stopped.expected("exit code 2, of a Go program that got the signal, and was not killed")
    after = server.machine.run(f"docker ps -q; curl -sS {PAGE}")
    assert (after.stdout, after.rc) == ("", REFUSED), after.expected("no container running, and nobody on port 8080")
