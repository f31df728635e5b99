"""Redis on one node, its clients on others: by a published port, by no link and no inner address, by etcd, and through a cut."""

import pytest

from fixtures.claims import claim
from testbed.cluster import Cluster
from tests.cluster.background.outcome import of_drill
from tests.cluster.redis_different_drill import NAME, Different, Found, run
from tests.cluster.redis_steps import MANY

pytestmark = pytest.mark.xdist_group(NAME)


@pytest.fixture(scope="module")
def both(the_cluster: Cluster) -> tuple[Different, Found]:
    """One server serves both stories."""
    return of_drill(NAME, lambda: run(the_cluster))


@pytest.fixture
def different(both: tuple[Different, Found]) -> Different:
    return both[0]


@pytest.fixture
def found(both: tuple[Different, Found]) -> Found:
    return both[1]


@claim("redis-different.published-port")
def test_clients_on_other_nodes_reach_a_published_port(different: Different) -> None:
    """`docker run -d --name redis -p 6379:6379 redis`; what one node's client sets another's reads."""
    for ping in different.pings:
        assert ping.stdout == "PONG\n", ping.expected("PONG")
    written = f"on {different.pings[0].machine}\n"
    assert different.get_on_third_node.stdout == written, different.get_on_third_node.expected(written)


@claim("redis-different.link-not-across-hosts")
def test_a_link_finds_no_container_of_another_node(different: Different) -> None:
    """`docker run --rm --link redis:redis redis redis-cli -h redis ping`, on a node without such a container."""
    said = "could not get container for redis: No such container: redis"
    assert different.by_link.rc == 125, different.by_link.expected("exit code 125")
    assert said in different.by_link.stderr, different.by_link.expected(said)


@claim("redis-different.container-ip-not-routed")
def test_the_containers_own_address_leads_nowhere_from_another_node(different: Different) -> None:
    """By the node's address the same client gets PONG."""
    assert different.pings[0].stdout == "PONG\n", different.pings[0].expected("PONG by the node's address")
    assert different.by_container_address.rc != 0, different.by_container_address.expected("no answer")


@claim("redis-different.find-by-etcd")
def test_clients_find_the_server_by_its_key_in_etcd(found: Found) -> None:
    """One script on every node, which knows the key and no address."""
    here = found.moved[1].machine
    for seen in found.first:
        assert seen.stdout == f"{here}\n", seen.expected(f"the server on {here}")


@claim("redis-different.find-by-etcd")
def test_the_key_of_a_stopped_server_expires(found: Found) -> None:
    """Nobody renews it; a client finds no address, rather than an old one."""
    assert "null" in found.gone.output, found.gone.expected("no address")


@claim("redis-different.find-by-etcd")
def test_clients_find_a_server_that_moved(found: Found) -> None:
    """The same script, when the server runs on another node and is announced there."""
    here = found.first[1].machine
    for seen in found.moved:
        assert seen.stdout == f"{here}\n", seen.expected(f"the server on {here}")


@claim("redis-different.network-partition")
def test_a_cut_in_the_network_stops_the_client(different: Different) -> None:
    """While nothing for redis passes between the two nodes, it gets no answer within 3 s."""
    assert different.cut.rc != 0, different.cut.expected("no answer")
    assert different.cut.stdout == "", different.cut.expected("no answer")


@claim("redis-different.network-partition")
def test_after_a_cut_all_data_is_there(different: Different) -> None:
    """The hundred keys that were acknowledged before it."""
    assert different.written.stdout.split() == ["OK"] * len(MANY), different.written.expected("a hundred writes acknowledged")
    assert different.mended.stdout.split() == MANY, different.mended.expected("the hundred values")
