"""Redis under the cluster's manager: every claim is read off the drills of failover, whose keepers are the manager and Docker."""

import pytest

from fixtures.claims import claim
from testbed.machine import Machine
from testbed.managers import Manager, Service
from testbed.managers.keeping import announced, clear, wait_until_running
from testbed.wait import settled
from tests.cluster.failover.drill import Drill, Fault
from tests.cluster.failover.reading import after

PROCESS_SECONDS = 10
MACHINE_SECONDS = 20
LEADER_SECONDS = 45
HEALED_SECONDS = 30
STAYS_SECONDS = 5
LOST = (Fault.MACHINE_KILLED, Fault.MACHINE_CUT_OFF, Fault.LEADER_LOST)
SERVICE = Service("redis", "redis", announced="/services/redis", port=6379)


@claim("redis-fleet.runs-as-unit")
@after(*Fault)
def test_it_runs_on_one_machine_and_is_found_by_etcd(drill: Drill) -> None:
    """Before each fault: a client that looks the address up writes to the one server that runs."""
    managed = drill.managed
    running = [count for seconds, count in managed.story.servers if seconds <= 0]
    assert managed.was, managed.expected("a client that is answered before the fault")
    assert running[-1:] == [1], managed.expected("one server before the fault")


@claim("redis-fleet.process-failure")
@after(Fault.PROCESS_KILLED, Fault.CONTAINER_KILLED)
def test_a_killed_one_is_back_within_seconds(drill: Drill) -> None:
    """`kill -9` of the server, or `docker kill` of its container."""
    managed = drill.managed
    assert managed.story.outage is not None, managed.expected("a client that is answered again")
    assert managed.story.outage <= PROCESS_SECONDS, managed.expected(f"that within {PROCESS_SECONDS} s")


@claim("redis-fleet.process-failure")
@after(Fault.PROCESS_KILLED, Fault.CONTAINER_KILLED)
def test_fleet_leaves_it_where_it_is(drill: Drill) -> None:
    """Under fleet its node's systemd restarts it; swarm mode makes a new task, wherever there is room for it."""
    managed = drill.managed
    on = set(managed.servers) if drill.manager == "swarm" else {managed.was}
    assert managed.now in on, managed.expected(f"it on {' or '.join(sorted(on))}")


@claim("redis-fleet.machine-failure")
@after(*LOST)
def test_on_a_lost_machines_place_another_serves(drill: Drill) -> None:
    """The machine is killed or cut off; where the manager's leader was on it, a new one has to be found first."""
    managed = drill.managed
    bound = LEADER_SECONDS if drill.fault is Fault.LEADER_LOST else MACHINE_SECONDS
    assert managed.story.outage is not None, managed.expected("a client that is answered again")
    assert managed.story.outage <= bound, managed.expected(f"that within {bound} s")
    assert managed.now not in ("", managed.was), managed.expected("another machine to serve")


@claim("redis-fleet.client-follows")
@after(*LOST)
def test_its_client_finds_the_new_one_by_etcd(drill: Drill) -> None:
    """The client looks the address up each time: the lost machine's key has a lifetime, and a sidekick sets the new one's."""
    answered = [event.machine for event in drill.managed.story.events if event.what == "a client is answered"]
    assert answered[:1] == [drill.managed.was], drill.managed.expected("a client that is answered before the fault")
    assert answered[-1] == drill.managed.now != drill.managed.was, drill.managed.expected("the client to follow")


@claim("redis-fleet.only-one-instance")
@after(*Fault)
def test_in_the_end_one_runs(drill: Drill) -> None:
    """Whatever was lost is back, and the cluster is whole again within half a minute."""
    managed = drill.managed
    assert sum(managed.servers.values()) == 1, managed.expected("one server at the end")
    assert drill.whole_again <= HEALED_SECONDS, managed.expected(f"a whole cluster {HEALED_SECONDS} s after the fault's end")


@claim("redis-fleet.only-one-instance")
@after(Fault.MACHINE_CUT_OFF)
def test_while_a_machine_is_cut_off_two_run(drill: Drill) -> None:
    """The one that is cut off goes on, as nobody can tell it; it ends when it hears of the cluster again."""
    most = max(count for seconds, count in drill.managed.story.servers if seconds > 0)
    assert most == 2, drill.managed.expected("two servers for a while")


@claim("redis-fleet.data-does-not-move")
@after(*LOST)
def test_the_new_one_has_none_of_the_data(drill: Drill) -> None:
    """Every write was acknowledged before the machine was lost."""
    managed = drill.managed
    assert managed.story.acknowledged > 0, managed.expected("writes before the fault")
    assert managed.story.readable == 0, managed.expected("none of them to be readable")


@claim("redis-fleet.data-does-not-move")
@after(Fault.MACHINE_KILLED)
def test_a_replica_on_another_machine_has_what_was_copied_to_it(drill: Drill) -> None:
    """`redis-server --replicaof ADDRESS 6379`."""
    had, has = drill.replica
    assert had > 0, drill.managed.expected("writes that were copied before the fault")
    assert has == had, drill.managed.expected(f"the replica to have the {had} writes that were copied, not {has}")


@claim("redis-restart.dangerous-with-coreos")
@after(Fault.MACHINE_KILLED)
def test_a_unit_with_a_restart_policy_ends_as_two_that_disagree(drill: Drill) -> None:
    """The unit's `docker run` has `--restart=always`; its machine is lost, and comes back."""
    managed, said = drill.managed, drill.by_both
    expected = {managed.was: "nil", managed.now: "new"}
    assert said == expected, managed.expected(f"{expected} of the servers of a unit with a policy, not {said}")


@claim("redis-restart.dangerous-with-coreos")
@after(Fault.MACHINE_KILLED)
def test_a_unit_without_one_ends_as_one(drill: Drill) -> None:
    """The same unit without `--restart=always`."""
    managed = drill.managed
    assert managed.servers == {managed.was: 0, managed.now: 1}, managed.expected("one server, on the machine that took over")


@pytest.fixture
def stopped(manager: Manager, node: Machine) -> tuple[Manager, Service]:
    """A Redis that ran on the node, and was stopped."""
    service = Service(SERVICE.name, SERVICE.image, machines=(node.name,), announced=SERVICE.announced, port=SERVICE.port)
    manager.start(service)
    wait_until_running(manager, service)
    clear(manager, (node,), (service,))
    return manager, service


@claim("redis-fleet.stop-is-final")
def test_a_stopped_one_stays_stopped(stopped: tuple[Manager, Service], node: Machine) -> None:
    """`fleetctl stop redis.service`, in swarm mode `docker service rm redis`."""
    manager, service = stopped
    found = settled(lambda: node.run("pgrep --list-full redis-server"), lambda seen: seen.rc == 0, seconds=STAYS_SECONDS)
    assert found.rc == 1, found.expected("no server")
    assert announced(manager, service) == {}, f"{node}: expected no address in etcd, but saw {announced(manager, service)}"
