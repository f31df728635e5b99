"""What a container costs: time, memory, disk; and how many fit on a host."""

from dataclasses import dataclass

import pytest

from fixtures.claims import claim
from testbed.cluster import Cluster
from testbed.machine import Machine
from testbed.transcript import Result
from tests.cluster.steps import do, docker_host_alone

pytestmark = pytest.mark.xdist_group("docker-concepts-cost")

MANY = 30
SECONDS = 3
KIBIBYTES = 10 * 1024


@dataclass(frozen=True)
class Crowd:
    """Thirty idle containers of one image on one host."""

    running: Result
    addresses: Result
    sizes: Result
    memory: Result
    ssh: Result


@pytest.fixture(scope="module")
def crowd(the_cluster: Cluster) -> Crowd:
    """Started four at a time, looked at, and removed."""
    with docker_host_alone(the_cluster) as host:
        do(host, "docker pull busybox")
        host.run(f"seq {MANY} | xargs -P 4 -I N docker run -d --name crowd-N busybox sleep 600")
        seen = Crowd(
            running=host.run("docker ps -q"),
            addresses=host.run("docker ps -q | xargs docker inspect -f '{{.NetworkSettings.IPAddress}}' | sort -u"),
            sizes=host.run("docker ps -s --format '{{.Size}}' | sort -u"),
            # A container's memory is that of its process and of the shim that looks after it, shared pages counted once.
            memory=host.run(
                "pgrep -f 'containerd-shim|^sleep 600' | sed 's|.*|/proc/&/smaps_rollup|' | xargs sudo grep -h ^Pss: 2>/dev/null"
            ),
            ssh=host.run("true"),
        )
        host.run("docker ps -aq | xargs -P 4 -n 8 docker rm -f")
        return seen


@claim("docker-concepts.super-lightweight")
@pytest.mark.usefixtures("tidy")
def test_a_container_costs_little_time(docker_host: Machine) -> None:
    """`docker run hello-world`, from start to end; of three, the one that the machine's other work held up least."""
    quickest = min((docker_host.run("docker run hello-world") for _ in range(3)), key=lambda run: run.seconds)
    assert quickest.seconds < SECONDS, quickest.expected(f"the whole run in less than {SECONDS} s")


@claim("docker-concepts.super-lightweight")
def test_a_container_costs_little_memory(crowd: Crowd) -> None:
    """The memory of all, shims included, over their number."""
    kibibytes = sum(int(line.split()[1]) for line in crowd.memory.stdout.splitlines())
    assert 0 < kibibytes / MANY < KIBIBYTES, crowd.memory.expected(f"less than {KIBIBYTES} KiB each, not {kibibytes / MANY:.0f}")


@claim("docker-concepts.super-lightweight")
def test_a_container_costs_no_disk_space(crowd: Crowd) -> None:
    """`docker ps -s`: the size of each container's own layer, and with its image."""
    assert crowd.sizes.stdout.startswith("0B (virtual"), crowd.sizes.expected("0B of its own for each")
    assert crowd.sizes.stdout.count("\n") == 1, crowd.sizes.expected("the same size for each")


@claim("docker-concepts.density")
def test_thirty_containers_run_on_one_host(crowd: Crowd) -> None:
    """`docker ps -q`."""
    assert len(crowd.running.stdout.split()) == MANY, crowd.running.expected(f"{MANY} running containers")


@claim("docker-concepts.density")
def test_each_of_thirty_containers_has_an_address(crowd: Crowd) -> None:
    """`docker inspect` of each."""
    assert len(crowd.addresses.stdout.split()) == MANY, crowd.addresses.expected(f"{MANY} different addresses")


@claim("docker-concepts.density")
def test_a_host_with_thirty_containers_still_answers(crowd: Crowd) -> None:
    """A command over ssh."""
    assert crowd.ssh.seconds < SECONDS, crowd.ssh.expected(f"an answer within {SECONDS} s")
