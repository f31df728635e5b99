"""Software installed by hand, committed, changed, committed again, and carried to another node, as the blog tells it."""

import re

import pytest

from fixtures.claims import as_written, claim
from testbed.cluster import Cluster
from tests.cluster.background.outcome import of_drill

from .commit_drill import NAME, Commits, Gitlab, Mine, run

pytestmark = pytest.mark.xdist_group(NAME)


@pytest.fixture(scope="module")
def commits(the_cluster: Cluster) -> Commits:
    """What was committed on one node, and carried to another."""
    return of_drill(NAME, lambda: run(the_cluster))


@pytest.fixture
def gitlab(commits: Commits) -> Gitlab:
    """Software that was installed by hand."""
    return commits.gitlab


@pytest.fixture
def mine(commits: Commits) -> Mine:
    """A container that was changed while it ran."""
    return commits.mine


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
