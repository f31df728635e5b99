"""How containers speak to one another: with links, without them, and what a link does when its other end moves."""

from dataclasses import dataclass

import pytest

from fixtures.claims import as_written, claim
from testbed.cluster import Cluster
from testbed.machine import Machine
from testbed.transcript import Result
from tests.cluster.steps import do, docker_host_alone

pytestmark = pytest.mark.xdist_group("docker-concepts-links")

SERVE = "-w /srv busybox sh -c 'echo here is web >index.html && exec httpd -f'"
HERE = "here is web"


@dataclass(frozen=True)
class Web:
    """A web server in a container, asked from others and from its host."""

    by_address: Result
    by_name: Result
    by_link: Result
    by_network: Result
    by_port_of_host: Result
    own_localhost: Result
    localhost_of_other: Result
    localhost_of_host: Result


@pytest.fixture(scope="module")
def web(the_cluster: Cluster) -> Web:
    """`web` on the default bridge, `stall` on a network that was made for it, and a stranger who has no link."""
    with docker_host_alone(the_cluster) as host:
        do(host, f"docker run -d --name web -p 8080:80 {SERVE}")
        do(host, f"docker network create market && docker run -d --name stall --net market {SERVE}")
        do(host, "docker run -d --name stranger busybox sleep 600")
        stranger, get = "docker exec stranger", "timeout 5 wget -qO-"
        return Web(
            by_address=host.run(f"{stranger} {get} http://{_address(host, 'web')}/"),
            by_name=host.run(f"{stranger} {get} http://web/"),
            by_link=host.run(f"docker run --rm --link web busybox {get} http://web/"),
            by_network=host.run(f"docker run --rm --net market busybox {get} http://stall/"),
            by_port_of_host=host.run(f"{stranger} {get} http://{host.address}:8080/"),
            own_localhost=host.run(f"docker exec web {get} http://127.0.0.1/"),
            localhost_of_other=host.run(f"{stranger} {get} http://127.0.0.1/"),
            localhost_of_host=host.run("curl -sS http://127.0.0.1/"),
        )


@dataclass(frozen=True)
class Moved:
    """A client with a link to `web`, after `web` was stopped and came back at another address."""

    old: str
    new: str
    link_to_stopped: Result
    hosts: Result
    environment: Result


@pytest.fixture(scope="module")
def moved(the_cluster: Cluster) -> Moved:
    """While `web` is stopped another container takes its address."""
    with docker_host_alone(the_cluster) as host:
        do(host, f"docker run -d --name web --expose 80 {SERVE}")
        do(host, "docker run -d --name client --link web busybox sleep 600")
        old = _address(host, "web")
        do(host, "docker stop -t 0 web")
        link_to_stopped = host.run("docker run --link web busybox true")
        do(host, "docker run -d --name squatter busybox sleep 600")
        do(host, "docker start web")
        return Moved(
            old=old,
            new=_address(host, "web"),
            link_to_stopped=link_to_stopped,
            hosts=host.run("docker exec client grep web /etc/hosts"),
            environment=host.run("docker exec client cat /proc/1/environ | tr '\\0' '\\n'"),
        )


def _address(host: Machine, name: str) -> str:
    return do(host, f"docker inspect -f '{{{{.NetworkSettings.IPAddress}}}}' {name}").stdout.strip()


@as_written("docker-concepts.communicate-by-links", fails_with=HERE)
def test_without_a_link_a_container_does_not_answer(web: Web) -> None:
    """ "communication between containers is done with links"."""
    assert web.by_address.rc != 0, web.by_address.expected("no answer")


@claim("docker-concepts.communicate-by-links")
def test_without_a_link_a_container_answers_at_its_address(web: Web) -> None:
    """Both are on the default bridge."""
    assert web.by_address.stdout.strip() == HERE, web.by_address.expected(HERE)


@claim("docker-concepts.communicate-by-links")
def test_without_a_link_a_container_has_no_name(web: Web) -> None:
    """Both are on the default bridge."""
    assert "bad address 'web'" in web.by_name.stderr, web.by_name.expected("nobody of that name")


@claim("docker-concepts.communicate-by-links")
def test_a_link_gives_the_name(web: Web) -> None:
    """`docker run --link web`."""
    assert web.by_link.stdout.strip() == HERE, web.by_link.expected(HERE)


@claim("docker-concepts.communicate-by-links")
def test_a_network_of_ones_own_gives_names_without_links(web: Web) -> None:
    """`docker network create` and `docker run --net`."""
    assert web.by_network.stdout.strip() == HERE, web.by_network.expected(HERE)


@as_written("docker-concepts.peers-require-links", fails_with=HERE)
def test_peers_can_not_talk_without_links(web: Web) -> None:
    """Over the port that the host publishes."""
    assert web.by_port_of_host.rc != 0, web.by_port_of_host.expected("no answer")


@claim("docker-concepts.peers-require-links")
def test_peers_talk_through_a_port_of_the_host(web: Web) -> None:
    """`docker run -p 8080:80`, and no link."""
    assert web.by_port_of_host.stdout.strip() == HERE, web.by_port_of_host.expected(HERE)


@claim("docker-concepts.links-have-behaviors")
def test_a_link_to_a_stopped_container_is_refused(moved: Moved) -> None:
    """`docker run --link web` while web is stopped."""
    refused = "Cannot link to a non running container"
    assert refused in moved.link_to_stopped.stderr, moved.link_to_stopped.expected(refused)


@claim("docker-concepts.links-have-behaviors")
def test_a_link_follows_to_a_new_address_in_etc_hosts(moved: Moved) -> None:
    """/etc/hosts of the client, which ran all the time."""
    assert moved.new != moved.old, moved.hosts.expected(f"web at another address than {moved.old}")
    assert moved.hosts.stdout.startswith(f"{moved.new}\tweb"), moved.hosts.expected(f"web's new address, {moved.new}")


@claim("docker-concepts.links-have-behaviors")
def test_a_link_leaves_the_old_address_in_the_environment(moved: Moved) -> None:
    """The environment of the client's process, which ran all the time."""
    old = f"WEB_PORT_80_TCP_ADDR={moved.old}"
    assert old in moved.environment.stdout.splitlines(), moved.environment.expected(old)


@claim("docker-concepts.localhost-is-container")
def test_a_container_answers_itself_at_localhost(web: Web) -> None:
    """`docker exec web wget http://127.0.0.1/`."""
    assert web.own_localhost.stdout.strip() == HERE, web.own_localhost.expected(HERE)


@claim("docker-concepts.localhost-is-container")
def test_localhost_of_another_container_is_another(web: Web) -> None:
    """The same from a container where nothing listens."""
    assert "Connection refused" in web.localhost_of_other.stderr, web.localhost_of_other.expected("Connection refused")


@claim("docker-concepts.localhost-is-container")
def test_localhost_of_the_host_is_another(web: Web) -> None:
    """The same from the host itself."""
    assert web.localhost_of_host.rc == 7, web.localhost_of_host.expected("exit code 7, could not connect")
