"""A cluster of three: the sample files, the discovery token, and what a node is made of."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from fixtures.claims import as_written, claim
from testbed import discovery, host, paths
from testbed.cluster import Cluster
from testbed.machine import Machine
from testbed.transcript import Result

PUBLIC = "https://discovery.etcd.io"
SAMPLES = ("config.rb.sample", "user-data.sample")
CLIENTS, PEERS = 12379, 12380


@dataclass(frozen=True)
class Member:
    """An etcd beside the node's own, with other ports."""

    node: Machine
    name: str

    def start(self, discovery_url: str) -> Result:
        """Start it; the result has its exit code, 0 when it serves, and its log."""
        clients, peers = (f"http://{self.node.address}:{port}" for port in (CLIENTS, PEERS))
        etcd = f"etcd --enable-v2 --name {self.name} --data-dir /tmp/{self.name} --discovery {discovery_url}"
        etcd += f" --listen-client-urls {clients} --advertise-client-urls {clients}"
        etcd += f" --listen-peer-urls {peers} --initial-advertise-peer-urls {peers}"
        return self.node.run(
            f"sudo systemd-run --quiet --collect --unit={self.name} -p Type=notify {etcd}; code=$?; "
            f"sudo journalctl --sync; sudo journalctl --no-pager -o cat -u {self.name}; exit $code"
        )


@pytest.fixture
def member(node: Machine) -> Iterator[Member]:
    """An etcd that can be started on any one node; at the end it is gone with its data."""
    name = f"member-{uuid.uuid4().hex[:8]}"
    yield Member(node, name)
    node.run(f"sudo systemctl stop {name}; sudo rm -rf /tmp/{name}")


@pytest.fixture
def service(the_cluster: Cluster) -> str:
    """The discovery service, which the testbed runs in place of discovery.etcd.io."""
    return the_cluster.services.discovery


def _git(arguments: str) -> Result:
    return host.run(f"git {arguments}")


@claim("cluster.sample-files")
@pytest.mark.parametrize("name", SAMPLES)
def test_samples_come_with_the_project(name: str) -> None:
    """`The CoreOS/Vagrant installer includes sample files`."""
    listed = _git(f"ls-files {name}")
    assert listed.stdout.split() == [name], listed.expected(f"{name} among what git tracks")


@claim("cluster.sample-files")
def test_copies_of_the_samples_stay_out_of_git() -> None:
    """`cp config.rb.sample config.rb` and `cp user-data.sample user-data` change nothing that git tracks."""
    ignored = _git("check-ignore config.rb user-data")
    assert ignored.stdout.split() == ["config.rb", "user-data"], ignored.expected("both copies to be ignored")


@claim("cluster.cmd-cp-user-data")
def test_sample_of_user_data_is_a_cloud_config(tmp_path: Path) -> None:
    """`cp user-data.sample user-data`."""
    copy = tmp_path / "user-data"
    copied = host.run(f"cp user-data.sample {copy} && cat {copy}")
    assert copied.stdout.startswith("#cloud-config\n"), copied.expected("#cloud-config in the first line")
    assert "coreos" in yaml.safe_load(copied.stdout), copied.expected("a section coreos")


@claim("cluster.user-data-modelled-on-cloud-config")
@pytest.mark.shared
def test_cloud_init_takes_the_sample(node: Machine) -> None:
    """`The file is modelled a after the cloud-config file`: the node's own reader knows it."""
    judged = _judged(node, (paths.ROOT / "user-data.sample").read_text())
    assert judged.rc == 0, judged.expected("a valid cloud-config")


@claim("cluster.user-data-modelled-on-cloud-config")
@pytest.mark.shared
def test_cloud_init_refuses_the_sample_without_its_header(node: Machine) -> None:
    """Without its first line the file is no cloud-config."""
    judged = _judged(node, (paths.ROOT / "user-data.sample").read_text().replace("#cloud-config", "# my cloud", 1))
    assert judged.rc != 0, judged.expected("an exit code that is not 0")
    assert "#cloud-config" in judged.stdout + judged.stderr, judged.expected("the missing header by name")


@claim("cluster.user-data-is-yml")
@pytest.mark.shared
def test_a_tab_in_user_data_is_an_error_with_its_line(node: Machine) -> None:
    """`Notice that the file in the yml format`: a tab before `discovery:` is none."""
    text = (paths.ROOT / "user-data.sample").read_text().replace("    discovery:", "\tdiscovery:", 1)
    line = text[: text.index("\tdiscovery:")].count("\n") + 1
    judged = _judged(node, text)
    assert judged.rc != 0, judged.expected("an exit code that is not 0")
    assert f"line {line}" in judged.stdout + judged.stderr, judged.expected(f"line {line} by its number")


def _judged(node: Machine, user_data: str) -> Result:
    return node.run(f"cloud-init schema --config-file /dev/stdin <<'END'\n{user_data}\nEND")


@as_written("cluster.cmd-discovery-new", fails_with="expected a discovery URL")
@pytest.mark.shared
def test_public_service_gives_a_discovery_url(node: Machine) -> None:
    """`curl https://discovery.etcd.io/new`."""
    new = node.run(f"curl -sS --max-time 10 {PUBLIC}/new")
    assert discovery.PUBLIC in new.stdout, new.expected("a discovery URL")


@claim("cluster.cmd-discovery-new")
@pytest.mark.shared
def test_the_same_service_of_our_own_gives_a_discovery_url(node: Machine, service: str) -> None:
    """`curl https://discovery.etcd.io/new`, from the testbed's service: a token for three."""
    size = node.run(f"url=$(curl -s {service}/new); echo $url >&2; curl -s $url/_config/size")
    assert size.json()["node"]["value"] == "3", size.expected("a URL, and 3 for its size")


@claim("cluster.discovery-url-is-unique")
@pytest.mark.shared
def test_each_request_gives_another_discovery_url(node: Machine, service: str) -> None:
    """`you need a new key`: so /new gives none twice."""
    new = node.run(f"for i in $(seq 20); do curl -s {service}/new; echo; done")
    assert len(set(new.stdout.split())) == 20, new.expected("20 different URLs")


@claim("cluster.need-etcd-key")
def test_a_fresh_token_starts_a_member(member: Member, service: str) -> None:
    """`The first thing you need is key for ETCD`."""
    started = member.start(discovery.fresh_url(service, size=1))
    assert started.rc == 0, started.expected("etcd to serve")


@claim("cluster.need-etcd-key")
def test_an_invented_token_starts_none(member: Member, service: str) -> None:
    """A token that /new did not give is no key."""
    started = member.start(f"{service}/{uuid.uuid4().hex}")
    assert "failed to join discovery cluster" in started.stdout, started.expected("etcd to fail to join")


@claim("cluster.each-core-uses-key")
@pytest.mark.shared
def test_members_are_registered_below_the_key(quorum: tuple[Machine, ...], core_01: Machine, the_cluster: Cluster) -> None:
    """`Each core instance of etcd uses this to identify the cluster`: the token's entries are the members' IDs."""
    seen = core_01.run(f"curl -s {the_cluster.discovery_url}; curl -s http://127.0.0.1:2379/v2/members")
    token, members = (json.loads(line) for line in seen.stdout.splitlines())
    registered = {entry["key"].rpartition("/")[2] for entry in token["node"]["nodes"]}
    assert registered == {one["id"] for one in members["members"]}, seen.expected(f"the {len(quorum)} members' IDs twice")


@claim("cluster.each-core-uses-key")
@pytest.mark.shared
def test_all_nodes_have_the_same_key(nodes: tuple[Machine, ...], the_cluster: Cluster) -> None:
    """`Each core instance of etcd uses this to identify the cluster`."""
    for node in nodes:
        environment = node.run("systemctl show etcd2 --property=Environment")
        wanted = f"ETCD_DISCOVERY={the_cluster.discovery_url}"
        assert wanted in environment.stdout.split(), environment.expected(wanted)


@as_written("cluster.discovery-line", fails_with="bad discovery endpoint")
def test_the_answer_belongs_behind_the_service_s_url(member: Member, service: str) -> None:
    """`discovery: https://discovery.etcd.io/<replace this with the from the step above>`."""
    started = member.start(f"{service}/{discovery.fresh_url(service, size=1)}")
    assert started.rc == 0, started.expected("etcd to serve")


@claim("cluster.discovery-line")
def test_the_answer_is_the_whole_value(member: Member, service: str) -> None:
    """`discovery:` and what /new answered, nothing before it."""
    started = member.start(discovery.fresh_url(service, size=1))
    assert started.rc == 0, started.expected("etcd to serve")


@as_written("cluster.add-fourth-node", fails_with="falling back to proxy")
@pytest.mark.usefixtures("quorum")
def test_a_fourth_node_becomes_a_member(member: Member, the_cluster: Cluster) -> None:
    """`$num_instances=4`, `vagrant up`: one more etcd with the cluster's token."""
    started = member.start(the_cluster.discovery_url)
    assert "starting peer" in started.stdout, started.expected("it to become a member")


@claim("cluster.add-fourth-node")
def test_a_fourth_node_serves_the_keys_and_is_no_member(
    member: Member, quorum: tuple[Machine, ...], the_cluster: Cluster
) -> None:
    """The token is full: `discovery cluster full, falling back to proxy`."""
    member.start(the_cluster.discovery_url)
    seen = member.node.run(f"curl -s http://{member.node.address}:{CLIENTS}/v2/members")
    names = {one["name"] for one in seen.json()["members"]}
    assert names == {node.name for node in quorum}, seen.expected("the members as before, from the fourth node")
