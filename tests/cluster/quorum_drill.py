"""The drill of the quorum: etcd's members crash one after the other until none is left, and come back. Two chapters read it."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from fixtures.machines import leased
from testbed.cluster import Cluster
from testbed.faults import crashed
from testbed.leases import KEYS, QUORUM, Use
from testbed.machine import Machine
from testbed.readiness import wait_for_members
from testbed.transcript import Result
from tests.cluster.background.outcome import of_drill

NAME = "quorum-drill"
GROUP = pytest.mark.xdist_group(NAME)
DRILL = "http://127.0.0.1:4001/v2/keys/drill"


@dataclass(frozen=True)
class Status:
    """A member as etcdctl sees it: its own id, whom it takes for the leader, and the term of raft."""

    member: int
    leader: int
    term: int


@dataclass(frozen=True)
class WithoutQuorum:
    """What one member of three answered."""

    put: Result
    delete: Result
    quorum_read: Result
    read: Result


@dataclass(frozen=True)
class QuorumDrill:
    """What was seen after each loss, and when the members came back, the first leader as the last."""

    before: Status
    put_after_one_loss: Result
    after_two_losses: WithoutQuorum
    back: Status
    kept: tuple[Result, ...]
    deleted: tuple[Result, ...]
    refused: tuple[Result, ...]
    put_without_first_leader: Result
    missed_by_first_leader: Result


@pytest.fixture(scope="session")
def quorum_drill(the_cluster: Cluster) -> QuorumDrill:
    """The drill, run once for all who read it."""
    return of_drill(NAME, lambda: run(the_cluster))


def run(cluster: Cluster) -> QuorumDrill:
    """The drill, on the members of all nodes."""
    with leased(cluster, (), Use.ALONE, {QUORUM: Use.ALONE, KEYS: Use.ALONE}):
        seen = _drill(cluster.nodes)
        cluster.nodes[0].run(f"curl -sL {DRILL}?recursive=true -XDELETE")
        return seen


def status(member: Machine) -> Status:
    """The member's own view."""
    answer = member.run("etcdctl endpoint status -w json")
    members = answer.json()
    assert members, answer.expected("a member that tells its status")
    seen = members[0]["Status"]
    return Status(seen["header"]["member_id"], seen["leader"], seen["raftTerm"])


def _drill(members: tuple[Machine, ...]) -> QuorumDrill:
    """Followers crash as long as a majority is left (one of three), then the leader does, then the rest."""
    before = {member: status(member) for member in members}
    leader = next(member for member, seen in before.items() if seen.member == seen.leader)
    followers = [member for member in members if member is not leader]
    spare = (len(members) - 1) // 2
    survivor = followers[spare]
    _put(survivor, "kept")
    _put(survivor, "deleted")
    survivor.run(f"curl -sL {DRILL}/deleted -XDELETE")
    with ExitStack() as leader_back, ExitStack() as followers_back:
        followers_back.enter_context(crashed("etcd2", *followers[:spare]))
        put_after_one_loss = _put(survivor, "kept")
        leader_back.enter_context(crashed("etcd2", leader))
        after_two_losses = _without_quorum(survivor)
        followers_back.enter_context(crashed("etcd2", *followers[spare:]))
        followers_back.close()
        wait_for_members(*followers)
        return QuorumDrill(
            before=before[survivor],
            put_after_one_loss=put_after_one_loss,
            after_two_losses=after_two_losses,
            back=status(survivor),
            kept=tuple(_read(member, "kept") for member in followers),
            deleted=tuple(_read(member, "deleted") for member in followers),
            refused=tuple(_read(member, "refused") for member in followers),
            put_without_first_leader=_put(survivor, "missed"),
            missed_by_first_leader=_after(leader_back, leader, "missed"),
        )


def _after(back: ExitStack, member: Machine, key: str) -> Result:
    back.close()
    wait_for_members(member)
    return _read(member, key)


def _without_quorum(member: Machine) -> WithoutQuorum:
    """Each refusal takes ten seconds, so all are asked for at once."""
    commands = (
        f"curl -sL {DRILL}/refused -XPUT -d value=refused",
        f"curl -sL {DRILL}/kept -XDELETE",
        f"curl -sL {DRILL}/kept?quorum=true",
        f"curl -sL {DRILL}/kept",
    )
    with ThreadPoolExecutor(len(commands)) as pool:
        return WithoutQuorum(*pool.map(member.run, commands))


def _put(member: Machine, key: str) -> Result:
    return member.run(f"curl -sL {DRILL}/{key} -XPUT -d value={key}")


def _read(member: Machine, key: str) -> Result:
    return member.run(f"curl -sL {DRILL}/{key}?quorum=true")
