"""fleet, as far as any manager of the cluster does the same: services given to the cluster, and found, listed, ended there.

Two machines are leased for the whole module, so no test in it may ask for another machine.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from fixtures.claims import as_written, claim
from testbed.managers import Spread
from testbed.transcript import Result
from testbed.wait import settled
from tests.cluster.fleet_pool import (
    LIST_MACHINES,
    LIST_TEMPLATES,
    LIST_UNITS,
    PORTS,
    SECONDS,
    Ended,
    Pool,
    ended,
    page_at,
    pool,
    serving,
)
from tests.cluster.text_units import GREETING, WEB

__all__ = ["ended", "pool"]
pytestmark = pytest.mark.xdist_group("fleet-pool")

CANNOT_CONNECT = 7
ANY_PORT = 0
MINUTES = 60


@claim("fleet.pool-of-resources")
@pytest.mark.parametrize("port", PORTS)
def test_a_service_given_to_the_cluster_runs_on_one_machine_of_its_choice(pool: Pool, port: int) -> None:
    """Instead of running a service on a specific machine, services are submitted to the cluster."""
    name = f"web-{port}"
    told, seen = pool.where(name), pool.really(name)
    assert len(told) == 1, f"{pool.manager.name}: expected {name} on one machine, but saw {told}: {pool.manager.status(name)}"
    assert seen == told, f"{pool.manager.name}: told that {name} runs on {told}, but the engines have it on {seen}"


@claim("fleet.single-init-system")
def test_a_service_is_asked_for_and_ended_from_another_machine(ended: Ended) -> None:
    """As `systemctl status`, `journalctl` and `systemctl stop` would on the machine where it runs."""
    asked, before = ended.asked, len(ended.before)
    assert "unning" in ended.status, f"{asked}: expected a status that says it runs, but saw: {ended.status}"
    assert "serving /bar on port 8084" in ended.logs, f"{asked}: expected the server's own words, but saw: {ended.logs}"
    assert (before, ended.left) == (1, []), f"{asked}: expected one container ended, but of {before} there is left {ended.left}"


@claim("fleet.metadata-condition")
def test_a_service_runs_only_where_its_demand_is_met(pool: Pool) -> None:
    """fleet compares with a machine's metadata, swarm mode with a node's name or labels."""
    second = pool.machines[1].name
    met = replace(pool.service("web-everywhere", 8085, second), spread=Spread.EVERYWHERE)
    unmet = pool.service("web-nowhere", 8086, "core-99")
    with pool.running(met, unmet):
        pool.where(met.name)
        placed, status = pool.chosen(met.name), pool.manager.status(met.name)
        waits, why = pool.chosen(unmet.name), pool.manager.status(unmet.name)
    assert placed == [second], f"expected it on {second}, which alone meets the demand, but saw {placed}: {status}"
    assert waits == [""], f"expected no machine chosen, as none meets the demand, but saw {waits}: {why}"


@claim("fleet.conflicts-glob")
def test_instances_that_conflict_never_share_a_machine(pool: Pool) -> None:
    """`X-Conflicts=web@*.service`: of three instances for two machines one is left over."""
    three = replace(pool.service("web-apart", ANY_PORT), instances=3, spread=Spread.NEVER_TOGETHER)
    with pool.running(three):
        settled(lambda: pool.manager.where(three.name), lambda seen: len(seen) > 1, seconds=SECONDS)
        told, status = pool.chosen(three.name), pool.manager.status(three.name)
        seen = pool.really(three.name)
    assert told == ["", *pool.names], f"expected one on each of {pool.names} and one left over, but saw {told}: {status}"
    assert sorted(seen) == sorted(pool.names), f"{pool.manager.name}: told {told}, but the engines run it on {seen}"


@claim("fleet.list-machines")
def test_every_machine_lists_all_machines(pool: Pool) -> None:
    """`fleetctl list-machines`."""
    known = pool.manager.machines()
    assert all(known.values()), f"{pool.manager.name}: expected all machines ready for work, but saw {known}"
    for machine in pool.machines:
        listed = pool.told(LIST_MACHINES, machine)
        rows = [line for line in listed.stdout.splitlines()[1:] if "Down" not in line]
        assert len(rows) == len(known), listed.expected(f"a line for each of {sorted(known)}")


@claim("fleet.list-units")
def test_every_machine_lists_each_unit_with_its_machine_and_state(pool: Pool) -> None:
    """`fleetctl list-units`."""
    for machine in pool.machines:
        listed = pool.told(LIST_UNITS, machine)
        for name in (f"web-{port}" for port in PORTS):
            line = next((line for line in listed.stdout.splitlines() if line.startswith(name)), "")
            told = [node.name for node in pool.machines if node.name in line or node.address in line]
            assert "unning" in line, listed.expected(f"{name} to be running")
            assert told == pool.really(name), listed.expected(f"{name} on {pool.really(name)}, where its engine runs it")


TEMPLATE = "web-template"
SUBMIT = {
    "fleet": f"cd $(mktemp -d) && cat >{TEMPLATE}@.service <<'END'\n{WEB.text}END\nfleetctl submit {TEMPLATE}@.service",
    "swarm": f"docker service create --quiet --detach --name {TEMPLATE} --replicas 0 --network host web",
}
IDLE = {"fleet": "inactive", "swarm": "0/0"}
DESTROY = {"fleet": f"fleetctl destroy {TEMPLATE}@.service", "swarm": f"docker service rm {TEMPLATE}"}


@pytest.fixture
def submitted(pool: Pool) -> Iterator[Result]:
    """What the command said that submits a template, given on the first machine."""
    yield pool.told(SUBMIT, pool.machines[0])
    pool.told(DESTROY, pool.machines[0])


@claim("fleet.submit-template")
def test_a_submitted_template_is_known_everywhere_and_starts_nothing(pool: Pool, submitted: Result) -> None:
    """`fleetctl submit web@.service`; in swarm mode a service of no replicas."""
    assert submitted.rc == 0, submitted.expected("exit code 0")
    for machine in pool.machines:
        listed = pool.told(LIST_TEMPLATES, machine)
        lines = [line for line in listed.stdout.splitlines() if line.startswith(TEMPLATE)]
        assert len(lines) == 1, listed.expected(f"one line of {TEMPLATE}")
        assert IDLE[pool.manager.name] in lines[0], listed.expected(f"{TEMPLATE} to be {IDLE[pool.manager.name]}")
        containers = machine.run(f"docker ps -a --filter name={TEMPLATE} --format '{{{{.Names}}}}'")
        assert containers.stdout == "", containers.expected("no container")


@as_written("fleet.takes-a-while", fails_with="expected minutes, but")
def test_starting_the_three_takes_minutes(pool: Pool) -> None:
    """Start the units: it's going to take a while."""
    assert pool.seconds > MINUTES, f"{pool.names}: expected minutes, but all three served after {pool.seconds:.1f} s"


@claim("fleet.takes-a-while")
def test_starting_the_three_takes_seconds_where_the_image_is(pool: Pool) -> None:
    """From the command to the third page."""
    answers = {port: len(serving(pool.machines, port)) for port in PORTS}
    status = [pool.manager.status(f"web-{port}") for port, count in answers.items() if count != 1]
    assert not status, f"{pool.names}: expected each port to be served once, but saw {answers}: {''.join(status)}"
    assert pool.seconds < SECONDS / 2, f"{pool.names}: expected seconds, but it took {pool.seconds:.1f} s"


@claim("fleet.port-and-ip-may-differ")
def test_a_port_answers_on_the_machine_that_was_chosen_whatever_its_number(pool: Pool) -> None:
    """8082 on core-01 and 8081 on core-02 are as good as the other way round; no other machine answers there."""
    first, second = pool.machines
    crossed = {18082: (first, second), 18081: (second, first)}
    services = [pool.service(f"web-{port}", port, here.name) for port, (here, _) in crossed.items()]
    with pool.running(*services):
        for port, (here, other) in crossed.items():
            settled(partial(serving, (here,), port), bool, seconds=SECONDS)
            served, refused = here.run(page_at(here, port)), other.run(page_at(other, port))
            assert GREETING in served.stdout, served.expected(f"the greeting at {port} of {here}")
            assert refused.rc == CANNOT_CONNECT, refused.expected(f"nobody at {port} of {other}")


@as_written("fleet.browse-without-port", fails_with="Failed to connect")
def test_the_page_is_at_the_address_alone(pool: Pool) -> None:
    """`http://<ipaddr>/bar`."""
    for machine in pool.machines:
        page = machine.run(f"curl -sS http://{machine.address}/bar")
        assert GREETING in page.stdout, page.expected("the greeting")


@claim("fleet.browse-without-port")
def test_the_page_is_at_the_instance_s_port_and_nobody_at_port_80(pool: Pool) -> None:
    """`http://<ipaddr>:8081/bar`."""
    for machine in pool.machines:
        bare = machine.run(f"curl -sS http://{machine.address}/bar")
        assert bare.rc == CANNOT_CONNECT, bare.expected("nobody at port 80")
    for port in PORTS:
        served = serving(pool.machines, port)
        assert [GREETING in page.stdout for page in served] == [True], f"{pool.names}: expected the page once, but saw {served}"


@claim("fleet.destroy")
def test_what_is_destroyed_is_ended_and_forgotten(pool: Pool, ended: Ended) -> None:
    """`fleetctl destroy`."""
    name = ended.service.name
    assert ended.left == [], f"{pool.manager.name}: destroyed {name}, but it still runs on {ended.left}"
    assert name not in ended.known, f"{pool.manager.name}: destroyed {name}, but it still knows {ended.known}"
    assert serving(pool.machines, 8084) == [], f"{pool.names}: expected nobody at port 8084"


@claim("fleet.start-after-destroy")
def test_what_was_destroyed_starts_again(pool: Pool, ended: Ended) -> None:
    """`fleetctl start` by the same name; swarm mode has to be told all of it again."""
    with pool.running(ended.service):
        served = settled(lambda: serving(pool.machines, 8084), bool, seconds=SECONDS)
        again = pool.containers(ended.service.name)
        status = pool.manager.status(ended.service.name)
    assert [GREETING in page.stdout for page in served] == [True], f"{pool.names}: expected the page, but saw {served}: {status}"
    assert not set(again) & set(ended.before), f"{pool.names}: expected another container than {ended.before}, but saw {again}"
