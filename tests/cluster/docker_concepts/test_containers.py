"""What a container is: a process on the host's kernel, set apart, that ends when its first process ends."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from fixtures.claims import as_written, claim
from testbed.cluster import Cluster
from testbed.faults import stopped
from testbed.machine import Machine
from testbed.transcript import Result
from testbed.wait import wait_until
from tests.cluster.steps import do, docker_host_alone

GROUP = pytest.mark.xdist_group("docker-concepts-containers")


@dataclass(frozen=True)
class App:
    """A running container, `app`, seen from its host and from inside."""

    id: str
    parent: Result
    on_host: Result
    lxc: Result
    namespaces: Result
    cgroup: Result
    hostname: Result
    processes: Result
    address: Result
    kernel_of_host: Result
    kernel: Result


@pytest.fixture(scope="module")
def app(the_cluster: Cluster) -> App:
    """`docker run -d --name app busybox sleep 1234`, and a look from all sides."""
    kernel = "cat /proc/sys/kernel/osrelease /proc/sys/kernel/random/boot_id"
    with docker_host_alone(the_cluster) as host:
        container_id = do(host, "docker run -d --name app busybox sleep 1234").stdout.strip()
        pid = do(host, "docker inspect -f '{{.State.Pid}}' app").stdout.strip()
        return App(
            id=container_id,
            parent=host.run(f"ps -o comm= -p $(ps -o ppid= -p {pid})"),
            on_host=host.run(f"ps -o args= -p {pid}"),
            lxc=host.run("sudo lxc-ls"),
            namespaces=host.run(f"sudo readlink /proc/{{1,{pid}}}/ns/{{mnt,pid,net,uts,ipc}}"),
            cgroup=host.run(f"cat /proc/{pid}/cgroup"),
            hostname=host.run("docker exec app hostname"),
            processes=host.run("docker exec app ps -o pid,args"),
            address=host.run("docker exec app ip -4 -o addr show eth0"),
            kernel_of_host=host.run(kernel),
            kernel=host.run(f"docker exec app {kernel}"),
        )


@dataclass(frozen=True)
class Pair:
    """A container of two processes, before and after the first of them is killed."""

    together: Result
    exit_code: Result
    afterwards: Result


@pytest.fixture(scope="module")
def pair(the_cluster: Cluster) -> Pair:
    """`docker run -d --name pair busybox sh -c 'sleep 9191 & exec sleep 9292'`."""
    with docker_host_alone(the_cluster) as host:
        do(host, "docker run -d --name pair busybox sh -c 'sleep 9191 & exec sleep 9292'")
        together = host.run("docker top pair")
        host.run("docker kill pair")
        return Pair(together, host.run("timeout 10 docker wait pair"), host.run("ps -C sleep -o args="))


@pytest.fixture
def node_without_containerd(node: Machine, tidy: None) -> Iterator[Machine]:  # noqa: ARG001
    """A node whose containerd is stopped; at the end it runs containers again."""
    with stopped("containerd", node):
        yield node
    wait_until(lambda: node.run("docker run hello-world").rc == 0, f"{node}: containers run again", seconds=30)


@as_written("docker-concepts.wrapper-for-toolchain", fails_with="containerd-shim")
@GROUP
def test_docker_itself_runs_the_container(app: App) -> None:
    """docker "orchestrates everything" between containers and the host."""
    assert app.parent.stdout.strip() == "docker", app.parent.expected("docker as the parent of the container's process")


@claim("docker-concepts.wrapper-for-toolchain")
def test_docker_runs_nothing_without_containerd(node_without_containerd: Machine) -> None:
    """docker asks dockerd, which still answers `docker ps`; dockerd asks containerd, without which `docker run` fails."""
    seen = node_without_containerd.run("docker ps -q && docker run hello-world")
    assert "/run/containerd/containerd.sock" in seen.stderr, seen.expected("dockerd to answer, and to miss containerd")


@as_written("docker-concepts.one-process-per-container", fails_with="sleep 9191")
@GROUP
def test_a_container_runs_one_process_only(pair: Pair) -> None:
    """`docker top` of a container that was told to start a second process."""
    processes = pair.together.stdout.splitlines()[1:]
    assert len(processes) == 1, pair.together.expected("one process")


@claim("docker-concepts.one-process-per-container")
@GROUP
def test_nothing_keeps_a_container_from_running_two_processes(pair: Pair) -> None:
    """`docker top` of the same container."""
    processes = pair.together.stdout.splitlines()[1:]
    assert len(processes) == 2, pair.together.expected("two processes")


@claim("docker-concepts.one-process-per-container")
@GROUP
def test_a_container_ends_with_its_first_process(pair: Pair) -> None:
    """`docker kill` kills the first process; `docker wait` prints its exit code, as the container's."""
    assert pair.exit_code.stdout.strip() == "137", pair.exit_code.expected("the container to end as killed, with 137")


@claim("docker-concepts.one-process-per-container")
@GROUP
def test_the_other_processes_end_with_the_first(pair: Pair) -> None:
    """The second process would sleep for two hours more."""
    assert "sleep 9191" not in pair.afterwards.stdout, pair.afterwards.expected("no process of the container")


@as_written("docker-concepts.docker-is-linux-containers", fails_with="lxc-ls: command not found")
@GROUP
def test_lxc_lists_the_container(app: App) -> None:
    """ "Docker is based off of Linux containers", LXC, whose tool lists containers."""
    assert "app" in app.lxc.stdout, app.lxc.expected("the container in LXC's list")


@claim("docker-concepts.docker-is-linux-containers")
@GROUP
def test_a_container_has_namespaces_of_its_own(app: App) -> None:
    """Those of the host's first process and those of the container's."""
    assert len(set(app.namespaces.stdout.split())) == 10, app.namespaces.expected("five namespaces of each, and none in common")


@claim("docker-concepts.docker-is-linux-containers")
@GROUP
def test_a_container_has_a_cgroup_of_its_own(app: App) -> None:
    """`cat /proc/PID/cgroup` on the host."""
    assert app.id in app.cgroup.stdout, app.cgroup.expected(f"a control group for container {app.id}")


@claim("docker-concepts.not-virtualization")
@GROUP
def test_a_container_is_a_process_of_its_host(app: App) -> None:
    """`ps` on the host, of the process id that `docker inspect` tells."""
    assert app.on_host.stdout.strip() == "sleep 1234", app.on_host.expected("the container's command")


@claim("docker-concepts.not-virtualization")
@GROUP
def test_a_container_runs_on_the_kernel_that_booted_its_host(app: App) -> None:
    """The kernel's release, and the id that it drew when it booted."""
    assert app.kernel.stdout == app.kernel_of_host.stdout, app.kernel.expected(f"as on the host: {app.kernel_of_host.stdout}")


@claim("docker-concepts.looks-like-standalone")
@GROUP
def test_a_container_has_a_name_of_its_own(app: App) -> None:
    """`hostname` inside."""
    assert app.hostname.stdout.strip() == app.id[:12], app.hostname.expected(f"the container's id, {app.id[:12]}")


@claim("docker-concepts.looks-like-standalone")
@GROUP
def test_a_container_sees_its_own_processes_only(app: App) -> None:
    """`ps` inside: the application is process 1, and beside it there is `ps` itself."""
    processes = re.findall(r"^ *(\d+) (\w+)", app.processes.stdout, re.MULTILINE)
    assert [name for _, name in processes] == ["sleep", "ps"], app.processes.expected("sleep and ps")
    assert processes[0][0] == "1", app.processes.expected("sleep as process 1")


@claim("docker-concepts.looks-like-standalone")
@GROUP
def test_a_container_has_a_network_interface_of_its_own(app: App) -> None:
    """`ip addr show eth0` inside."""
    assert re.search(r"inet 172\.17\.0\.\d+/16", app.address.stdout), app.address.expected("an address on Docker's bridge")


@claim("docker-concepts.run-in-foreground")
@pytest.mark.usefixtures("tidy")
def test_a_program_that_goes_to_the_background_ends_its_container(docker_host: Machine) -> None:
    """`httpd` makes itself a daemon and its first process exits."""
    ended = docker_host.run("docker run -d --name web busybox httpd && timeout 10 docker wait web")
    assert ended.stdout.endswith("\n0\n"), ended.expected("the container to end with 0")


@claim("docker-concepts.run-in-foreground")
@pytest.mark.usefixtures("tidy")
def test_a_program_in_the_foreground_keeps_its_container(docker_host: Machine) -> None:
    """`httpd -f` stays."""
    stays = docker_host.run("docker run -d --name web busybox httpd -f && timeout 1 docker wait web")
    assert stays.rc == 124, stays.expected("docker wait to be still waiting after a second")


@claim("docker-concepts.lxc-aufs-history")
@pytest.mark.shared
def test_today_runc_and_overlay2_are_in_use(machines: tuple[Machine, ...]) -> None:
    """`docker info`: not LXC, not AUFS."""
    for machine in machines:
        info = machine.run("docker info -f '{{.DefaultRuntime}} {{.Driver}}'")
        assert info.stdout.strip() == "runc overlay2", info.expected("runc and overlay2")
