"""The page that stays up: three web servers behind one nginx, lost and found again one by one."""

import pytest

from fixtures.claims import claim
from testbed.managers import ANNOUNCED_SECONDS
from tests.cluster.front import PAGES, Loss
from tests.cluster.ha_drill import BAD_GATEWAY, GROUP, WEB, HaDrill

pytestmark = GROUP

OF_HUNDRED_MAY_FAIL = 2
BACK_SECONDS = 30
EXPIRY_SECONDS = ANNOUNCED_SECONDS + 5
"""etcd may need a new leader first, which then sees to what has expired."""


@claim("ha-web.nginx-submit-start")
def test_nginx_runs_on_exactly_one_node(ha_drill: HaDrill) -> None:
    """`fleetctl submit nginx.service` and `fleetctl start nginx.service`, or what the manager has for it."""
    front = ha_drill.at_first
    assert len(front.where) == 1, front.expected("one nginx")
    assert front.serving == front.where, front.expected("an answer where nginx runs, and nowhere else")


@claim("ha-web.port-80")
def test_nginx_serves_the_page_on_port_80(ha_drill: HaDrill) -> None:
    """`http://<ip>/bar`; the page is a web server's, and handed on by nginx."""
    front = ha_drill.at_first
    pages = [page for machine in front.where for page in front.pages[machine]]
    assert {page.status for page in pages} == {200}, front.expected("status 200")
    assert {page.server.partition("/")[0] for page in pages} == {"nginx"}, front.expected("nginx as the server")
    assert {page.writer for page in pages} <= set(ha_drill.web), front.expected(f"pages of the web servers on {ha_drill.web}")


@claim("ha-web.ip-of-nginx-node")
def test_the_page_is_at_the_address_of_nginxs_node_only(ha_drill: HaDrill) -> None:
    """`grep COREOS_PUBLIC_IPV4 /etc/environment | awk -F= '{print $2}'`, where nginx runs."""
    addresses = {node.name: node.address for node in ha_drill.nodes}
    serving = [addresses[machine] for machine in ha_drill.at_first.serving]
    assert ha_drill.address.stdout.split() == serving, ha_drill.address.expected(f"the address that serves the page, {serving}")


@claim("ha-web.id-changes-on-reload")
def test_reloads_go_to_the_three_web_servers_in_turn(ha_drill: HaDrill) -> None:
    """A dozen reloads."""
    front = ha_drill.at_first
    writers = [writer for machine in front.where for writer in front.writers(machine)]
    each = {machine: writers.count(machine) for machine in ha_drill.web}
    assert set(each.values()) == {PAGES // len(each)}, front.expected(f"a third of the pages of each web server, not {each}")


@claim("ha-web.fan-out")
def test_one_nginx_reaches_web_servers_on_all_three_nodes(ha_drill: HaDrill) -> None:
    """Each is on a node of its own, and writes pages."""
    front, names = ha_drill.at_first, [node.name for node in ha_drill.nodes]
    writers = {writer for machine in front.where for writer in front.writers(machine)}
    assert sorted(writers) == names, front.expected(f"pages of web servers on {names}, where they run on {ha_drill.web}")


@claim("ha-web.fan-out")
def test_without_the_one_nginx_nobody_serves_the_page(ha_drill: HaDrill) -> None:
    """Although all three web servers run: nginx is a single point of failure."""
    front = ha_drill.without_nginx
    assert front.serving == [], front.expected("no page at any address")


@claim("ha-web.ha-hello-world")
@pytest.mark.parametrize("lost", ["instance_lost", "machine_lost"])
def test_the_page_stays_available(ha_drill: HaDrill, lost: str) -> None:
    """Ten requests a second, while a web server is killed, and while a machine with a web server is switched off and on."""
    loss: Loss = getattr(ha_drill, lost)
    share = 100 * len(loss.failed) / max(len(loss.pages), 1)
    assert share <= OF_HUNDRED_MAY_FAIL, loss.expected(f"at most {OF_HUNDRED_MAY_FAIL}% to fail")
    assert loss.outage is not None, loss.expected("the page, at the end")
    assert loss.outage < BACK_SECONDS, loss.expected(f"the page for good after {BACK_SECONDS} s")


@claim("ha-web.ha-hello-world")
@pytest.mark.parametrize("lost", ["instance_lost", "machine_lost"])
def test_the_lost_web_server_comes_back(ha_drill: HaDrill, lost: str) -> None:
    """The manager starts the killed one again, and that of the machine as soon as the machine is back."""
    loss: Loss = getattr(ha_drill, lost)
    assert loss.back is not None, loss.expected("its web server to run and to be announced again")


@claim("ha-web.backend-failure")
def test_without_web_servers_nginx_answers_502(ha_drill: HaDrill) -> None:
    """`fleetctl destroy` of the web units, and the page reloaded."""
    page = ha_drill.without_web
    assert page.status == BAD_GATEWAY, f"{ha_drill.at_first.where}: expected status 502 of nginx, but saw {page}"


@claim("ha-web.backend-failure")
def test_web_servers_started_again_serve_the_page_from_new_containers(ha_drill: HaDrill) -> None:
    """`fleetctl start` of the web units, and the page reloaded."""
    front, (before, now) = ha_drill.web_again, ha_drill.containers
    writers = {writer for machine in front.where for writer in front.writers(machine)}
    assert writers == set(ha_drill.web), front.expected(f"pages of {ha_drill.web}")
    assert (len(before), len(now)) == (WEB.instances, WEB.instances), (
        f"expected {WEB.instances} containers each time, but saw {before} and {now}"
    )
    assert not before & now, f"expected other containers than {before}, but saw {now}"


@claim("ha-web.nginx-failure")
def test_nginx_started_again_may_be_at_another_address(ha_drill: HaDrill) -> None:
    """`fleetctl destroy` and `fleetctl start` of nginx, while its node may not be given work."""
    old, new = ha_drill.at_first.where, ha_drill.nginx_again
    assert len(new.where) == 1, new.expected("one nginx again")
    assert new.where != old, new.expected(f"nginx elsewhere than on {old}")
    assert new.serving == new.where, new.expected(f"the page where nginx is now, and no more on {old}")


@claim("ha-web.many-many")
def test_with_an_nginx_on_every_node_each_address_serves_all(ha_drill: HaDrill) -> None:
    """What cannot be together on one machine, on every machine."""
    front, names = ha_drill.everywhere, sorted(node.name for node in ha_drill.nodes)
    assert sorted(front.where) == names, front.expected("one nginx on every node")
    for machine in names:
        assert set(front.writers(machine)) == set(ha_drill.web), front.expected(f"pages of all three web servers on {machine}")


@claim("ha-web.sidekick")
def test_a_sidekick_announces_each_web_server_beside_it(ha_drill: HaDrill) -> None:
    """One key a machine, with the machine's address, which lives for some seconds unless it is renewed."""
    addresses = {node.name: f"{node.address}:{WEB.port}" for node in ha_drill.nodes if node.name in ha_drill.web}
    said = {machine: key["value"] for machine, key in ha_drill.keys.items()}
    assert said == addresses, f"expected the web servers' addresses in etcd, {addresses}, but saw {said}"
    lives = {machine: key.get("ttl", 0) for machine, key in ha_drill.keys.items()}
    assert all(0 < life <= ANNOUNCED_SECONDS for life in lives.values()), (
        f"expected a TTL of {ANNOUNCED_SECONDS}, but saw {lives}"
    )


@claim("ha-web.sidekick")
def test_the_key_of_a_lost_machine_expires(ha_drill: HaDrill) -> None:
    """Its sidekick is lost with it, and renews the key no more."""
    loss = ha_drill.machine_lost
    assert (loss.unannounced or EXPIRY_SECONDS) < EXPIRY_SECONDS, loss.expected(f"its key gone within {EXPIRY_SECONDS} s")
