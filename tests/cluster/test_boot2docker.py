"""boot2docker: the first steps with Docker, on a small machine that forgets everything."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from fixtures.claims import claim
from fixtures.machines import leased
from testbed import host, readiness
from testbed.cluster import Cluster
from testbed.leases import Use
from testbed.machine import Machine
from testbed.restart import restart, wait_until_ready
from testbed.transcript import Result
from testbed.wait import settled

pytestmark = pytest.mark.xdist_group("boot2docker")

EXPORT = "export DOCKER_HOST=tcp://$(boot2docker ip 2>/dev/null):2375"
WRITTEN_MB = 20
PROMISED_MIB = 300
# The kernel brings what it counts up to date every two seconds (mem_cgroup_flush_stats_ratelimited in mm/memcontrol.c).
COUNTED_SECONDS = 5


@dataclass(frozen=True)
class Beginning:
    """The workshop's first commands, typed where there was no boot2docker."""

    init: Result
    after_init: Result
    init_again: Result
    start: Result
    after_start: Result
    engine_answers: bool


@pytest.fixture(scope="module")
def beginning(the_cluster: Cluster) -> Beginning:
    """The machine destroyed, and made and started again by the text's commands."""
    with leased(the_cluster, ("boot2docker",), Use.ALONE, restarts_engine=True) as held:
        machine = held["boot2docker"]
        destroyed = host.run("vagrant destroy -f boot2docker")
        assert destroyed.rc == 0, destroyed.expected("the machine destroyed")
        init, after_init = host.run("boot2docker init"), host.run("boot2docker status")
        init_again, start = host.run("boot2docker init"), host.run("boot2docker start")
        answers = start.rc == 0 and readiness.engine_answers(machine.address)
        after_start = host.run("boot2docker status")
        if start.rc != 0:
            list(the_cluster.provider.up(machine.name))
        wait_until_ready(machine)
    return Beginning(init, after_init, init_again, start, after_start, answers)


@claim("boot2docker.cmd-init")
def test_init_makes_a_machine_that_is_off(beginning: Beginning) -> None:
    """`boot2docker init`"""
    assert beginning.init.rc == 0, beginning.init.expected("exit code 0")
    assert beginning.after_init.stdout.strip() in ("stopped", "poweroff"), beginning.after_init.expected("a machine that is off")


@claim("boot2docker.cmd-init")
def test_init_makes_no_second_machine(beginning: Beginning) -> None:
    """`boot2docker init`, again"""
    assert "already exists" in beginning.init_again.stdout, beginning.init_again.expected("that the machine already exists")


@claim("boot2docker.cmd-start")
def test_start_boots_the_machine(beginning: Beginning) -> None:
    """`boot2docker start`"""
    assert beginning.after_start.stdout.strip() == "running", beginning.after_start.expected("a running machine")
    assert beginning.engine_answers, beginning.start.expected("an engine that answers on port 2375 when start is done")


@claim("boot2docker.popup-hint-wrong")
def test_start_opens_no_window(beginning: Beginning) -> None:
    """`boot2docker start`, without a display and with nobody who types: it ends by itself."""
    assert beginning.start.rc == 0, beginning.start.expected("an end by itself, with exit code 0")


@claim("boot2docker.ip-goes-to-stdout")
@pytest.mark.shared
def test_ip_prints_the_bare_address(boot2docker: Machine) -> None:
    """`$(boot2docker ip 2>/dev/null)`"""
    ip = host.run("boot2docker ip 2>/dev/null")
    assert ip.stdout.rstrip("\n") == str(IPv4Address(boot2docker.address)), ip.expected(boot2docker.address)


@claim("boot2docker.cmd-export-docker-host")
@pytest.mark.shared
@pytest.mark.usefixtures("boot2docker")
def test_exported_docker_host_is_boot2dockers_engine() -> None:
    """`export DOCKER_HOST=tcp://$(boot2docker ip 2>/dev/null):2375`"""
    info = host.run(f"{EXPORT}; docker info -f '{{{{.Name}}}}'")
    assert info.stdout.strip() == "boot2docker", info.expected("boot2docker as the engine's machine")


@claim("boot2docker.cmd-export-docker-host")
@pytest.mark.shared
@pytest.mark.usefixtures("boot2docker")
def test_port_2376_is_not_served() -> None:
    """The port of later releases, with TLS, is not the text's."""
    info = host.run(f"{EXPORT.replace('2375', '2376')}; docker info")
    assert "Cannot connect" in info.stderr, info.expected("no connection on port 2376")


@claim("boot2docker.docker-over-tcp-unauthenticated")
@pytest.mark.usefixtures("boot2docker", "tidy")
def test_anyone_on_port_2375_reads_as_root() -> None:
    """Without password or key: `docker run -v /etc/shadow:/shadow`."""
    shadow = host.run(f"{EXPORT}; docker run --rm -v /etc/shadow:/shadow busybox head -n 1 /shadow")
    assert shadow.stdout.startswith("root:"), shadow.expected("root's line of the machine's /etc/shadow")


@claim("boot2docker.docker-over-tcp-unauthenticated")
@pytest.mark.shared
def test_engine_warns_of_its_open_port(boot2docker: Machine) -> None:
    """Docker 20.10 warns; Docker 27 and later delay their start besides."""
    log = boot2docker.run("sudo journalctl -u docker --grep 'without --tlsverify'")
    assert "2375" in log.stdout, log.expected("a warning of port 2375 without TLS")


@claim("boot2docker.so-ssh-in")
@pytest.mark.shared
@pytest.mark.usefixtures("boot2docker")
def test_one_enters_by_ssh() -> None:
    """By a connection of its own, not by the suite's open one."""
    entered = host.run("ssh -F .cododemo/ssh_config -o LogLevel=ERROR -o ControlPath=none boot2docker true")
    assert entered.rc == 0, entered.expected("exit code 0")


@claim("boot2docker.cmd-ssh")
@pytest.mark.shared
@pytest.mark.usefixtures("boot2docker")
def test_ssh_enters_as_docker_with_uid_1000() -> None:
    """`boot2docker ssh`"""
    user = host.run("boot2docker ssh 'id -un; id -u'")
    assert user.stdout.split() == ["docker", "1000"], user.expected("docker and 1000")


@claim("boot2docker.ssh-as-often")
@pytest.mark.usefixtures("boot2docker", "tidy")
def test_sessions_come_and_go_without_harm() -> None:
    """Ten times `boot2docker ssh`: what the first one started still runs, on a machine that was not restarted."""
    boot = "cut -d ' ' -f 22 /proc/1/stat"
    first = host.run(f'boot2docker ssh "docker run -d --name stays busybox sleep 300 >/dev/null; {boot}"')
    others = host.run("for i in {2..9}; do boot2docker ssh exit || exit; done")
    assert others.rc == 0, others.expected("eight sessions more")
    tenth = host.run(f'boot2docker ssh "docker inspect -f {{{{.State.Status}}}} stays; {boot}"')
    assert tenth.stdout.split() == ["running", first.stdout.strip()], tenth.expected(f"running, and boot time {first.stdout}")


@claim("boot2docker.lightweight-linux")
@pytest.mark.shared
def test_linux_is_light_in_memory(boot2docker: Machine) -> None:
    """All that runs on the machine, engine included; the promise is ours: 300 MiB."""
    system = boot2docker.run("uname -s")
    assert system.stdout.strip() == "Linux", system.expected("Linux")
    resident = boot2docker.run("ps -eo rss= | awk '{ kib += $1 } END { print kib / 1024 }'")
    assert 0 < float(resident.stdout) < PROMISED_MIB, resident.expected(f"less than {PROMISED_MIB} MiB resident")


@pytest.fixture(params=["/home/docker", "/etc", "/var/lib/docker"])
def megabytes_in_memory(boot2docker: Machine, request: pytest.FixtureRequest) -> Iterator[float]:
    """By how much the machine's memory fills when 20 MB are written to a folder."""
    file = f"{request.param}/twenty-megabytes"

    def shared_memory() -> int:
        # cgroup v1 counts children under total_shmem, v2 under shmem; its file lies where the hierarchy begins.
        counts = boot2docker.run("sed -nE 's/^(total_)?shmem //p' /sys/fs/cgroup/memory/memory.stat /sys/fs/cgroup/memory.stat")
        return max(int(count) for count in counts.stdout.split())

    before = shared_memory()
    boot2docker.run(f"sudo dd if=/dev/zero of={file} bs=1M count={WRITTEN_MB}")
    yield settled(lambda: (shared_memory() - before) / 2**20, lambda more: more > WRITTEN_MB - 1, seconds=COUNTED_SECONDS)
    boot2docker.run(f"sudo rm {file}")


@claim("boot2docker.has-no-disk")
def test_what_is_written_lies_in_memory(megabytes_in_memory: float) -> None:
    """The machine's folders, and the engine's store."""
    seen = f"boot2docker: expected {WRITTEN_MB} MB more in memory, but saw {megabytes_in_memory:.1f} MB more"
    assert megabytes_in_memory > WRITTEN_MB - 1, seen


LEFT = {
    "file": ("echo precious >~/marker", "cat ~/marker"),
    "setting": ("sudo touch /etc/marker", "ls /etc/marker"),
    "user": ("sudo useradd keepme", "id keepme"),
    "image": ("docker pull -q busybox && docker tag busybox keepme", "docker image inspect keepme"),
    "container": ("docker run --name keepme keepme true", "docker container inspect keepme"),
    "volume": ("docker volume create keepme", "docker volume inspect keepme"),
}
# Should a machine keep any of it, the next test shall not find it.
FORGET = "docker rm keepme; docker rmi keepme; docker volume rm keepme; sudo userdel keepme; sudo rm -f ~/marker /etc/marker"


@dataclass(frozen=True)
class Restart:
    """What was asked of the machine after a restart, by what had been left on it; a copy had been sent away before."""

    after: dict[str, Result]
    version: Result
    copy: Path


@pytest.fixture(scope="module")
def restarted(the_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Restart:
    """boot2docker with something of every kind left on it, restarted."""
    copy = tmp_path_factory.mktemp("boot2docker") / "marker"
    with leased(the_cluster, ("boot2docker",), Use.ALONE, restarts_engine=True) as held:
        machine = held["boot2docker"]
        for make, look in LEFT.values():
            made = machine.run(f"{make} && {look}")
            assert made.rc == 0, made.expected("exit code 0")
        host.run(f"boot2docker ssh 'cat marker' >{copy}")
        restart(the_cluster, machine.name)
        after = {kind: machine.run(look) for kind, (_, look) in LEFT.items()}
        version = machine.run("docker version")
        machine.quietly(FORGET)
    return Restart(after, version, copy)


@claim("boot2docker.no-survive-reboot")
@pytest.mark.parametrize("kind", LEFT)
def test_nothing_survives_a_reboot(restarted: Restart, kind: str) -> None:
    """There is no disk, so nothing is left of it."""
    after = restarted.after[kind]
    assert "no such" in after.stderr.lower(), after.expected(f"no such {kind}")


@claim("boot2docker.no-survive-reboot")
def test_engine_is_back_after_a_reboot(restarted: Restart) -> None:
    """The machine itself is as before."""
    assert restarted.version.rc == 0, restarted.version.expected("both versions")


@claim("boot2docker.no-persistence")
def test_only_what_was_sent_away_is_saved(restarted: Restart) -> None:
    """The marker was copied to the host before the restart."""
    assert restarted.copy.read_text() == "precious\n"
    assert "no such" in restarted.after["file"].stderr.lower(), restarted.after["file"].expected("no marker on the machine")


@claim("boot2docker.container-gone-is-gone")
@pytest.mark.usefixtures("tidy")
def test_removed_container_is_gone(boot2docker: Machine) -> None:
    """`docker rm`: the container cannot be started, and a new one has nothing of what it wrote."""
    boot2docker.run("docker run --name gone busybox sh -c 'echo kept >/written' && docker rm gone")
    start = boot2docker.run("docker start gone")
    assert "No such container: gone" in start.stderr, start.expected("no such container")
    fresh = boot2docker.run("docker run --name gone busybox cat /written")
    assert "No such file" in fresh.stderr, fresh.expected("a file system without /written")


@claim("boot2docker.do-not-confuse-host-and-container")
@pytest.mark.parametrize("look", ["hostname", "ls /", "cat /proc/1/comm"])
@pytest.mark.usefixtures("tidy")
def test_container_is_not_the_host(boot2docker: Machine, look: str) -> None:
    """Host name, root file system and process table are two, each on its side."""
    on_host, inside = boot2docker.run(look), boot2docker.run(f"docker run --rm busybox {look}")
    assert (inside.rc, on_host.rc) == (0, 0), inside.expected("exit code 0")
    assert inside.stdout != on_host.stdout, inside.expected(f"something else than the machine's {on_host.stdout!r}")


@claim("boot2docker.do-not-confuse-host-and-container")
@pytest.mark.usefixtures("tidy")
def test_container_shares_the_hosts_kernel(boot2docker: Machine) -> None:
    """`uname -r`"""
    on_host, inside = boot2docker.run("uname -r"), boot2docker.run("docker run --rm busybox uname -r")
    assert inside.stdout == on_host.stdout, inside.expected(f"the machine's kernel {on_host.stdout}")


@claim("boot2docker.in-a-linux-shell")
@pytest.mark.shared
@pytest.mark.usefixtures("boot2docker")
def test_session_is_a_linux_shell() -> None:
    """`boot2docker ssh`, and a line that only a shell understands."""
    shell = host.run("""echo 'echo "$((6 * 7)) by $0 on $(uname -s)"' | boot2docker ssh""")
    assert "42 by -bash on Linux" in shell.stdout, shell.expected("a login shell's answer")


@claim("boot2docker.run-hello-world")
@pytest.mark.usefixtures("tidy")
def test_hello_world_runs_on_boot2docker(boot2docker: Machine) -> None:
    """`docker run hello-world`"""
    hello = boot2docker.run("docker run hello-world")
    assert "Hello from Docker" in hello.stdout, hello.expected("the greeting")
    left = boot2docker.run("docker ps -a --filter ancestor=hello-world --format '{{.Status}}'")
    assert [line[:10] for line in left.stdout.splitlines()] == ["Exited (0)"], left.expected("one container that exited with 0")
