"""Facts about CoreOS and Docker: what the tools that come with CoreOS are said to do, shown on the cluster's nodes."""

from collections.abc import Iterator

import pytest
import yaml

from fixtures.claims import as_written, claim
from testbed.cluster import Cluster
from testbed.lone_etcd import lone_etcd
from testbed.machine import Machine
from testbed.managers import Manager, Service
from testbed.preparation import USER_DATA
from testbed.transcript import Result
from testbed.wait import settled
from tests.cluster.failover.drill import Drill, Fault
from tests.cluster.failover.reading import after
from tests.cluster.quorum_drill import GROUP, QuorumDrill, status
from tests.cluster.reboot_drill import GROUP as REBOOT
from tests.cluster.reboot_drill import Reboot
from tests.cluster.steps import do

IMAGE = "pipeline"
NOT_FOUND = 100
NAP = Service("nap", "busybox", ("sleep", "1000"))
PLACED_SECONDS = 30
DOCKERFILE = "FROM busybox\\nRUN echo built > /result"


@pytest.fixture
def moved(boot2docker: Machine, core_01: Machine, core_03: Machine) -> dict[Machine, str]:
    """The image's ID on each machine: built and tested on boot2docker, moved to core-01 and from there to core-03."""
    _build(boot2docker)
    do(boot2docker, f"docker run --rm {IMAGE} grep built /result")
    for origin, target in ((boot2docker, core_01), (core_01, core_03)):
        do(origin, f"docker save {IMAGE} | docker -H tcp://{target.address}:2375 load")
    machines = (boot2docker, core_01, core_03)
    return {machine: str(machine.docker.images.get(IMAGE).id) for machine in machines}


def _build(machine: Machine) -> Result:
    return machine.run(f"printf '{DOCKERFILE}' | docker build --no-cache -t {IMAGE} -")


@claim("coreos-facts.build-test-move")
@pytest.mark.usefixtures("tidy")
def test_an_image_that_is_moved_stays_the_same_and_one_built_again_does_not(moved: dict[Machine, str], core_03: Machine) -> None:
    """`docker build`, test, move to the next stage: `docker save`, and there `docker load`."""
    seen = {machine.name: image for machine, image in moved.items()}
    assert len(set(seen.values())) == 1, f"expected one image ID on all machines, but saw {seen}"
    again = _build(core_03)
    assert core_03.docker.images.get(IMAGE).id not in moved.values(), again.expected(f"another image ID than {moved}")


@as_written("coreos-facts.cluster-3-or-more", fails_with='"action":"set"')
def test_fewer_than_three_make_no_cluster(node: Machine) -> None:
    """One etcd by itself would then take no writes."""
    with lone_etcd(node, "--enable-v2") as alone:
        put = alone.run("curl -sL http://127.0.0.1:2379/v2/keys/mykey -XPUT -d value=alone")
    assert '"errorCode"' in put.stdout, put.expected("the write to be refused")


@claim("coreos-facts.cluster-3-or-more")
@GROUP
def test_three_survive_the_loss_of_one(quorum_drill: QuorumDrill) -> None:
    """And not the loss of two."""
    one, two = quorum_drill.put_after_one_loss, quorum_drill.after_two_losses.put
    assert one.json().get("action") == "set", one.expected("a write with two members of three")
    assert two.json().get("errorCode") == 300, two.expected("no write with one member of three")


@claim("coreos-facts.cluster-3-or-more")
def test_the_cluster_is_its_nodes(quorum: tuple[Machine, ...]) -> None:
    """Every node is a voting member of etcd, and there is no other."""
    names = sorted(node.name for node in quorum)
    for node in quorum:
        members = node.run("etcdctl member list -w json")
        seen = sorted(member.get("name", "") for member in members.json()["members"] if not member.get("isLearner"))
        assert seen == names, members.expected(f"the members {names}")


@pytest.fixture
def folder(keys: tuple[Machine, ...]) -> Iterator[str]:
    """The URL of a folder for keys, on every node; it is removed at the end with all that is in it."""
    url = "http://127.0.0.1:4001/v2/keys/folder"
    yield url
    keys[0].run(f"curl -sL {url}?recursive=true -XDELETE")


@claim("coreos-facts.etcd-replicated")
def test_what_one_member_writes_every_member_has(keys: tuple[Machine, ...], folder: str) -> None:
    """Each member writes once; each member's own store is read, after it has caught up (`quorum=true`)."""
    for writer in keys:
        put = writer.run(f"curl -sL {folder}/copied -XPUT -d value={writer.name}")
        for reader in keys:
            read = reader.run(f"curl -sL {folder}/copied?quorum=true")
            assert read.json().get("node") == put.json()["node"], read.expected(f"what {writer} wrote, {put.stdout}")


@claim("coreos-facts.etcd-replicated")
@GROUP
def test_a_member_that_was_away_gets_what_it_missed(quorum_drill: QuorumDrill) -> None:
    """The first leader was down when this was written."""
    put, read = quorum_drill.put_without_first_leader, quorum_drill.missed_by_first_leader
    assert read.json().get("node") == put.json()["node"], read.expected(f"what was written meanwhile, {put.stdout}")


@claim("coreos-facts.etcd-key-value")
def test_a_key_is_set_replaced_and_read(keys: tuple[Machine, ...], folder: str) -> None:
    """`curl -XPUT -d value=...` twice, then a plain `curl`."""
    first = keys[0].run(f"curl -sL {folder}/key -XPUT -d value=first")
    second = keys[0].run(f"curl -sL {folder}/key -XPUT -d value=second")
    read = keys[0].run(f"curl -sL {folder}/key")
    assert first.json().get("action") == "set", first.expected("the key to be created")
    assert second.json().get("prevNode") == first.json()["node"], second.expected("the value that was replaced")
    assert read.json().get("node") == second.json()["node"], read.expected("the second value")


@claim("coreos-facts.etcd-key-value")
def test_a_folder_lists_its_keys_until_they_are_deleted(keys: tuple[Machine, ...], folder: str) -> None:
    """`curl -XPUT` of three, `-XDELETE` of one."""
    for name in ("a", "b", "c"):
        keys[0].run(f"curl -sL {folder}/{name} -XPUT -d value={name}")
    keys[0].run(f"curl -sL {folder}/b -XDELETE")
    listing = keys[0].run(f"curl -sL {folder}?sorted=true")
    values = [node["value"] for node in listing.json()["node"]["nodes"]]
    assert values == ["a", "c"], listing.expected("the keys a and c")


@claim("coreos-facts.etcd-key-value")
def test_a_key_expires(keys: tuple[Machine, ...], folder: str) -> None:
    """`curl -XPUT -d value=... -d ttl=1`."""
    put = keys[0].run(f"curl -sL {folder}/short -XPUT -d value=short -d ttl=1")
    read = settled(
        lambda: keys[0].run(f"curl -sL {folder}/short"), lambda answer: answer.json().get("errorCode") == NOT_FOUND, seconds=5
    )
    assert put.json()["node"].get("ttl") == 1, put.expected("a key that lives for one second")
    assert read.json().get("errorCode") == NOT_FOUND, read.expected(f"errorCode {NOT_FOUND}, key not found")


@claim("coreos-facts.etcd-raft")
def test_the_members_agree_on_one_leader_and_term(quorum: tuple[Machine, ...]) -> None:
    """`etcdctl endpoint status`, on every node."""
    seen = {node.name: status(node) for node in quorum}
    leaders = {member.leader for member in seen.values()}
    assert len(leaders) == 1, f"expected one leader for all members, but saw {seen}"
    assert leaders <= {member.member for member in seen.values()}, f"expected a leader among the members, but saw {seen}"
    assert len({member.term for member in seen.values()}) == 1, f"expected one term for all members, but saw {seen}"


@claim("coreos-facts.etcd-raft")
@GROUP
def test_when_the_leader_fails_another_takes_over(quorum_drill: QuorumDrill) -> None:
    """In a later term, while the first leader is still down."""
    before, back = quorum_drill.before, quorum_drill.back
    assert back.leader not in (0, before.leader), f"expected another leader than in {before}, but saw {back}"
    assert back.term > before.term, f"expected a later term than in {before}, but saw {back}"


@claim("coreos-facts.systemd-startup")
@REBOOT
def test_systemd_starts_what_is_enabled_when_a_node_boots(reboot: Reboot) -> None:
    """After `sudo reboot`, with no command of ours; process 1 is systemd."""
    assert reboot.first.stdout.strip() == "systemd", reboot.first.expected("systemd as process 1")
    assert reboot.active.stdout.split() == ["active"] * 4, reboot.active.expected("all four to be active")


@pytest.fixture
def every_second(node: Machine) -> Iterator[str]:
    """A file to which a timer adds the time every second."""
    file = "/run/every-second"
    timer = "--unit=every-second --on-calendar=*:*:* --timer-property=AccuracySec=1ms"
    node.run(f"sudo systemd-run {timer} sh -c 'date +%s >>{file}'")
    yield file
    node.run(f"sudo systemctl stop every-second.timer; sudo rm -f {file}")


@claim("coreos-facts.systemd-cron-like")
def test_a_timer_runs_its_job_at_the_times_it_was_given(node: Machine, every_second: str) -> None:
    """`OnCalendar=*:*:*`, every second."""
    times = settled(lambda: node.run(f"cat {every_second}"), lambda file: len(file.stdout.split()) > 3, seconds=10, every=0.5)
    seconds = [int(time) for time in times.stdout.split()]
    assert len(seconds) > 3, times.expected("four lines within ten seconds")
    assert 2 <= seconds[3] - seconds[0] <= 5, times.expected("a line a second, on a slow machine with a delay")


@as_written("coreos-facts.systemd-cloud-config", fails_with="cloud-init")
def test_systemd_itself_applies_the_cloud_config(node: Machine) -> None:
    """The program that did it would be one of systemd's own."""
    applied = node.run("systemctl show -P ExecStart cloud-init-local")
    assert "path=/lib/systemd/" in applied.stdout, applied.expected("a program of systemd")


@claim("coreos-facts.systemd-cloud-config")
@pytest.mark.shared
@pytest.mark.usefixtures("quorum")
def test_a_unit_at_boot_has_applied_the_cloud_config(nodes: tuple[Machine, ...], the_cluster: Cluster) -> None:
    """The units of `user-data` run, and etcd has its settings, on every node; fleet's, where its programs are there."""
    wanted = yaml.safe_load(USER_DATA.read_text())["coreos"]
    absent = "fleet." if the_cluster.manager_name != "fleet" else "none"
    units = [unit["name"] for unit in wanted["units"] if not unit["name"].startswith(absent)]
    for node in nodes:
        result = node.run("systemctl show -P Result cloud-init-local")
        assert result.stdout.strip() == "success", result.expected("success")
        active = node.run(f"systemctl is-active {' '.join(units)}")
        assert active.stdout.split() == ["active"] * len(units), active.expected(f"{units} to be active")
        settings = node.run("systemctl show -P Environment etcd2")
        assert f"ETCD_DISCOVERY={wanted['etcd2']['discovery']}" in settings.stdout.split(), settings.expected("user-data's URL")


@claim("coreos-facts.fleetd-cluster-manager")
def test_manager_places_a_service_and_every_node_knows_where(manager: Manager, nodes: tuple[Machine, ...]) -> None:
    """A service is given to the manager with no machine named; each node is asked where it is."""
    manager.start(NAP)
    chosen = settled(lambda: manager.where(NAP.name), bool, seconds=PLACED_SECONDS)
    names = " or ".join(node.name for node in nodes)
    assert len(chosen) == 1, f"{manager.name}: expected {names}, but saw {chosen}: {manager.status(NAP.name)}"
    for node in nodes:
        told = manager.seen_from(node).where(NAP.name)
        assert told == chosen, f"{node}: expected {manager.name} to say {chosen}, but it says {told}"


@claim("coreos-facts.fleetd-cluster-manager")
@after(Fault.MACHINE_KILLED)
def test_manager_starts_a_lost_machines_service_elsewhere(drill: Drill) -> None:
    """The machine that the manager chose is killed."""
    managed = drill.managed
    assert managed.now not in ("", managed.was), managed.expected("another machine to serve")


@claim("coreos-facts.promoted-exact-image")
@pytest.mark.shared
def test_a_release_has_its_channel_in_its_version(node: Machine) -> None:
    """A release of another channel is another build: MAJOR.0 is alpha, .1 beta, .2 stable, .3 long-term."""
    release = node.run(". /etc/os-release; . /usr/share/flatcar/update.conf; echo $VERSION_ID $GROUP")
    version, channel = release.stdout.split()
    assert channel == ("alpha", "beta", "stable", "lts")[int(version.split(".")[1])], release.expected("the version's channel")
