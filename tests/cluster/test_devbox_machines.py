"""devbox: what must hold on other machines than the one that it is built on (test_devbox.py holds that one all the time)."""

import pytest

from fixtures.claims import as_written, claim
from testbed.machine import Machine


@claim("devbox.boot2docker-uid-taken")
def test_useradd_with_uid_1000_fails_on_boot2docker(boot2docker: Machine) -> None:
    """It is broken there because docker already uses the uid."""
    added = boot2docker.run("sudo useradd -u 1000 dev")
    assert (added.rc, "UID 1000 is not unique" in added.stderr) == (4, True), added.expected("exit code 4: not unique")
    absent = boot2docker.run("getent passwd dev")
    assert absent.rc == 2, absent.expected("no user dev")


@claim("devbox.boot2docker-uid-taken")
def test_files_of_uid_1000_are_docker_s_on_boot2docker(boot2docker: Machine, folder: str) -> None:
    """What the devbox's dev writes on a volume there belongs to the machine's user docker."""
    boot2docker.run(f"docker run --rm -u 1000 -v {folder}:/var/shared busybox touch /var/shared/from-the-box")
    owner = boot2docker.run(f"stat -c %U {folder}/from-the-box")
    assert owner.stdout == "docker\n", owner.expected("docker as the owner")


@pytest.fixture
def folder(boot2docker: Machine) -> str:
    """A folder of the user docker, in memory as all on this machine."""
    return boot2docker.run("mktemp -d").stdout.strip()


@as_written("devbox.adduser-empty", fails_with="Only one or two names allowed")
@pytest.mark.shared
def test_adduser_creates_the_user(boot2docker: Machine) -> None:
    """`adduser`, as the text leaves it; by root, as nobody else may."""
    before = boot2docker.run("getent passwd").stdout
    added = boot2docker.run("sudo adduser </dev/null")
    assert boot2docker.run("getent passwd").stdout != before, added.expected("one user more")


@claim("devbox.adduser-empty")
@pytest.mark.shared
def test_adduser_without_a_name_only_complains(boot2docker: Machine) -> None:
    """`adduser`: the author left the line unfinished."""
    added = boot2docker.run("sudo adduser </dev/null")
    assert (added.rc, "names allowed" in added.stderr) == (1, True), added.expected("exit code 1 and a complaint")


@claim("devbox.core-is-not-1000")
@pytest.mark.shared
def test_uid_and_gid_1000_are_free_on_the_nodes(nodes: tuple[Machine, ...]) -> None:
    """Which the workshop's `groupadd` and `useradd` presuppose; core is 500."""
    for node in nodes:
        numbers = node.run("id -u core; getent passwd 1000; getent group 1000")
        assert numbers.stdout == "500\n", numbers.expected("core to be 500, and nobody 1000")
