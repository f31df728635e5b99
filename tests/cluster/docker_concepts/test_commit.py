"""Software installed by hand, committed, changed, committed again, and carried to another node, as the blog tells it."""

import re
from dataclasses import dataclass
from uuid import uuid4

import pytest

from fixtures.claims import as_written, claim
from testbed.cluster import Cluster
from testbed.machine import DOCKER_PORT
from testbed.services import REGISTRY_PORT
from testbed.transcript import Result
from tests.cluster.steps import do, nodes_alone

from .registry import private_registry

pytestmark = pytest.mark.xdist_group("docker-concepts-commit")

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


@pytest.fixture(scope="module")
def gitlab(the_cluster: Cluster) -> Gitlab:
    """Typed at the container's terminal; version 1 is pushed to the registry, and pulled and run on another node."""
    registry = f"{the_cluster.services_address}:{REGISTRY_PORT}"
    with nodes_alone(the_cluster, 2) as (node, other), private_registry(registry, node, other) as at:
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


@pytest.fixture(scope="module")
def mine(the_cluster: Cluster) -> Mine:
    """Configured, stopped, started, given a second process, committed, moved by save and load, and removed."""
    run = "docker run -d --name mine"
    with nodes_alone(the_cluster, 2) as (node, other):
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


@claim("docker-concepts.gitlab-interactive-commit")
def test_what_was_installed_by_hand_runs_from_the_committed_image(gitlab: Gitlab) -> None:
    """`docker run -it`, typing, `docker commit`, `docker run`."""
    assert gitlab.run_1.stdout == "gitlab 1\n", gitlab.run_1.expected("the installed program to run")


@claim("docker-concepts.commit-is-version-control")
def test_a_commit_has_an_author_and_a_message(gitlab: Gitlab) -> None:
    """`docker commit -a rbucker -m 'gitlab by hand'`."""
    assert gitlab.signed.stdout.strip() == "rbucker: gitlab by hand", gitlab.signed.expected("author and message")


@claim("docker-concepts.commit-is-version-control")
def test_the_history_of_an_image_tells_its_commits(gitlab: Gitlab) -> None:
    """`docker history`, the newest first."""
    told = re.search(r"the upgrade *\n.* gitlab by hand *\n", gitlab.history_2.stdout)
    assert told, gitlab.history_2.expected("the second commit, and below it the first")


@claim("docker-concepts.commit-is-version-control")
def test_an_earlier_version_stays_as_it_was(gitlab: Gitlab) -> None:
    """Version 2 was made from version 1 and differs."""
    assert gitlab.run_2.stdout == "gitlab 2\n", gitlab.run_2.expected("the new version in the new image")
    assert gitlab.run_1.stdout == "gitlab 1\n", gitlab.run_1.expected("the old version in the old image")


@claim("docker-concepts.only-differences")
def test_a_commit_adds_one_layer_to_its_base(gitlab: Gitlab) -> None:
    """`docker inspect` of both images."""
    base, layers = gitlab.base.stdout.split(), gitlab.layers.stdout.split()
    assert layers[:-1] == base, gitlab.layers.expected(f"one layer on top of {gitlab.base.stdout}")


@claim("docker-concepts.only-differences")
def test_the_layer_holds_just_what_was_changed(gitlab: Gitlab) -> None:
    """`docker diff` of the container, and the tar file of the new layer."""
    changed = {line.split()[1] for line in gitlab.changes.stdout.splitlines()}
    inside = {f"/{path.rstrip('/')}" for path in gitlab.paths_in_layer.stdout.split()}
    assert "/opt/gitlab" in changed, gitlab.changes.expected("the installed program")
    assert inside == changed, gitlab.paths_in_layer.expected(f"just what docker diff tells: {sorted(changed)}")


@claim("docker-concepts.only-differences")
def test_what_is_in_a_volume_is_not_committed(gitlab: Gitlab) -> None:
    """The session wrote a file to its volume, /data."""
    assert (gitlab.data_in_image.rc, gitlab.data_in_image.stdout) == (0, ""), gitlab.data_in_image.expected("an empty /data")


@claim("docker-concepts.upload-for-others")
def test_an_uploaded_image_runs_elsewhere(gitlab: Gitlab) -> None:
    """`docker push` on one node, `docker run` on another."""
    assert gitlab.run_elsewhere.stdout == "gitlab 1\n", gitlab.run_elsewhere.expected("the same output as where it was made")


@claim("docker-concepts.then-the-registry")
def test_a_registry_carries_the_very_same_image(gitlab: Gitlab) -> None:
    """The digest in the registry and the image's id, where it was pushed and where it was pulled."""
    assert "@sha256:" in gitlab.pushed.stdout, gitlab.pushed.expected("a digest, which a push gives")
    assert gitlab.pulled.stdout == gitlab.pushed.stdout, gitlab.pulled.expected(f"as pushed: {gitlab.pushed.stdout}")


@claim("docker-concepts.changes-in-running-instance")
def test_a_user_added_in_a_container_stays_with_it(mine: Mine) -> None:
    """`docker exec mine id rbucker` after a stop and a start."""
    assert "(rbucker)" in mine.user_after_restart.stdout, mine.user_after_restart.expected("the user")


@claim("docker-concepts.changes-in-running-instance")
def test_a_user_added_in_a_container_goes_with_it(mine: Mine) -> None:
    """The same after `docker rm` and `docker run`."""
    assert "unknown user" in mine.user_after_rm.stderr, mine.user_after_rm.expected("no such user")


@claim("docker-concepts.changes-not-in-image")
def test_a_user_added_in_a_container_is_not_in_its_image(mine: Mine) -> None:
    """`docker run busybox id rbucker`."""
    assert "unknown user" in mine.user_in_image.stderr, mine.user_in_image.expected("no such user")


@claim("docker-concepts.commit-and-distribute")
def test_a_changed_configuration_is_committed_and_passed_on(mine: Mine) -> None:
    """`docker commit mine configured`, `docker save`, `docker load` on another node."""
    assert "(rbucker)" in mine.user_elsewhere.stdout, mine.user_elsewhere.expected("the user")


@as_written("docker-concepts.third-party-move", fails_with="sleep 600")
def test_a_running_container_moves_to_another_node(mine: Mine) -> None:
    """What runs in it goes on there."""
    assert "sleep 9393" in mine.top_elsewhere.stdout, mine.top_elsewhere.expected(
        "the process that ran in it to go on: sleep 9393"
    )


@claim("docker-concepts.third-party-move")
def test_the_files_of_a_container_move_but_its_processes_do_not(mine: Mine) -> None:
    """The user that was added is there; `docker top` shows a new first process and nothing else."""
    assert "(rbucker)" in mine.user_elsewhere.stdout, mine.user_elsewhere.expected("the user")
    assert len(mine.top_elsewhere.stdout.splitlines()) == 2, mine.top_elsewhere.expected("one process")
