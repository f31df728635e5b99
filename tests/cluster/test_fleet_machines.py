"""What becomes of services when a machine goes away: read off the drill that kills one."""

from fixtures.claims import claim
from tests.cluster.failover.drill import Drill, Fault
from tests.cluster.failover.reading import after


@claim("fleet.handles-machine-failures")
@after(Fault.MACHINE_KILLED)
def test_a_restart_policy_waits_for_its_machine(drill: Drill) -> None:
    """The same fault, side by side: the manager does not wait for the machine, Docker's policy does."""
    managed, by_policy = drill.managed, drill.by_policy
    back = next(event.seconds for event in managed.story.events if event.what == "it is back")
    assert managed.story.outage is not None, managed.expected("a client that is answered again")
    assert managed.story.outage < back, managed.expected("an answer before the machine is back")
    assert by_policy.story.outage is None or by_policy.story.outage > back, by_policy.expected("no answer before it is back")


@claim("fleet.graceful-update")
@after(Fault.MACHINE_KILLED)
def test_while_a_machine_restarts_its_service_is_on_another_and_stays_there(drill: Drill) -> None:
    """What the manager adds to an update: the machine comes back, and the service does not go back with it."""
    managed = drill.managed
    back = next(event.seconds for event in managed.story.events if event.what == "it is back")
    after_return = [count for seconds, count in managed.story.servers if seconds >= back]
    assert set(after_return) <= {1}, managed.expected("one server all the time since the machine's return")
    assert managed.now not in ("", managed.was), managed.expected("the service to stay on the other machine")
