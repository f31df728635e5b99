"""The six faults, each run once: what clients saw, how many servers ran, what was kept, and how the cluster healed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from fixtures.machines import KEYS, QUORUM, leased
from testbed import ssh
from testbed.cluster import Cluster
from testbed.leases import Use
from testbed.machine import Machine
from testbed.readiness import wait_for_manager, wait_for_members
from testbed.restart import healing, wait_until_ready
from testbed.timeline import RESTART_POLICY, Story, tell
from testbed.wait import settled, wait_until
from tests.cluster.failover.contestants import BY_BOTH, BY_POLICY, MANAGED, REPLICA, Contestant, servers
from tests.cluster.failover.scene import START_SECONDS, Scene
from tests.cluster.failover.watch import ask, put, readable

RECOVERY_SECONDS = 90
POLICY_SECONDS = 10
"""So long the drill waits for what Docker's restart policy does, once the machine is there."""


class Fault(Enum):
    """What is done to the machine on which the servers run."""

    PROCESS_KILLED = "process killed"
    CONTAINER_KILLED = "container killed"
    ENGINE_RESTARTED = "engine restarted"
    MACHINE_KILLED = "machine killed"
    MACHINE_CUT_OFF = "machine cut off"
    LEADER_LOST = "leader lost"

    @property
    def id(self) -> str:
        """The same in one word, as it stands in the names of tests."""
        return self.value.replace(" ", "-")


COMMANDS = {
    Fault.PROCESS_KILLED: "sudo pkill --signal KILL --full '[r]edis-server .*:'",
    Fault.CONTAINER_KILLED: "docker kill $(docker ps --quiet --filter ancestor=redis)",
    Fault.ENGINE_RESTARTED: "sudo systemctl restart docker",
}


@dataclass(frozen=True)
class Kept:
    """How one contestant fared: the machines whose server a client reached before the fault and at the end."""

    story: Story
    was: str
    now: str
    servers: dict[str, int]
    """How many run at the end, by machine."""

    def expected(self, what: str) -> str:
        """A failure's message: the machine, what was expected, and all that was seen."""
        events = "\n".join(f"{event.seconds:8.2f} s  {event.machine:<12} {event.what}" for event in self.story.events)
        seen = f"at the end {self.story.after}; {self.story.readable} of {self.story.acknowledged} writes are readable"
        return f"{self.was}, {self.story.fault}: expected {what} by {self.story.keeper}, but saw:\n{events}\n{seen}"


@dataclass(frozen=True)
class Drill:
    """What was seen of one fault."""

    fault: Fault
    manager: str
    managed: Kept
    by_policy: Kept
    whole_again: float
    """Seconds from the fault's end (of what needs no healing: from the fault) until quorum and manager were whole again."""
    by_both: dict[str, str]
    """What each machine's server of BY_BOTH says at the end of a key that was written while the other machine was lost."""
    replica: int
    """How many of the managed one's writes from before the fault its replica knows."""


def run(cluster: Cluster, fault: Fault) -> Drill:
    """Do to a machine what the fault says, watch, heal it, and return what was seen; the stories are told to the report.

    Raises NotHealed when the cluster is not whole again in time.
    """
    victim, other = _cast(cluster, fault)
    with leased(cluster, (victim.name, other.name), Use.ALONE, {QUORUM: Use.ALONE, KEYS: Use.ALONE}):
        manager = cluster.manager.seen_from(other)
        scene = Scene(cluster, manager, victim, other)
        with servers(manager, victim, other, all_of_them=fault is Fault.MACHINE_KILLED), scene.watched():
            drill = _play(scene, fault)
    tell(drill.managed.story)
    tell(drill.by_policy.story)
    return drill


def _cast(cluster: Cluster, fault: Fault) -> tuple[Machine, Machine]:
    """The machine that the fault hits, and the one that is to take over; the third goes on serving other tests."""
    leader = cluster.manager.leader()
    followers = [node for node in cluster.nodes if node.name != leader]
    return (cluster.machine(leader), followers[0]) if fault is Fault.LEADER_LOST else (followers[0], followers[1])


def _play(scene: Scene, fault: Fault) -> Drill:
    _wait_for_replica(scene, fault)
    with _inflicted(scene, fault):
        settled(lambda: scene.recovery(MANAGED), bool, seconds=RECOVERY_SECONDS)
        _write_to_both(scene, fault)
    whole_again = _whole_again(scene)
    settled(lambda: scene.recovery(BY_POLICY), bool, seconds=POLICY_SECONDS)
    written = scene.clients[MANAGED].acknowledged_before(scene.moment)
    return Drill(
        fault=fault,
        manager=scene.manager.name,
        managed=_kept(scene, fault, MANAGED, scene.manager.name),
        by_policy=_kept(scene, fault, BY_POLICY, RESTART_POLICY),
        whole_again=whole_again,
        by_both=_both(scene) if fault is Fault.MACHINE_KILLED else {},
        replica=readable(_address(scene.other, REPLICA), written) if fault is Fault.MACHINE_KILLED else 0,
    )


@contextmanager
def _inflicted(scene: Scene, fault: Fault) -> Iterator[None]:
    """The fault comes; at the end a machine that was lost is back, and ready."""
    scene.begin()
    scene.happened(fault.value)
    provider, victim = scene.cluster.provider, scene.victim
    if fault in COMMANDS:
        victim.run(COMMANDS[fault])
        yield
        scene.end()
        return
    (provider.cut_off if fault is Fault.MACHINE_CUT_OFF else provider.power_off)(victim.name)
    ssh.disconnect(victim.name)
    try:
        yield
    finally:
        scene.end()
        if fault is Fault.MACHINE_CUT_OFF:
            provider.reconnect(victim.name, victim.address)
        else:
            provider.power_on(victim.name)
        scene.happened("it is back")
        with healing():
            wait_until_ready(victim)


def _whole_again(scene: Scene) -> float:
    with healing():
        wait_for_members(*scene.cluster.nodes)
        wait_for_manager(scene.manager, *scene.cluster.nodes)
    return scene.happened("the cluster is whole again")


def _kept(scene: Scene, fault: Fault, contestant: Contestant, keeper: str) -> Kept:
    running = settled(lambda: scene.running(contestant), lambda seen: sum(seen.values()) == 1, seconds=POLICY_SECONDS)
    before, last = scene.before(contestant), scene.answers[contestant].changes[-1][1]
    return Kept(
        story=scene.story(fault.value, contestant, keeper),
        was=before.machine if before else "",
        now=last.machine if last else "",
        servers=running,
    )


def _wait_for_replica(scene: Scene, fault: Fault) -> None:
    if fault is Fault.MACHINE_KILLED:
        numbers = scene.clients[MANAGED].acknowledged_before(float("inf"))

        def copied() -> bool:
            return readable(_address(scene.other, REPLICA), numbers) == len(numbers)

        wait_until(copied, f"{scene.other}: the replica has what was written", seconds=START_SECONDS)


def _write_to_both(scene: Scene, fault: Fault) -> None:
    """To the server that took over from the lost machine's."""
    if fault is Fault.MACHINE_KILLED:
        settled(lambda: put(_address(scene.other, BY_BOTH), "k", "new"), bool, seconds=START_SECONDS)


def _both(scene: Scene) -> dict[str, str]:
    machines = (scene.victim, scene.other)
    settled(lambda: scene.running(BY_BOTH), lambda seen: all(seen.values()), seconds=POLICY_SECONDS)
    return {machine.name: ask(_address(machine, BY_BOTH), "k") for machine in machines}


def _address(machine: Machine, contestant: Contestant) -> str:
    return f"{machine.address}:{contestant.port}"
