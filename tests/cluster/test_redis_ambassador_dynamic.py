"""The dynamic ambassador: a register keeps the server's address in etcd, and the ambassador looks there for each connection."""

import pytest

from fixtures.claims import claim
from testbed.cluster import Cluster
from testbed.machine import Machine
from tests.cluster.background.outcome import of_drill
from tests.cluster.redis_dynamic_drill import NAME, Followed, run
from tests.cluster.steps import do

drilled = pytest.mark.xdist_group(NAME)
LOGS = "if it is not there, see `docker ps -a` and `docker logs register`"


@pytest.fixture(scope="module")
def followed(the_cluster: Cluster) -> Followed:
    """An ambassador follows a server that starts, loses etcd, and moves to another node."""
    return of_drill(NAME, lambda: run(the_cluster))


@drilled
@claim("redis-ambassador.dynamic-ambassador")
def test_the_register_keeps_the_servers_address_in_etcd(followed: Followed) -> None:
    """`docker run docker-register`: no key before there is a server, and then one without further words."""
    assert followed.key_before.stdout == "", followed.key_before.expected("no key")
    assert followed.key_first.stdout.endswith(":6379\n"), followed.key_first.expected(f"the server's address; {LOGS} on core-01")


@drilled
@claim("redis-ambassador.dynamic-ambassador")
def test_the_ambassador_leads_where_the_key_says(followed: Followed) -> None:
    """`dynamic-ambassador services/redis 6379`, and a client linked to it."""
    assert followed.dynamic_first.rc == 0, followed.dynamic_first.expected("an answer")
    assert "core-01" in followed.dynamic_first.stdout, followed.dynamic_first.expected("the server on core-01")


@drilled
@claim("redis-ambassador.dynamic-ambassador")
def test_both_follow_a_server_that_moves(followed: Followed) -> None:
    """Stopped on one node and started on another: within 20 s of the start the same ambassador leads there."""
    assert followed.key_moved.stdout not in ("", followed.key_first.stdout), followed.key_moved.expected(
        f"the address of the server's new node; {LOGS} on core-03"
    )
    assert followed.dynamic_moved.stdout == "core-03\n", followed.dynamic_moved.expected("the server on core-03")


@drilled
@claim("redis-ambassador.dynamic-ambassador")
def test_nothing_on_the_clients_node_is_touched_for_it(followed: Followed) -> None:
    """The ambassador is the container that it was, and was not started again."""
    before, after = followed.ambassador
    assert after.stdout == before.stdout, after.expected(f"the ambassador as before: {before.stdout}")


@drilled
@claim("redis-ambassador.pattern")
def test_only_the_dynamic_ambassador_needs_etcd(followed: Followed) -> None:
    """etcd's port is blocked for containers of the client's node."""
    without = followed.dynamic_without_etcd
    assert without.rc != 0, without.expected("no answer by the dynamic ambassador")
    assert followed.static_without_etcd.stdout == "core-01\n", followed.static_without_etcd.expected("the server on core-01")


@drilled
@claim("redis-ambassador.pattern")
def test_etcd_spreads_the_configuration_of_the_dynamic_ambassador_only(followed: Followed) -> None:
    """The server moved; the ambassador that was given an address by hand still leads to the old one."""
    assert followed.dynamic_moved.stdout == "core-03\n", followed.dynamic_moved.expected("the server on core-03")
    assert followed.static_moved.rc != 0, followed.static_moved.expected("no answer by the address of the first example")


@claim("redis-ambassador.dynamic-not-as-is")
@pytest.mark.usefixtures("quorum")
def test_etcd_is_not_where_the_example_says(node: Machine) -> None:
    """`172.17.42.1:4001`, docker0's address of 2014; at that of today it answers."""
    ask = "docker run --rm curl curl -sSL --max-time 3 http://{}:4001/v2/machines"
    as_given = node.run(ask.format("172.17.42.1"))
    assert as_given.rc != 0, as_given.expected("no answer at 172.17.42.1")
    today = do(node, "ip -4 -o addr show docker0 | awk '{print $4}'").stdout.partition("/")[0]
    answer = node.run(ask.format(today))
    assert ":2379" in answer.stdout, answer.expected("the machines of etcd's cluster")
