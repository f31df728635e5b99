"""The drill behind test_commit.py: images committed by hand, and carried to another node."""

from dataclasses import dataclass
from uuid import uuid4

from testbed.cluster import Cluster
from testbed.machine import DOCKER_PORT, Machine
from testbed.services import REGISTRY_PORT
from testbed.transcript import Result
from tests.cluster.steps import do, nodes_alone

from .registry import private_registry

NAME = "docker-concepts-commit"

INSTALL = r'mkdir /opt\necho "echo gitlab 1" >/opt/gitlab\necho kept >/data/file\nexit\n'
LAYERS = "docker inspect -f '{{range .RootFS.Layers}}{{println .}}{{end}}'"
DIGEST_AND_ID = "docker inspect -f '{{range .RepoDigests}}{{println .}}{{end}}{{.Id}}'"
ADD_USER = "echo rbucker:x:1000:1000::/home:/bin/sh >>/etc/passwd"


@dataclass(frozen=True)
class Gitlab:
    """gitlab installed on busybox in an interactive container, committed as version 1, and version 2 made from it."""

    base: Result
    changes: Result
    layers: Result
    paths_in_layer: Result
    data_in_image: Result
    run_1: Result
    run_2: Result
    history_2: Result
    signed: Result
    pushed: Result
    pulled: Result
    run_elsewhere: Result


def _gitlab(cluster: Cluster, node: Machine, other: Machine) -> Gitlab:
    """Typed at the container's terminal; version 1 is pushed to the registry, and pulled and run on another node."""
    registry = f"{cluster.services_address}:{REGISTRY_PORT}"
    with private_registry(registry, node, other) as at:
        image = f"{at}/gitlab-{uuid4().hex[:8]}"  # the registry forgets nothing, and another run's must not be taken for ours
        do(node, f"printf '{INSTALL}' | script -qec 'docker run -it -v /data --name install busybox' /dev/null")
        do(node, f"docker commit -a rbucker -m 'gitlab by hand' install {image}:1")
        do(node, f"""docker run --name upgrade {image}:1 sh -c 'echo "echo gitlab 2" >/opt/gitlab'""")
        do(node, f"docker commit -m 'the upgrade' upgrade {image}:2")
        node.run(f"docker push {image}:1")
        return Gitlab(
            base=node.run(f"{LAYERS} busybox"),
            changes=node.run("docker diff install"),
            layers=node.run(f"{LAYERS} {image}:1"),
            paths_in_layer=node.run(
                f"docker save {image}:1 | tar xO $(docker save {image}:1 | tar xO manifest.json | jq -r .[0].Layers[-1]) | tar t"
            ),
            data_in_image=node.run(f"docker run --rm {image}:1 ls -A /data"),
            run_1=node.run(f"docker run --rm {image}:1 sh /opt/gitlab"),
            run_2=node.run(f"docker run --rm {image}:2 sh /opt/gitlab"),
            history_2=node.run(f"docker history {image}:2"),
            signed=node.run(f"docker inspect -f '{{{{.Author}}}}: {{{{.Comment}}}}' {image}:1"),
            pushed=node.run(f"{DIGEST_AND_ID} {image}:1"),
            run_elsewhere=other.run(f"docker run {image}:1 sh /opt/gitlab"),
            pulled=other.run(f"{DIGEST_AND_ID} {image}:1"),
        )


@dataclass(frozen=True)
class Mine:
    """A container to which a user was added, its image, and what is there after a move to another node."""

    user_after_restart: Result
    user_after_rm: Result
    user_in_image: Result
    user_elsewhere: Result
    top_elsewhere: Result


def _mine(node: Machine, other: Machine) -> Mine:
    """Configured, stopped, started, given a second process, committed, moved by save and load, and removed."""
    run = "docker run -d --name mine"
    do(node, f"{run} busybox sleep 600")
    do(node, f"docker exec mine sh -c '{ADD_USER}'")
    do(node, "docker stop -t 0 mine && docker start mine")
    user_after_restart = node.run("docker exec mine id rbucker")
    do(node, "docker exec -d mine sleep 9393")
    do(node, f"docker commit mine configured && docker save configured | docker -H tcp://{other.address}:{DOCKER_PORT} load")
    do(other, f"{run} configured sleep 600")
    do(node, f"docker rm -f mine && {run} busybox sleep 600")
    return Mine(
        user_after_restart=user_after_restart,
        user_after_rm=node.run("docker exec mine id rbucker"),
        user_in_image=node.run("docker run --rm busybox id rbucker"),
        user_elsewhere=other.run("docker exec mine id rbucker"),
        top_elsewhere=other.run("docker top mine"),
    )


@dataclass(frozen=True)
class Commits:
    """The two stories of the chapter."""

    gitlab: Gitlab
    mine: Mine


def run(cluster: Cluster) -> Commits:
    """One after the other, on the same two nodes."""
    with nodes_alone(cluster, 2) as (node, other):
        return Commits(_gitlab(cluster, node, other), _mine(node, other))
