"""The six faults, each run once: what clients saw, how many servers ran, what was kept, and how the cluster healed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from enum import Enum

from fixtures.machines import leased
from testbed.cluster import Cluster
from testbed.errors import TestbedError
from testbed.leases import KEYS, QUORUM, Use, lease
from testbed.machine import Machine
from testbed.managers.keeping import clear, wait_until_running
from testbed.readiness import wait_for_manager, wait_for_members
from testbed.restart import cut_off, healing, off
from testbed.timeline import RESTART_POLICY, Story, tell
from testbed.wait import settled, wait_until
from tests.cluster.failover.contestants import BY_BOTH, BY_POLICY, MANAGED, REPLICA, Contestant, beside, kept_off, managed
from tests.cluster.failover.scene import START_SECONDS, Scene
from tests.cluster.failover.watch import Answer, ask, put, readable

RECOVERY_SECONDS = 90
CALM_SECONDS = 20
POLICY_SECONDS = 6
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


# The same two machines suffer all faults of a stage; the leader is spared until it is to be lost.
STAGES = (
    (Fault.PROCESS_KILLED, Fault.CONTAINER_KILLED, Fault.ENGINE_RESTARTED, Fault.MACHINE_KILLED, Fault.MACHINE_CUT_OFF),
    (Fault.LEADER_LOST,),
)
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
    replica: tuple[int, int]
    """How many writes the managed one's replica had some time before the fault, and how many of these it has at the end."""


def run(cluster: Cluster, faults: Sequence[Fault]) -> Iterator[Drill]:
    """Have two machines suffer these faults, one after the other; yields what was seen of each, and tells it to the report.

    Each fault hits the machine on which the manager's server runs by then, and the other takes over; the third machine goes
    on serving others. Raises NotHealed when the cluster is not whole again in time.
    """
    with _leased_pair(cluster, with_leader=Fault.LEADER_LOST in faults) as pair:
        manager, service = cluster.manager, managed(*pair)
        try:
            with kept_off(pair[1], manager) if Fault.LEADER_LOST in faults else nullcontext():
                manager.start(service)
                wait_until_running(manager, service)
            for fault in faults:
                yield _suffer(cluster, fault, pair)
        finally:
            clear(manager, pair, (service,))


def run_named(cluster: Cluster, ids: Sequence[str]) -> Iterator[Drill]:
    """As `run`, the faults told by their ids."""
    return run(cluster, [fault for fault in Fault if fault.id in ids])


@contextmanager
def _leased_pair(cluster: Cluster, *, with_leader: bool) -> Iterator[tuple[Machine, Machine]]:
    """Two machines, alone, with the quorum and the keys; another may lead by the time that these can be had."""
    while True:
        with lease({QUORUM: Use.SHARED}):  # while somebody breaks it, nobody leads
            pair = _pair(cluster, with_leader=with_leader)
        with leased(cluster, tuple(machine.name for machine in pair), Use.ALONE, {QUORUM: Use.ALONE, KEYS: Use.ALONE}):
            if pair == _pair(cluster, with_leader=with_leader):
                yield pair
                return


def _pair(cluster: Cluster, *, with_leader: bool) -> tuple[Machine, Machine]:
    leader = cluster.manager.leader()
    followers = [node for node in cluster.nodes if node.name != leader]
    return (cluster.machine(leader), followers[0]) if with_leader else (followers[0], followers[1])


def _suffer(cluster: Cluster, fault: Fault, pair: tuple[Machine, Machine]) -> Drill:
    wait_until_running(cluster.manager, managed(*pair))
    victim, other = sorted(pair, key=lambda machine: machine.name not in cluster.manager.where(MANAGED.name))
    if fault is Fault.LEADER_LOST and victim is not pair[0]:
        raise TestbedError(f"{cluster.manager_name} did not put the server on {pair[0]}, which leads it")
    manager = cluster.manager.seen_from(other)
    all_of_them = fault is Fault.MACHINE_KILLED
    with beside(manager, victim, other, all_of_them=all_of_them):
        scene = Scene(cluster, manager, victim, other)
        with scene.watched():
            drill = _play(scene, fault)
    tell(drill.managed.story)
    tell(drill.by_policy.story)
    return drill


def _play(scene: Scene, fault: Fault) -> Drill:
    copied = _copied(scene) if fault is Fault.MACHINE_KILLED else []
    with _inflicted(scene, fault):
        settled(lambda: scene.recovery(MANAGED), bool, seconds=RECOVERY_SECONDS)
        _write_to_both(scene, fault)
    whole_again = _whole_again(scene)
    settled(lambda: scene.recovery(BY_POLICY), bool, seconds=POLICY_SECONDS)
    return Drill(
        fault=fault,
        manager=scene.manager.name,
        managed=_kept(scene, fault, MANAGED, scene.manager.name),
        by_policy=_kept(scene, fault, BY_POLICY, RESTART_POLICY),
        whole_again=whole_again,
        by_both=_both(scene) if fault is Fault.MACHINE_KILLED else {},
        replica=(len(copied), readable(_address(scene.other, REPLICA), copied)),
    )


@contextmanager
def _inflicted(scene: Scene, fault: Fault) -> Iterator[None]:
    """The fault comes; at the end a machine that was lost is back, and ready."""
    scene.begin()
    scene.happened(fault.value)
    if fault in COMMANDS:
        scene.victim.run(COMMANDS[fault])
        yield
        scene.end()
        return
    lost = cut_off if fault is Fault.MACHINE_CUT_OFF else off
    with lost(scene.cluster, scene.victim.name):
        yield
        scene.end()
        scene.happened("it is back")


def _whole_again(scene: Scene) -> float:
    with healing():
        wait_for_members(*scene.cluster.nodes)
        wait_for_manager(scene.manager, *scene.cluster.nodes)
    return scene.happened("the cluster is whole again")


def _kept(scene: Scene, fault: Fault, contestant: Contestant, keeper: str) -> Kept:
    # Docker's policy has had its time. The manager may still have to end a second server, to which clients went back
    # when its machine was on the network again and its sidekick announced it anew.
    patience = CALM_SECONDS if contestant is MANAGED else 0
    settled(lambda: scene.is_calm(contestant), bool, seconds=patience)
    before, last = scene.before(contestant), scene.answers[contestant].changes[-1][1]
    return Kept(
        story=scene.story(fault.value, contestant, keeper),
        was=before.machine if isinstance(before, Answer) else "",
        now=last.machine if isinstance(last, Answer) else "",
        servers=scene.running(contestant),
    )


def _copied(scene: Scene) -> list[int]:
    """The writes that the replica has: it gets each some time after it was acknowledged (redis.io, replication)."""
    numbers = scene.clients[MANAGED].acknowledged_before(float("inf"))

    def there() -> bool:
        return readable(_address(scene.other, REPLICA), numbers) == len(numbers)

    wait_until(there, f"{scene.other}: the replica has what was written", seconds=START_SECONDS)
    return numbers


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
