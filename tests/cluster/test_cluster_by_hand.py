"""A cluster of three, made by hand: the workshop's commands in its order, in a checkout and with machines of their own."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fixtures.claims import as_written, claim
from testbed import host
from tests.cluster.background.outcome import of_drill
from tests.cluster.by_hand import GROUP, NAME, Section, opened
from tests.cluster.by_hand_seen import NODES, ByHand, Made, Settings, Unfilled

pytestmark = GROUP


@pytest.fixture(scope="module")
def section() -> Iterator[Section]:
    """The section on the cluster, typed once."""
    with ExitStack() as checkout:
        yield of_drill(NAME, lambda: checkout.enter_context(opened()))


@pytest.fixture
def settings(section: Section) -> Settings:
    """What Vagrant knew before there was a machine."""
    return section.settings


@pytest.fixture
def unfilled(section: Section) -> Unfilled:
    """The first `vagrant up`, too early."""
    return section.unfilled


@pytest.fixture
def by_hand(section: Section) -> ByHand:
    """What was seen from the first `vagrant up` that made machines to the last."""
    return section.by_hand


@pytest.fixture
def made(by_hand: ByHand) -> Made:
    """The cluster after its first `vagrant up`."""
    return by_hand.made


@pytest.fixture
def home(tmp_path: Path) -> str:
    """How a shell begins in a new home, where nothing was cloned yet."""
    return f"export HOME={tmp_path}; cd; "


@as_written("cluster.cmd-cd-coreos-vagrant", fails_with="No such file or directory")
def test_coreos_vagrant_is_there_to_change_into(home: str) -> None:
    """`cd ${HOME}/src/github.com/coreos/coreos-vagrant`, the first command of the section."""
    cd = host.run(home + "cd ${HOME}/src/github.com/coreos/coreos-vagrant")
    assert cd.rc == 0, cd.expected("exit code 0")


@as_written("cluster.clone-coreos-vagrant", fails_with="No such file or directory")
def test_mkdir_with_the_brace_before_the_dollar_makes_it_in_the_home(home: str) -> None:
    """`mkdir -p {$HOME}/src/github.com/coreos`."""
    made = host.run(home + "mkdir -p {$HOME}/src/github.com/coreos; ls ${HOME}/src/github.com/coreos")
    assert made.rc == 0, made.expected("the directory in the home")


@claim("cluster.clone-coreos-vagrant")
def test_mkdir_with_the_brace_behind_the_dollar_makes_it_in_the_home(home: str) -> None:
    """`mkdir -p ${HOME}/src/github.com/coreos`; the text's form makes a directory whose name begins with a brace."""
    made = host.run(home + "mkdir -p {$HOME}/x ${HOME}/src/github.com/coreos; ls -d ${HOME}/src/github.com/coreos {*")
    assert made.stdout.split()[1:] == ["{"], made.expected("the directory in the home, and one named {")


@claim("cluster.cmd-cd-coreos-vagrant")
def test_one_can_change_into_the_folder_that_the_project_was_cloned_to(settings: Settings) -> None:
    """`cd ${HOME}/src/github.com/coreos/coreos-vagrant`."""
    changed = settings.changed
    assert changed.stdout.endswith("/src/github.com/coreos/coreos-vagrant\n"), changed.expected("the folder of the clone")


@claim("cluster.cmd-cp-config")
def test_copied_sample_is_a_configuration_that_vagrant_takes(settings: Settings) -> None:
    """`cp config.rb.sample config.rb`, and Vagrant reads it."""
    assert settings.config.rc == 0, settings.config.expected("exit code 0")
    assert settings.copied.rc == 0, settings.copied.expected("exit code 0")


@claim("cluster.lines-might-be-commented")
def test_sample_changes_nothing_until_a_line_is_uncommented(settings: Settings) -> None:
    """`The lines might need to be uncommented`: as copied, the default of three nodes stands."""
    assert settings.as_copied == NODES, settings.copied.expected("three nodes")


@claim("cluster.edit-config-rb")
def test_uncommenting_num_instances_alone_changes_the_number_of_nodes(settings: Settings) -> None:
    """`edit the config.rb file`: the sample's line says `$num_instances=1`."""
    assert settings.with_one_line == NODES[:1], settings.edited.expected("core-01 alone")


@claim("cluster.samples-need-configuration")
def test_copied_user_data_starts_nothing_until_its_blank_is_filled(unfilled: Unfilled) -> None:
    """`cp user-data.sample user-data`, then `vagrant up`: it names the line that lacks the discovery URL."""
    refused = unfilled.said
    assert refused.rc != 0, refused.expected("an exit code that is not 0")
    assert "discovery URL is blank" in refused.stdout, refused.expected("the blank by name")


@claim("cluster.start-the-cluster")
def test_one_vagrant_up_starts_a_healthy_cluster(made: Made) -> None:
    """`vagrant up`."""
    assert made.up.rc == 0, made.up.expected("exit code 0")
    assert made.healthy == NODES, f"host: expected three members that become healthy, but saw {list(made.healthy)}"


@claim("cluster.num-instances-3")
def test_num_instances_3_gives_three_nodes(made: Made) -> None:
    """`$num_instances=3`."""
    assert tuple(made.containers) == NODES, f"host: expected core-01, core-02 and core-03, but saw {', '.join(made.containers)}"


@claim("cluster.paste-return-string")
def test_the_pasted_answer_is_what_every_etcd_gets(by_hand: ByHand) -> None:
    """`Take the return string and paste it into the user-data file`."""
    for environment in by_hand.made.environments:
        assert f"ETCD_DISCOVERY={by_hand.pasted}" in environment.stdout.split(), environment.expected(by_hand.pasted)


@claim("cluster.declarative-customization")
@pytest.mark.parametrize("what", ["user", "unit", "network"])
def test_cloud_config_declares_accounts_units_and_network(made: Made, what: str) -> None:
    """`users:`, `coreos: units:` and a unit named `*.network` in the pasted user-data."""
    assert what in made.declared.stdout.split(), made.declared.expected(f"the declared {what}")


@as_written("cluster.first-instance-slow", fails_with="the others took")
def test_first_node_takes_clearly_longer(made: Made) -> None:
    """`Notice that the first instance took a while to create.`"""
    first, *others = made.seconds
    assert first > 3 * max(others), f"host: expected core-01 to take much longer: it took {first} s, the others took {others} s"


@claim("cluster.first-instance-slow")
def test_no_node_waits_for_the_first(made: Made) -> None:
    """Vagrant makes docker machines side by side: the last one begins before the first is ready."""
    assert max(made.began) < min(made.ready), made.up.expected("all nodes to begin before one is ready")


@as_written("cluster.next-two-quick", fails_with="the first took")
def test_second_and_third_node_are_much_quicker(made: Made) -> None:
    """`And the second two very quickly.`"""
    first, *others = made.seconds
    assert max(others) < first / 3, f"host: expected core-02 and core-03 to be quick: {others} s, while the first took {first} s"


@claim("cluster.next-two-quick")
def test_no_node_waits_for_a_download_or_a_build(made: Made) -> None:
    """All nodes are made of one image, which is there already."""
    images = made.of_nodes("Config", "Image")
    assert len(set(images)) == 1, f"host: expected one image for all nodes, but saw {images}"
    assert not {"Pulling", "Building"} & set(made.up.stdout.split()), made.up.expected("nothing to be pulled or built")


@as_written("cluster.vb-memory-1024", fails_with="MemTotal")
def test_node_has_1024_mb_of_memory(made: Made) -> None:
    """`$vb_memory = 1024`."""
    kilobytes = int(made.memory.stdout.split()[1])
    assert kilobytes <= 1024 * 1024, made.memory.expected("1024 MB at most")


@claim("cluster.vb-memory-1024")
def test_node_is_limited_to_1024_mb(made: Made) -> None:
    """`$vb_memory = 1024` becomes the container's limit."""
    limits = made.of_nodes("HostConfig", "Memory")
    assert limits == [1024**3] * 3, f"host: expected 1 GiB for each node, but saw {limits}"


@as_written("cluster.vb-cpus-1", fails_with="nproc")
def test_node_has_one_cpu(made: Made) -> None:
    """`$vb_cpus = 1`."""
    assert made.cpus.stdout.strip() == "1", made.cpus.expected("1")


@claim("cluster.vb-cpus-1")
def test_node_is_limited_to_the_time_of_one_cpu(made: Made) -> None:
    """`$vb_cpus = 1` becomes the container's limit."""
    limits = made.of_nodes("HostConfig", "NanoCpus")
    assert limits == [10**9] * 3, f"host: expected 10^9 ns a second for each node, but saw {limits}"


@claim("cluster.vb-gui-false")
def test_vb_gui_is_taken_and_opens_nothing(made: Made) -> None:
    """`$vb_gui = false`, where there is a display to open windows on."""
    assert made.up.rc == 0, made.up.expected("exit code 0 with $vb_gui in config.rb")
    assert made.windows == 0, f"host: expected no window on the display during `vagrant up`, but saw {made.windows} opened"


@claim("cluster.expose-docker-tcp")
def test_port_of_the_host_reaches_the_engine_of_core_01(by_hand: ByHand) -> None:
    """`$expose_docker_tcp=2375`."""
    assert by_hand.made.engines.get(by_hand.port) == "core-01", by_hand.made.expected_engine("core-01", f"{by_hand.port}")


@claim("cluster.docker-host-127")
def test_docker_on_the_host_uses_core_01(made: Made) -> None:
    """`export DOCKER_HOST='tcp://127.0.0.1:2375'`, then the docker tool locally."""
    local = made.local_docker
    assert "Hello from Docker" in local.stdout, local.expected("a container to run")
    assert local.stdout.splitlines()[0] == "core-01", local.expected("core-01's engine")


@as_written("cluster.docker-tcp-auto-increment", fails_with="core-02's engine")
def test_vagrant_counts_up_to_the_next_free_port(by_hand: ByHand) -> None:
    """`If 2375 is used, Vagrant will auto-increment`: with 2376 taken, core-02 gets 2377."""
    port = by_hand.port + 2
    assert by_hand.made.engines.get(port) == "core-02", by_hand.made.expected_engine("core-02", f"{port}")


@claim("cluster.docker-tcp-auto-increment")
def test_vagrantfile_counts_by_node_and_vagrant_mends_a_collision_elsewhere(by_hand: ByHand) -> None:
    """With 2376 taken, core-03 has 2377 all the same, and core-02 one of 2200 to 2250."""
    made = by_hand.made
    ports = {name: port for port, name in made.engines.items()}
    assert ports.get("core-03") == by_hand.port + 2, made.expected_engine("core-03", f"{by_hand.port + 2}")
    assert 2200 <= ports.get("core-02", 0) <= 2250, made.expected_engine("core-02", "2200 to 2250")


@claim("cluster.docker-tcp-default-2375")
def test_any_port_may_be_exposed(by_hand: ByHand) -> None:
    """`Set to the TCP port you want exposed on the *host* machine, default is 2375`: another one does as well."""
    assert by_hand.other_engine.stdout.strip() == "core-01", by_hand.other_engine.expected("core-01")


@claim("cluster.cmd-vagrant-up")
def test_vagrant_up_again_leaves_the_machines_as_they_are(by_hand: ByHand) -> None:
    """`vagrant up`, twice."""
    assert by_hand.again.rc == 0, by_hand.again.expected("exit code 0")
    assert by_hand.containers_after == by_hand.made.started, by_hand.again.expected("the same containers, not started anew")


@claim("cluster.cmd-vagrant-status")
def test_vagrant_status_lists_every_node_with_its_state(by_hand: ByHand) -> None:
    """`vagrant status`, after `vagrant halt core-02`."""
    wanted = {"boot2docker": "running", "core-01": "running", "core-02": "stopped", "core-03": "running"}
    assert by_hand.states == wanted, by_hand.status.expected("every machine running but core-02")


@claim("cluster.cmd-vagrant-ssh-config")
def test_plain_ssh_reaches_every_node_by_vagrants_configuration(made: Made) -> None:
    """`vagrant ssh-config`, then `ssh -F` with it."""
    for name, hostname in zip(NODES, made.hostnames, strict=True):
        assert hostname.stdout.split() == [name, "core"], hostname.expected(f"{name}, and user core")


@claim("cluster.destroy-needs-new-key")
def test_after_destroy_the_old_key_gives_no_cluster(by_hand: ByHand) -> None:
    """`if you vagrant destroy the cluster you need a new key`."""
    log = by_hand.old_key
    assert "previously registered with discovery service token" in log.stdout, log.expected("etcd to refuse its old key")
