"""nginx alone on a node: where it finds etcd, what it makes of the keys there, and how it lives in its container."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fixtures.claims import as_written, claim
from testbed.machine import Machine
from tests.cluster.nginx_drill import APP, BAD, FIRST, GROUP, REFUSED, RENEWED, WAITING, NginxDrill, seconds_between

pytestmark = GROUP

SERVER = f"{APP}/server"
NOBODY = "000"
"""curl's word for the status of an answer that never came."""
TIMED_OUT = 124
TRIED_EVERY = 5
FOLLOWED_EVERY = 10
WORK = 1.5
"""Seconds that one try may take beside the pause."""


@pytest.fixture
def keys_removed(keys: tuple[Machine, ...]) -> Iterator[None]:
    """What the test writes below /app is removed."""
    yield
    keys[0].run(f"curl -s {APP}?recursive=true -XDELETE")


@claim("ha-web.host-ip-passed")
def test_the_unit_gives_its_nodes_address_to_the_container(nginx_drill: NginxDrill) -> None:
    """`-e HOST_IP=${COREOS_PUBLIC_IPV4}`, by which nginx's container finds etcd."""
    environment, address = nginx_drill.environment, nginx_drill.node.address
    assert f"HOST_IP={address}" in environment.json(), environment.expected(f"HOST_IP={address} out of /etc/environment")
    inside = nginx_drill.etcd_from_inside
    assert "etcdserver" in inside.stdout, inside.expected("etcd's version")


@as_written("ha-web.default-host-ip", fails_with="waiting for a first configuration of http://172.17.42.1:4001")
def test_without_host_ip_nginx_finds_etcd(nginx_drill: NginxDrill) -> None:
    """`HOST_IP=${HOST_IP:-172.17.42.1}`, in a container that was given none."""
    log = nginx_drill.without_host_ip
    assert FIRST in log.stdout, log.expected("a first configuration")


@claim("ha-web.default-host-ip")
def test_docker0_has_another_address_and_etcd_answers_there(nginx_drill: NginxDrill) -> None:
    """`-e HOST_IP=172.17.0.1`, the default of today."""
    bridge, log = nginx_drill.bridge, nginx_drill.with_bridge
    assert " 172.17.0.1/16 " in bridge.stdout, bridge.expected("172.17.0.1")
    assert f"{FIRST} of http://172.17.0.1:4001" in log.stdout, log.expected("a first configuration")


@claim("ha-web.boot-waits-for-config")
def test_nginx_starts_with_its_first_configuration(nginx_drill: NginxDrill) -> None:
    """Until there is a key nobody listens; then the next try finds it."""
    unanswered, answered = nginx_drill.unanswered, nginx_drill.answered
    assert unanswered.rc != 0, unanswered.expected("no answer while etcd has no key")
    assert answered.stdout.startswith('Hello, "/bar"'), answered.expected("the page after the first key")


@claim("ha-web.boot-waits-for-config")
def test_the_first_configuration_is_tried_every_five_seconds(nginx_drill: NginxDrill) -> None:
    """By the times in the container's log, of one try and the next."""
    log = nginx_drill.unit_log
    seconds = seconds_between(log, WAITING, "configuration")
    assert TRIED_EVERY <= seconds < TRIED_EVERY + WORK, log.expected(f"{TRIED_EVERY} s between two tries, not {seconds:.1f}")


@claim("ha-web.watch-interval")
def test_a_new_key_is_followed_at_the_next_interval(nginx_drill: NginxDrill) -> None:
    """The key of the second server came right after the first configuration."""
    log, pages = nginx_drill.unit_log, nginx_drill.pages
    seconds = seconds_between(log, FIRST, RENEWED)
    assert FOLLOWED_EVERY <= seconds < FOLLOWED_EVERY + WORK, log.expected(f"{FOLLOWED_EVERY} s, not {seconds:.1f}")
    assert len(set(pages.stdout.splitlines())) == 2, pages.expected("two servers that answer in turn")


@as_written("ha-web.confd-template", fails_with="executable file not found")
def test_confd_runs_in_nginxs_container(nginx_drill: NginxDrill) -> None:
    """`confd -onetime -node $HOST_IP:4001 -config-file /etc/confd/conf.d/nginx.toml`."""
    confd = nginx_drill.confd
    assert confd.rc == 0, confd.expected("a configuration written by confd 0.3")


@claim("ha-web.confd-template")
def test_the_upstream_servers_are_the_values_of_the_keys(nginx_drill: NginxDrill) -> None:
    """What takes confd's place makes one line a key."""
    values = {key["value"] for key in nginx_drill.unit_keys.json()["node"]["nodes"]}
    servers = nginx_drill.unit_servers
    assert sorted(servers.stdout.split()) == sorted(values), servers.expected(f"the values in etcd, {sorted(values)}")


@claim("ha-web.confd-template")
def test_a_bad_key_leaves_the_configuration_as_it_was(nginx_drill: NginxDrill) -> None:
    """The new configuration is tested by `nginx -t` before it is taken."""
    log, servers, page = nginx_drill.bad_log, nginx_drill.bad_servers, nginx_drill.bad_page
    assert REFUSED in log.stdout, log.expected(f"'{BAD}' refused")
    assert servers.stdout == f"{nginx_drill.node.address}:8080\n", servers.expected("the one good server")
    assert page.rc == 0, page.expected("the page, still")


@claim("ha-web.proxy-headers")
@pytest.mark.parametrize("header", ["Host", "X-Real-IP", "X-Forwarded-For"])
def test_the_server_behind_nginx_gets_the_header(nginx_drill: NginxDrill, header: str) -> None:
    """A request for www.example.com, from the node itself."""
    headers = nginx_drill.headers
    value = "www.example.com" if header == "Host" else nginx_drill.node.address
    assert f"{header}: {value}" in headers.stdout.splitlines(), headers.expected(f"{header}: {value}")


@claim("ha-web.tail-logs-foreground")
def test_a_container_that_follows_the_log_outlives_its_nginx(nginx_drill: NginxDrill) -> None:
    """nginx as a service, and `tail -f` in the foreground: the container is up, nobody answers, and nobody is told."""
    before, after = nginx_drill.tail_killed.before, nginx_drill.tail_killed.after
    container, status = before.stdout.split()
    assert status == "502", before.expected("an nginx without a server")
    assert after.stdout.split() == [container, NOBODY], after.expected(f"the container {container} without its nginx")


@claim("ha-web.tail-logs-foreground")
def test_nginx_in_the_foreground_is_started_again(nginx_drill: NginxDrill) -> None:
    """Its container ends with it, and systemd's `Restart=always` comes."""
    before, after = nginx_drill.unit_killed.before, nginx_drill.unit_killed.after
    container, status = [*after.stdout.split(), "", ""][:2]
    assert status == "200", after.expected("the page")
    assert container not in ("", before.stdout.split()[0]), after.expected(f"another container than\n{before}")


@claim("ha-web.wait-instead-of-confd")
@pytest.mark.usefixtures("keys_removed")
def test_a_waiting_curl_returns_with_the_change(node: Machine) -> None:
    """`curl -L "http://127.0.0.1:4001/v2/keys/app/server?wait=true&recursive=true"`, without a change and with one."""
    written = node.run(f"curl -sL {SERVER}/web-1 -XPUT -d value=first").json()["node"]["modifiedIndex"]
    # From the next change on, so that it does not matter whether curl waits already when the key is set.
    wait = f"curl -L '{SERVER}?wait=true&recursive=true&waitIndex={written + 1}'"
    nothing = node.run(f"timeout 1 {wait}")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(node.run, f"timeout 3 {wait}")
        node.run(f"curl -sL {SERVER}/web-1 -XPUT -d value=second")
        change = waiting.result()
    assert nothing.rc == TIMED_OUT, nothing.expected("a curl that still waits")
    assert '"value":"second"' in change.stdout, change.expected("the key's new value, as soon as it was set")
