"""A cluster of three, entered by ssh: what a node is made of, and what a reboot does to it."""

import re
from collections.abc import Iterator

import pytest

from fixtures.claims import as_written, claim
from fixtures.machines import leased
from testbed import host
from testbed.cluster import Cluster
from testbed.leases import Use
from testbed.machine import Machine
from testbed.transcript import Result
from tests.cluster.reboot_drill import BY_HAND, GROUP, Reboot

BLOCK = ("core-01", "core-02", "core-03")
BOOT_SECONDS = 60
TIME = re.compile(r"(?:(\d+)min )?([\d.]+)(ms|s)\b")
WORKSHOP = "/media/claim"


# Not shared: Vagrant locks a machine while somebody enters it, and refuses the next.
@claim("cluster.ssh-core-01")
def test_vagrant_ssh_core_01_is_core_on_core_01(core_01: Machine) -> None:
    """`vagrant ssh core-01`."""
    _demand_session("core-01", core_01)


@claim("cluster.ssh-core-02")
def test_vagrant_ssh_core_02_is_core_on_core_02(core_02: Machine) -> None:
    """`vagrant ssh core-02`."""
    _demand_session("core-02", core_02)


@claim("cluster.ssh-core-03")
def test_vagrant_ssh_core_03_is_core_on_core_03(core_03: Machine) -> None:
    """`vagrant ssh core-03`."""
    _demand_session("core-03", core_03)


def _demand_session(name: str, machine: Machine) -> None:
    machine_id = machine.run("cat /etc/machine-id").stdout.strip()
    session = host.run(f"vagrant ssh {name}", typed="hostname; id -un; cat /etc/machine-id\n")
    assert session.stdout.split()[-3:] == [name, "core", machine_id], session.expected(f"user core on {name}, {machine_id}")


@pytest.fixture(scope="module")
def pasted(the_cluster: Cluster) -> Result:
    """The block of three lines, as a shell gets it that reads line by line."""
    with leased(the_cluster, BLOCK, Use.SHARED):
        return host.run("bash", typed="".join(f"vagrant ssh {name}\n" for name in BLOCK))


@as_written("cluster.three-sshs-in-one-block", fails_with="vagrant: command not found")
@pytest.mark.xdist_group("pasted-block")
def test_three_lines_in_one_block_open_three_sessions(pasted: Result) -> None:
    """`vagrant ssh core-01`, `vagrant ssh core-02`, `vagrant ssh core-03` in one block."""
    assert "not found" not in pasted.output, pasted.expected("three sessions")


@claim("cluster.three-sshs-in-one-block")
@pytest.mark.xdist_group("pasted-block")
def test_first_session_takes_the_lines_behind_it(pasted: Result) -> None:
    """The second and the third line are typed into core-01, which has no vagrant."""
    assert pasted.output.count("vagrant: command not found") == 2, pasted.expected("two lines that core-01 does not know")


@claim("cluster.etc-release")
@pytest.mark.parametrize("command", ["cat /etc/*release", "docker info --format '{{.ServerVersion}} {{.OperatingSystem}}'"])
@pytest.mark.shared
def test_release_and_engine_are_told_alike_on_every_node(nodes: tuple[Machine, ...], command: str) -> None:
    """`cat /etc/*release` and `docker info`."""
    told = [node.run(command) for node in nodes]
    assert told[0].rc == 0, told[0].expected("exit code 0")
    for other in told[1:]:
        assert other.stdout == told[0].stdout, other.expected(f"what {told[0]} says")


@as_written("cluster.boot-time", fails_with="three and a half")
@pytest.mark.shared
def test_dmesg_ends_after_three_and_a_half_seconds(node: Machine) -> None:
    """`dmesg` ends with the network's link at 3.5 s."""
    last = node.run("sudo dmesg | tail -n 1")
    stamp = last.stdout.partition("[")[2].partition("]")[0]
    assert float(stamp) < 10, last.expected("its stamp at about three and a half seconds")


@claim("cluster.boot-time")
@pytest.mark.shared
def test_systemd_tells_how_long_the_boot_took(node: Machine) -> None:
    """`systemd-analyze` measures the whole start, and finishes."""
    analyzed = node.run("systemd-analyze time")
    assert analyzed.stdout.startswith("Startup finished in"), analyzed.expected("a start that finished")
    minutes, seconds, unit = TIME.findall(analyzed.stdout.splitlines()[0])[-1]  # the last one is the sum
    took = 60 * int(minutes or 0) + float(seconds) / (1000 if unit == "ms" else 1)
    assert took < BOOT_SECONDS, analyzed.expected(f"less than {BOOT_SECONDS} s")


@as_written("cluster.no-package-manager", fails_with="/dpkg")
@pytest.mark.shared
def test_node_has_no_package_manager_and_no_script_language(node: Machine) -> None:
    """`It does not have a package manager`, and neither perl nor python nor ruby."""
    found = node.run("command -v apt dpkg yum dnf emerge perl python python3 ruby")
    assert not found.stdout, found.expected("none of them")


@claim("cluster.no-package-manager")
@pytest.mark.shared
def test_debian_node_has_dpkg_apt_and_perl(node: Machine) -> None:
    """A node of this testbed is a Debian."""
    found = node.run("for program in apt dpkg perl; do $program --version >/dev/null && echo $program; done")
    assert len(found.stdout.split()) == 3, found.expected("all three")


@claim("cluster.ab-partitions")
@pytest.mark.shared
def test_system_has_two_partitions(node: Machine) -> None:
    """Two system partitions, as ChromeOS has."""
    labels = node.run("lsblk --noheadings -o PARTLABEL")
    assert {"USR-A", "USR-B"} <= set(labels.stdout.split()), labels.expected("USR-A and USR-B")


@as_written("cluster.update-channel-alpha", fails_with="GROUP=alpha")
@pytest.mark.shared
def test_node_takes_its_updates_from_the_channel_of_config_rb(node: Machine) -> None:
    """`$update_channel='alpha'` and nothing else."""
    conf = node.run("cat /etc/coreos/update.conf")
    assert "GROUP=alpha" in conf.stdout, conf.expected("GROUP=alpha")


@claim("cluster.update-channel-alpha")
@pytest.mark.shared
def test_node_takes_its_updates_from_the_group_in_its_own_file(node: Machine) -> None:
    """Flatcar reads GROUP from /etc/flatcar/update.conf, else from the one in /usr/share."""
    conf = node.run("cat /usr/share/flatcar/update.conf /etc/flatcar/update.conf")
    assert "GROUP=" in conf.stdout, conf.expected("a line GROUP=")


@as_written("cluster.df-output", fails_with="overlay")
@pytest.mark.shared
def test_df_shows_a_root_on_sda9(node: Machine) -> None:
    """`df`: the root is /dev/sda9."""
    root = node.run("df --output=source / | tail -n 1")
    assert root.stdout.strip() == "/dev/sda9", root.expected("/dev/sda9")


@claim("cluster.df-output")
@pytest.mark.shared
def test_df_shows_one_root_with_room_for_docker(node: Machine) -> None:
    """`df`: an overlay as root, and room for images."""
    free = node.run("df --output=source / | tail -n 1; df --output=avail --block-size=1M /var/lib/docker | tail -n 1")
    source, megabytes = free.stdout.split()
    assert source == "overlay", free.expected("an overlay as root")
    assert int(megabytes) >= 1000, free.expected("1 GB free for Docker at least")


@as_written("cluster.btrfs", fails_with="overlay2")
@pytest.mark.shared
def test_docker_keeps_its_images_on_btrfs(node: Machine) -> None:
    """Docker's storage is btrfs."""
    driver = node.run("docker info --format '{{.Driver}}'")
    assert driver.stdout.strip() == "btrfs", driver.expected("btrfs")


@claim("cluster.btrfs")
@pytest.mark.shared
def test_docker_keeps_its_images_on_overlay2(machines: tuple[Machine, ...]) -> None:
    """Docker's default driver, on every machine."""
    for machine in machines:
        driver = machine.run("docker info --format '{{.Driver}}'")
        assert driver.stdout.strip() == "overlay2", driver.expected("overlay2")


@pytest.fixture
def volume(node: Machine) -> Iterator[Machine]:
    """A node with a program in the folder below /media that is a container's volume."""
    node.run(f"sudo mkdir -p {WORKSHOP} && printf '#!/bin/sh\\necho it runs\\n' | sudo tee {WORKSHOP}/b >/dev/null")
    node.run(f"sudo chmod +x {WORKSHOP}/b")
    yield node
    node.run(f"sudo umount {WORKSHOP} 2>/dev/null; sudo rm -rf {WORKSHOP}")


def _run_from_volume(node: Machine) -> Result:
    return node.run(f"docker run --rm -v {WORKSHOP}:/var/shared busybox /var/shared/b")


@as_written("cluster.media-noexec", fails_with="it runs")
def test_program_below_media_cannot_be_run(volume: Machine) -> None:
    """A binary in the shared volume below /media gives `Permission denied`."""
    run = _run_from_volume(volume)
    assert run.rc != 0, run.expected("it to be refused")


@claim("cluster.media-noexec")
def test_program_below_media_runs(volume: Machine) -> None:
    """/media is an ordinary directory here."""
    run = _run_from_volume(volume)
    assert run.stdout == "it runs\n", run.expected("it to run")


@claim("cluster.media-noexec")
def test_volume_keeps_noexec_where_its_folder_is_mounted_so(volume: Machine) -> None:
    """The text's reason holds: what is mounted noexec is so in a container too."""
    volume.run(f"sudo mount --bind {WORKSHOP} {WORKSHOP} && sudo mount -o remount,bind,noexec {WORKSHOP}")
    run = _run_from_volume(volume)
    assert "permission denied" in run.stderr.lower(), run.expected("it to be refused")


@as_written("cluster.etc-listing", fails_with="links")
@pytest.mark.shared
def test_etc_is_full_of_links_into_usr(node: Machine) -> None:
    """`ls -l /etc`."""
    links = node.run("find /etc -maxdepth 1 -type l -lname '*/usr/*' | wc -l")
    assert int(links.stdout) >= 15, links.expected("many links into /usr")


@claim("cluster.etc-listing")
@pytest.mark.shared
def test_etc_is_an_overlay_over_a_layer_in_usr(node: Machine) -> None:
    """Flatcar's /etc since 3619."""
    kind = node.run("findmnt --noheadings --output FSTYPE /etc")
    assert kind.stdout.strip() == "overlay", kind.expected("an overlay")


@as_written("cluster.reboot-node", fails_with="stopped")
@GROUP
def test_node_comes_back_by_itself(reboot: Reboot) -> None:
    """`sudo reboot` on core-02."""
    assert ",core-02,state,running" in reboot.status.stdout, reboot.status.expected("core-02 to come back by itself")


@claim("cluster.reboot-node")
@GROUP
def test_node_keeps_its_machine_id_over_a_reboot(reboot: Reboot) -> None:
    """`sudo reboot` on core-02, and on again."""
    assert reboot.after.stdout == reboot.before.stdout, reboot.after.expected(f"the machine ID {reboot.before.stdout}")


@claim("cluster.reboot-node")
@GROUP
def test_container_started_by_hand_is_off_after_a_reboot(reboot: Reboot) -> None:
    """`docker ps` after `sudo reboot`."""
    assert reboot.containers.stdout == f"{BY_HAND} exited\n", reboot.containers.expected(f"{BY_HAND}, exited")
