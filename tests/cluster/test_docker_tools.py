"""The tools around Docker in 2014, by what does their work today."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest

from fixtures.claims import as_written, claim
from fixtures.machines import leased
from testbed.cluster import Cluster
from testbed.leases import QUORUM, Use
from testbed.machine import Machine
from testbed.transcript import Result
from testbed.wait import WaitTimeout, wait_until
from tests.cluster.building import builder_somewhere
from tests.cluster.steps import do

FIG_YML = """\
web:
  image: busybox
  command: sh -c 'echo hello >/tmp/index.html; httpd -f -h /tmp'
client:
  image: busybox
  command: sleep 1000
  links:
    - web
"""
HOOK = """\
#!/bin/sh
echo called by $(ps -o comm= -p $PPID)
while read -r _ new _; do
  git archive "$new" | docker build --quiet -t "pushed:$new" - && docker run --rm "pushed:$new"
done
"""

TASK_SECONDS = 20

git_drill = pytest.mark.xdist_group("docker-tools-git")
swarm_drill = pytest.mark.xdist_group("docker-tools-swarm")


@dataclass(frozen=True)
class Pushes:
    """A commit that builds and one that does not, pushed to a repository whose hook builds and runs what it receives."""

    good: Result
    images: Result
    bad: Result


@dataclass(frozen=True)
class Swarm:
    """Two nodes in swarm mode, and a service that is to run on each of them."""

    nodes: Result
    on_first: Result
    on_second: Result


@pytest.fixture(scope="module")
def pushes(the_cluster: Cluster) -> Pushes:
    commit_and_push = "git commit --quiet --all --message new; git push ../received.git main"
    with builder_somewhere(the_cluster, on_node=True) as build:  # boot2docker has no git
        build.said(f"git init --quiet --bare received.git; cat >received.git/hooks/post-receive <<'END'\n{HOOK}END")
        build.said("chmod +x received.git/hooks/post-receive; git init --quiet --initial-branch main work")
        build.said("cd work; git config user.name core; git config user.email core@core-01; touch Dockerfile; git add Dockerfile")
        good = build.run(f"cd work; printf 'FROM busybox\\nCMD echo built and run\\n' >Dockerfile; {commit_and_push}")
        images = build.run("docker images --quiet pushed:$(git -C work rev-parse HEAD)")
        bad = build.run(f"cd work; printf 'FROM busybox\\nRUN false\\n' >Dockerfile; {commit_and_push}")
        return Pushes(good, images, bad)


@pytest.fixture(scope="module")
def swarm(the_cluster: Cluster) -> Swarm:
    first, second, *others = the_cluster.nodes
    barred = " ".join(f"--constraint node.hostname!={other}" for other in others)
    already = the_cluster.manager_name == "swarm"
    both, leader = (first.name, second.name), {QUORUM: Use.SHARED}  # without one a manager takes no service
    with leased(the_cluster, both, Use.ALONE, leader), _service(first, second), _swarm_mode(first, second, already):
        listed = first.run("docker node ls --format '{{.Hostname}} {{.Status}}'")
        do(
            first,
            "docker service create --quiet --detach --name everywhere --mode global --network host --stop-grace-period 0s "
            f"{barred} busybox sleep 1000",
        )
        return Swarm(listed, _tasks(first), _tasks(second))


@contextmanager
def _service(*machines: Machine) -> Iterator[None]:
    """What the service leaves on these machines, when it is removed or its swarm is left, is gone at the end."""
    for machine in machines:
        # A service would pull it by its digest and leave it without a name.
        machine.run("docker pull --quiet busybox")
    try:
        yield
    finally:
        for machine in machines:
            machine.run("docker ps --all --quiet --filter name=everywhere | xargs --no-run-if-empty docker rm --force")


@contextmanager
def _swarm_mode(manager: Machine, worker: Machine, already: bool) -> Iterator[None]:
    """The two in one swarm: the one that the cluster has already, or one that both leave at the end, with its networks."""
    if not already:
        manager.run(f"docker swarm init --advertise-addr {manager.address}")
        token = manager.run("docker swarm join-token --quiet worker").stdout.strip()
        worker.run(f"docker swarm join --token {token} {manager.address}:2377")
    try:
        yield
    finally:
        manager.run("docker service rm everywhere")
        for machine in () if already else (worker, manager):
            machine.run("docker swarm leave --force; docker network rm docker_gwbridge")


def _tasks(machine: Machine) -> Result:
    """The service's containers on the machine, as soon as one runs, or what there is of them after some seconds."""

    def listed() -> Result:
        return machine.run("docker ps --all --filter name=everywhere --format '{{.Image}} {{.Status}}'")

    with suppress(WaitTimeout):
        wait_until(lambda: " Up " in listed().stdout, "a task runs", seconds=TASK_SECONDS)
    return listed()


@pytest.fixture
def fig(node: Machine) -> Iterator[str]:
    """The command that works on a fig.yml of two services; they are gone at the end."""
    folder = node.run("mktemp -d").stdout.strip()
    node.run(f"cat >{folder}/fig.yml <<'END'\n{FIG_YML}END")
    command = f"docker-compose --file {folder}/fig.yml"
    yield command
    node.run(f"{command} down --timeout 0; rm -r {folder}")


@claim("docker-tools.registry")
@pytest.mark.shared
def test_a_registry_keeps_the_images(node: Machine, the_cluster: Cluster) -> None:
    """The private registry's API, and its list of images."""
    registry = the_cluster.services.registry
    version = node.run(f"curl -si {registry}/v2/")
    assert "Docker-Distribution-Api-Version: registry/2.0" in version.stdout, version.expected("a registry that answers")
    catalog = node.run(f"curl -s {registry}/v2/_catalog")
    assert '"library/hello-world"' in catalog.stdout, catalog.expected("hello-world among its images")


@as_written("docker-tools.gitreceive", fails_with="gitreceive: command not found")
@pytest.mark.shared
def test_gitreceive_is_there(node: Machine) -> None:
    """`gitreceive init`, the first command of its manual."""
    started = node.run("gitreceive init")
    assert started.rc == 0, started.expected("gitreceive set up")


@claim("docker-tools.gitreceive")
@git_drill
def test_push_builds_and_runs_what_it_brings(pushes: Pushes) -> None:
    """`git push` to a repository with a post-receive hook."""
    assert pushes.good.rc == 0, pushes.good.expected("a push that succeeds")
    assert "remote: built and run" in pushes.good.stderr, pushes.good.expected("the container's output in that of the push")


@claim("docker-tools.gitreceive")
@git_drill
def test_push_leaves_an_image_named_by_the_commit(pushes: Pushes) -> None:
    assert len(pushes.images.stdout.split()) == 1, pushes.images.expected("one image with the commit as its tag")


@claim("docker-tools.gitreceive")
@git_drill
def test_whoever_pushes_sees_that_the_build_fails(pushes: Pushes) -> None:
    """`git push` of a Dockerfile with `RUN false`."""
    assert "remote: The command '/bin/sh -c false' returned a non-zero code: 1" in pushes.bad.stderr, pushes.bad.expected("why")


@claim("docker-tools.gitreceive-webhooks")
@git_drill
def test_the_push_itself_runs_the_hook_without_any_web(pushes: Pushes) -> None:
    """The hook's parent process."""
    assert "remote: called by git-receive-pac" in pushes.good.stderr, pushes.good.expected("git-receive-pack as the caller")


@claim("docker-tools.libcontainer")
@pytest.mark.shared
def test_containers_are_run_by_runc(node: Machine) -> None:
    """`docker info`, and what runc has within it."""
    runtime = node.run("docker info --format '{{.DefaultRuntime}}'")
    assert runtime.stdout == "runc\n", runtime.expected("runc as the default")
    within = node.run("grep --text --only-matching --max-count=1 opencontainers/runc/libcontainer $(command -v runc)")
    assert within.rc == 0, within.expected("libcontainer within runc")


@claim("docker-tools.libcontainer")
@pytest.mark.usefixtures("tidy")
def test_runc_lists_a_running_container(node: Machine) -> None:
    """`runc list`, in the folder where the engine keeps runc's state."""
    started = node.run("docker run --detach busybox sleep 1000")
    listed = node.run("sudo runc --root /run/docker/runtime-runc/moby list --quiet")
    assert started.stdout in listed.stdout, listed.expected(f"the container {started.stdout}")


@claim("docker-tools.libcontainer")
@pytest.mark.shared
def test_docker_knows_nothing_of_lxc_any_more(node: Machine) -> None:
    """`docker run --lxc-conf`, which set LXC's options until 1.10."""
    refused = node.run("docker run --lxc-conf lxc.utsname=docker busybox true")
    assert "unknown flag: --lxc-conf" in refused.stderr, refused.expected("the flag refused")


@as_written("docker-tools.libswarm", fails_with="swarmd: command not found")
@pytest.mark.shared
def test_libswarm_is_there(node: Machine) -> None:
    """`swarmd`, the program that came with libswarm."""
    started = node.run("swarmd --version")
    assert started.rc == 0, started.expected("libswarm's program")


@claim("docker-tools.libswarm")
@swarm_drill
def test_engines_join_in_a_swarm(swarm: Swarm) -> None:
    """`docker swarm init` on core-01, `docker swarm join` on core-02, `docker node ls`."""
    ready = {"core-01 Ready", "core-02 Ready"}
    assert ready <= set(swarm.nodes.stdout.splitlines()), swarm.nodes.expected("two nodes ready")


@claim("docker-tools.libswarm")
@swarm_drill
def test_swarm_runs_a_service_on_every_node(swarm: Swarm) -> None:
    """`docker service create --mode global`, typed on core-01 only."""
    for tasks in (swarm.on_first, swarm.on_second):
        assert tasks.stdout.count(" Up ") == 1, tasks.expected("one running task of the service")


@as_written("docker-tools.fig", fails_with="fig: command not found")
@pytest.mark.shared
def test_fig_is_there(node: Machine) -> None:
    """`fig up -d`."""
    started = node.run("fig up -d")
    assert started.rc == 0, started.expected("fig")


@claim("docker-tools.fig")
@pytest.mark.usefixtures("tidy")
def test_compose_starts_the_containers_of_a_fig_yml(fig: str, node: Machine) -> None:
    """A fig.yml of 2014, with two services and a link, and `docker-compose up -d`."""
    up = node.run(f"{fig} up -d")
    running = node.run("docker ps --format '{{.Image}} {{.Status}}'")
    assert running.stdout.count("busybox Up") == 2, running.expected(f"two running containers after\n{up}")
    hello = node.run(f"{fig} exec -T client wget -qO - http://web")
    assert hello.stdout == "hello\n", hello.expected("web's answer to its client")
