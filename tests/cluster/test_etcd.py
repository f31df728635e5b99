"""etcd by hand: the texts' curl commands, on one node and then on another; and what the quorum is worth."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from fixtures.claims import as_written, claim
from fixtures.machines import leased
from testbed.cluster import Cluster
from testbed.faults import blocked
from testbed.leases import KEYS, QUORUM, Use
from testbed.lone_etcd import LoneEtcd, lone_etcd
from testbed.machine import Machine
from testbed.transcript import Result
from testbed.wait import settled
from tests.cluster.quorum_drill import GROUP, QuorumDrill, status

VERSION = "curl -L http://127.0.0.1:4001/version"
MACHINES = "curl -L http://127.0.0.1:4001/v2/machines"
LEADER = "curl -L http://127.0.0.1:4001/v2/leader"
MYKEY = "curl -L http://127.0.0.1:4001/v2/keys/mykey"
DELETE = f"{MYKEY} -XDELETE"
PUT = f'{MYKEY} -XPUT -d value="this is awesome"'
NOT_FOUND = 100
RAFT_ERROR = 300
CURL_TIMED_OUT = 28


@pytest.fixture
def as_installed(node: Machine) -> Iterator[LoneEtcd]:
    """An etcd started without a single flag."""
    with lone_etcd(node) as etcd:
        yield etcd


@pytest.fixture
def old_mykey(keys: tuple[Machine, ...]) -> Iterator[None]:
    """`mykey` is there and has the value `old`."""
    keys[0].run(f"{MYKEY} -XPUT -d value=old")
    yield
    keys[0].run(DELETE)


@as_written("etcd.version", fails_with='"etcdserver"')
def test_version_is_a_plain_line(quorum: tuple[Machine, ...]) -> None:
    """`curl -L http://127.0.0.1:4001/version` answered `etcd 0.4.6`."""
    version = quorum[0].run(VERSION)
    assert version.stdout.startswith("etcd "), version.expected("a plain line of text")


@claim("etcd.version")
def test_version_is_json_and_the_same_on_every_node(quorum: tuple[Machine, ...]) -> None:
    """`curl -L http://127.0.0.1:4001/version`."""
    of_first, *of_others = (node.run(VERSION) for node in quorum)
    assert of_first.json().keys() == {"etcdserver", "etcdcluster"}, of_first.expected("the versions of server and cluster")
    for version in of_others:
        assert version.json() == of_first.json(), version.expected(f"the version of {of_first.machine}, {of_first.stdout}")


@as_written("etcd.port-4001", fails_with="Failed to connect to 127.0.0.1 port 4001")
def test_etcd_as_installed_serves_port_4001(as_installed: LoneEtcd) -> None:
    """`curl -L http://127.0.0.1:4001/version`, on an etcd that nobody told to listen there."""
    version = as_installed.run(VERSION)
    assert version.rc == 0, version.expected("an answer")


@claim("etcd.port-4001")
def test_4001_answers_like_2379_on_every_node_from_every_node(quorum: tuple[Machine, ...]) -> None:
    """`curl -L http://127.0.0.1:4001/version`, by both ports and by every address."""
    addresses = " ".join(["127.0.0.1", *(node.address for node in quorum)])
    for node in quorum:
        both = node.run(f"for a in {addresses}; do curl -sSf http://$a:2379/version http://$a:4001/version -w '\\n'; done")
        lines = both.stdout.split()
        assert len(lines) == 2 * (len(quorum) + 1), both.expected("an answer of each address on each port")
        assert set(lines) == {lines[0]}, both.expected("the same answer everywhere")


@claim("etcd.machines")
def test_every_node_lists_the_machines(quorum: tuple[Machine, ...]) -> None:
    """`curl -L http://127.0.0.1:4001/v2/machines`, on core-01 and then on core-02."""
    urls = {f"http://{node.address}:2379" for node in quorum}
    for node in quorum:
        machines = node.run(MACHINES)
        assert set(machines.stdout.split(", ")) == urls, machines.expected(f"the nodes' client URLs, {sorted(urls)}")


@as_written("etcd.leader", fails_with="404 page not found")
def test_leader_is_asked_for_at_v2_leader(quorum: tuple[Machine, ...]) -> None:
    """`curl -L http://127.0.0.1:4001/v2/leader`."""
    leader = quorum[0].run(LEADER)
    assert "http://" in leader.stdout, leader.expected("the leader's URL")


@claim("etcd.leader")
def test_every_node_names_the_same_member_as_leader(quorum: tuple[Machine, ...]) -> None:
    """What replaced `/v2/leader`: `/v2/members/leader` and `/v2/stats/self`."""
    members = quorum[0].run("curl -L http://127.0.0.1:4001/v2/members").json()["members"]
    leader = quorum[0].run("curl -L http://127.0.0.1:4001/v2/members/leader")
    assert leader.json() in members, leader.expected(f"one of the members {members}")
    for node in quorum:
        itself = node.run("curl -L http://127.0.0.1:4001/v2/stats/self")
        assert itself.json()["leaderInfo"]["leader"] == leader.json()["id"], itself.expected(f"the leader {leader.stdout}")


@dataclass(frozen=True)
class Exercise:
    """The answers to the texts' commands, in their order."""

    clean: Result
    put: Result
    got: Result
    on_core_02: Result
    deleted: Result
    on_core_01: Result
    still_on_core_02: Result


@pytest.fixture(scope="module")
def exercise(the_cluster: Cluster) -> Exercise:
    """A key cleaned, created and read on core-01, read and deleted on core-02, looked for on both."""
    with leased(the_cluster, (), Use.SHARED, {QUORUM: Use.SHARED, KEYS: Use.ALONE}):
        core_01, core_02, *_ = the_cluster.nodes
        return Exercise(
            core_01.run(DELETE),
            core_01.run(PUT),
            core_01.run(MYKEY),
            _once(core_02, MYKEY, '"value"'),
            core_02.run(DELETE),
            _once(core_01, MYKEY, '"errorCode"'),
            core_02.run(MYKEY),
        )


def _once(machine: Machine, command: str, wanted: str) -> Result:
    """The answer, once it holds `wanted`, or that of two seconds later: a member may be a heartbeat behind."""
    return settled(lambda: machine.run(command), lambda answer: wanted in answer.stdout, seconds=2)


EXERCISE = pytest.mark.xdist_group("etcd-exercise")


@claim("etcd.delete-missing-key")
@EXERCISE
def test_deleting_a_missing_key_says_so_and_curl_succeeds(exercise: Exercise) -> None:
    """`curl -L http://127.0.0.1:4001/v2/keys/mykey -XDELETE`, on core-01, where no such key is yet."""
    clean = exercise.clean
    assert clean.json().get("errorCode") == NOT_FOUND, clean.expected(f"errorCode {NOT_FOUND}, key not found")
    assert clean.rc == 0, clean.expected("curl's exit code 0")


@claim("etcd.put-key")
@EXERCISE
def test_put_creates_mykey_with_the_sentence(exercise: Exercise) -> None:
    """`curl -L http://127.0.0.1:4001/v2/keys/mykey -XPUT -d value="this is awesome"`, on core-01."""
    put = exercise.put.json()
    assert put.get("action") == "set", exercise.put.expected("action set")
    assert put["node"]["value"] == "this is awesome", exercise.put.expected("the sentence as the value")
    assert "prevNode" not in put, exercise.put.expected("a key that was created, not replaced")


@claim("etcd.get-key")
@EXERCISE
def test_get_returns_the_sentence(exercise: Exercise) -> None:
    """`curl -L http://127.0.0.1:4001/v2/keys/mykey`, on core-01."""
    assert exercise.got.json().get("node") == exercise.put.json()["node"], exercise.got.expected("the key as it was put")


@claim("etcd.replicated-to-core-02")
@EXERCISE
def test_core_02_has_the_key_too(exercise: Exercise) -> None:
    """`curl -L http://127.0.0.1:4001/v2/keys/mykey`, on core-02."""
    on_core_02 = exercise.on_core_02
    assert on_core_02.json().get("node") == exercise.put.json()["node"], on_core_02.expected("the key as it was put on core-01")


@claim("etcd.delete-from-core-02")
@EXERCISE
def test_core_02_deletes_the_key(exercise: Exercise) -> None:
    """`curl -L http://127.0.0.1:4001/v2/keys/mykey -XDELETE`, on core-02."""
    deleted = exercise.deleted
    assert deleted.json().get("action") == "delete", deleted.expected("action delete")
    assert deleted.json()["prevNode"]["value"] == "this is awesome", deleted.expected("the value that went with the key")


@claim("etcd.deleted-on-core-01")
@EXERCISE
def test_the_key_is_gone_on_core_01(exercise: Exercise) -> None:
    """`curl -L http://127.0.0.1:4001/v2/keys/mykey`, on core-01."""
    on_core_01 = exercise.on_core_01
    assert on_core_01.json().get("errorCode") == NOT_FOUND, on_core_01.expected(f"errorCode {NOT_FOUND}, key not found")


@claim("etcd.still-deleted-on-core-02")
@EXERCISE
def test_the_key_stays_deleted_on_core_02(exercise: Exercise) -> None:
    """`curl -L http://127.0.0.1:4001/v2/keys/mykey`, on core-02."""
    still = exercise.still_on_core_02
    assert still.json().get("errorCode") == NOT_FOUND, still.expected(f"errorCode {NOT_FOUND}, key not found")


@claim("etcd.still-deleted-on-core-02")
@GROUP
def test_no_restart_brings_a_deleted_key_back(quorum_drill: QuorumDrill) -> None:
    """The same after each member has crashed and come back."""
    for read in quorum_drill.deleted:
        assert read.json().get("errorCode") == NOT_FOUND, read.expected(f"errorCode {NOT_FOUND}, key not found")


@claim("etcd.survives-restart")
@GROUP
def test_keys_survive_a_crash_of_every_member(quorum_drill: QuorumDrill) -> None:
    """All members were down at once, killed by SIGKILL."""
    for read in quorum_drill.kept:
        assert read.json().get("node", {}).get("value") == "kept", read.expected("the value put before the crash")


@claim("etcd.stale-read-without-quorum")
@GROUP
@pytest.mark.parametrize("request_for", ["put", "delete", "quorum_read"])
def test_without_a_majority_it_is_refused(quorum_drill: QuorumDrill, request_for: str) -> None:
    """One member of three is left; it answers after its time-out of ten seconds."""
    refused: Result = getattr(quorum_drill.after_two_losses, request_for)
    assert refused.json().get("errorCode") == RAFT_ERROR, refused.expected(f"errorCode {RAFT_ERROR}, Raft Internal Error")


@claim("etcd.stale-read-without-quorum")
@GROUP
def test_a_refused_write_is_not_made_up_for_later(quorum_drill: QuorumDrill) -> None:
    """The key that was refused is not there when the majority is back."""
    for read in quorum_drill.refused:
        assert read.json().get("errorCode") == NOT_FOUND, read.expected(f"errorCode {NOT_FOUND}, key not found")


@claim("etcd.stale-read-without-quorum")
@GROUP
def test_a_plain_read_is_answered_without_a_majority(quorum_drill: QuorumDrill) -> None:
    """Out of what the one member that is left knows."""
    read = quorum_drill.after_two_losses.read
    assert read.json().get("node", {}).get("value") == "kept", read.expected("the last value it knows")


@claim("etcd.stale-read-without-quorum")
@pytest.mark.breaks_quorum
@pytest.mark.usefixtures("old_mykey")
def test_a_member_that_is_cut_off_answers_with_an_old_value(nodes: tuple[Machine, ...]) -> None:
    """The majority replaces a value meanwhile; the member's plain read does not know."""
    cut_off = next(node for node in nodes[1:] if status(node).leader != status(node).member)
    with blocked("INPUT -p tcp -m multiport --ports 2380,7001", cut_off):
        put = nodes[0].run(f"{MYKEY} -XPUT -d value=new")
        read = cut_off.run(MYKEY)
    assert put.json().get("action") == "set", put.expected("the majority to write")
    assert read.json()["node"]["value"] == "old", read.expected("the old value")


@as_written("etcd.v2-needs-flag", fails_with="404 page not found")
def test_curl_commands_work_on_etcd_as_installed(as_installed: LoneEtcd) -> None:
    """`curl -L http://127.0.0.1:4001/v2/keys/mykey -XPUT ...`, by the port that it listens on."""
    put = as_installed.run(PUT.replace("4001", "2379"))
    assert '"action"' in put.stdout, put.expected("a key that was set")


@claim("etcd.v2-needs-flag")
def test_every_node_serves_v2_and_was_told_to(quorum: tuple[Machine, ...]) -> None:
    """`enable-v2: true` in user-data."""
    for node in quorum:
        keys = node.run("curl -L http://127.0.0.1:4001/v2/keys")
        assert keys.json().get("action") == "get", keys.expected("a list of keys")
        told = node.run("sudo cat /proc/$(systemctl show -P MainPID etcd2)/environ | tr '\\0' '\\n'")
        assert "ETCD_ENABLE_V2=true" in told.stdout.splitlines(), told.expected("ETCD_ENABLE_V2=true")


FIND_HOST = r"export DOCKERHOST=`netstat -nr | grep '^0\.0\.0\.0' | awk '{print $2}'`"
MACHINES_OF_HOST = "curl -sSL --connect-timeout 3 http://${DOCKERHOST}:4001/v2/machines"
MYKEY_OF_HOST = "curl -sSL --connect-timeout 3 http://${DOCKERHOST}:4001/v2/keys/mykey"


def in_container(node: Machine, options: str, *commands: str) -> Result:
    """What the commands did in a container's shell; the image has netstat and curl."""
    lines = "\n".join(commands)
    return node.run(f"docker run --rm -i {options} curl sh <<'END'\n{lines}\nEND")


@claim("etcd.from-inside-container")
@pytest.mark.usefixtures("old_mykey")
def test_a_container_reaches_etcd_at_its_default_gateway(keys: tuple[Machine, ...], node: Machine) -> None:
    """`curl -L http://${DOCKERHOST}:4001/v2/keys/mykey -XPUT -d value="this is awesome"`, and the key read again."""
    # Not `docker network inspect bridge`: a gateway that the engine chose itself is not listed there until it has restarted.
    docker0 = node.run("ip -4 -o address show docker0 | awk '{print $4}' | cut -d/ -f1").stdout.strip()
    put = f'{MYKEY_OF_HOST} -XPUT -d value="this is awesome" -o /dev/null'
    inside = in_container(node, "", FIND_HOST, "echo $DOCKERHOST", MACHINES_OF_HOST, "echo", put, MYKEY_OF_HOST)
    gateway, machines, got = [*inside.stdout.splitlines(), "", "", ""][:3]
    assert gateway == docker0, inside.expected(f"docker0's address, {docker0}, as the gateway")
    assert len(machines.split(", ")) == len(keys), inside.expected("the machines of the cluster")
    assert '"value":"this is awesome"' in got, inside.expected("the sentence as the value")
    elsewhere = keys[-1].run(f"{MYKEY}?quorum=true")
    assert elsewhere.stdout.strip() == got, elsewhere.expected(f"the key as it was seen inside, {got}")


@claim("etcd.container-gateway-unreliable")
@pytest.mark.usefixtures("quorum")
@pytest.mark.parametrize("network", ["none", "host"])
def test_another_network_has_no_etcd_at_its_default_gateway(node: Machine, network: str) -> None:
    """`--network none` has no gateway, and that of `--network host` is the host's own, which is no node."""
    inside = in_container(node, f"--network {network}", FIND_HOST, MACHINES_OF_HOST)
    assert inside.rc != 0, inside.expected("curl to fail")


@claim("etcd.container-gateway-unreliable")
@pytest.mark.usefixtures("quorum")
def test_a_firewall_on_docker0_hides_etcd_from_containers(node: Machine) -> None:
    """The same line works without it."""
    without = in_container(node, "", FIND_HOST, MACHINES_OF_HOST)
    with blocked("INPUT -i docker0 -p tcp --dport 4001", node):
        behind = in_container(node, "", FIND_HOST, MACHINES_OF_HOST)
    assert ":2379" in without.stdout, without.expected("the machines of the cluster")
    assert behind.rc == CURL_TIMED_OUT, behind.expected("curl to time out")
