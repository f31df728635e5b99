"""boot2docker's aside: what is immutable in CoreOS and in Docker, and where data goes then."""

from collections.abc import Iterator

import pytest

from fixtures.claims import claim
from testbed.machine import Machine
from tests.cluster.steps import do

SHARED = "-v /media/state/shared/:/var/shared/"


@claim("boot2docker.immutable-where-it-counts")
def test_coreos_is_immutable_where_it_counts(node: Machine) -> None:
    """/usr, which holds the system, takes nothing, not even from root."""
    usr = node.run("sudo touch /usr/marker")
    assert "Read-only file system" in usr.stderr, usr.expected("a read-only file system")


@claim("boot2docker.immutable-where-it-counts")
def test_coreos_is_mutable_elsewhere(node: Machine) -> None:
    """/etc, which holds the settings, can be written."""
    etc = node.run("sudo touch /etc/marker && sudo rm /etc/marker")
    assert etc.rc == 0, etc.expected("exit code 0")


@claim("boot2docker.theme-extends-to-docker")
@pytest.mark.usefixtures("tidy")
def test_container_changes_nothing_of_its_image(docker_host: Machine) -> None:
    """It deletes and overwrites what it likes; the image, and what a new container finds, stay."""
    in_new_container = "docker run --rm theme sh -c 'md5sum /etc/passwd /bin/busybox; ls / /bin | md5sum'"
    look = f"{in_new_container}; docker image inspect -f '{{{{.Id}}}} {{{{.RootFS.Layers}}}}' theme"
    before = docker_host.run(f"docker pull -q busybox >/dev/null; docker tag busybox theme; {look}")
    vandalise = "echo vandal >/etc/passwd; rm -r /bin /home"
    vandal = docker_host.run(f"docker run --name vandal theme sh -c '{vandalise}'; docker diff vandal")
    assert {"C /etc/passwd", "D /bin"} <= set(vandal.stdout.splitlines()), vandal.expected("/etc/passwd changed, /bin deleted")
    after = docker_host.run(look)
    assert after.stdout == before.stdout, after.expected(f"what was there before:\n{before.stdout}")


@pytest.fixture
def web(docker_host: Machine) -> None:
    """A container that serves its pages."""
    started = docker_host.run("docker run -d --name web busybox httpd -f -h /etc")
    assert started.rc == 0, started.expected("exit code 0")


@claim("boot2docker.never-change-container")
@pytest.mark.usefixtures("tidy", "web")
def test_container_stays_as_it_was_built(docker_host: Machine) -> None:
    """`docker diff` of a container that has done its work lists nothing."""
    served = docker_host.run("docker exec web wget -qO- http://127.0.0.1/passwd")
    assert "root" in served.stdout, served.expected("the page")
    diff = docker_host.run("docker diff web")
    assert (diff.rc, diff.stdout) == (0, ""), diff.expected("no difference from the image")


@claim("boot2docker.never-change-container")
@pytest.mark.usefixtures("tidy", "web")
def test_docker_shows_a_change_but_forbids_none(docker_host: Machine) -> None:
    """`docker diff` of a container that was changed."""
    docker_host.run("docker exec web sh -c 'echo changed >>/etc/passwd; touch /etc/added; rm /etc/group'")
    diff = docker_host.run("docker diff web")
    expected = {"C /etc", "C /etc/passwd", "A /etc/added", "D /etc/group"}
    assert set(diff.stdout.splitlines()) == expected, diff.expected(f"{sorted(expected)}")


@pytest.fixture
def page(docker_host: Machine) -> Iterator[str]:
    """The folder, on the machine, of a Dockerfile whose image holds a page."""
    folder = docker_host.run("mktemp -d").stdout.strip()
    docker_host.run(rf"printf 'FROM busybox\nCOPY page /\n' >{folder}/Dockerfile")
    yield folder
    docker_host.run(f"rm -r {folder}")


@claim("boot2docker.change-by-rebuild")
@pytest.mark.usefixtures("tidy")
def test_change_comes_by_rebuild_and_a_new_container(docker_host: Machine, page: str) -> None:
    """`docker build` again and run: the new container has the change, the old one and its image have not."""
    for version in ("old", "new"):
        start = f"docker build -t page . && docker run -d --name {version} page sleep 300"
        made = docker_host.run(f"cd {page} && echo {version} >page && {start}")
        assert made.rc == 0, made.expected("exit code 0")
    shown = docker_host.run("docker exec old cat /page; docker exec new cat /page")
    assert shown.stdout.split() == ["old", "new"], shown.expected("old, then new")
    images = docker_host.run("docker inspect -f '{{.Image}}' old new; docker image inspect -f '{{.Id}}' page")
    old, new, tagged = images.stdout.split()
    assert old != new == tagged, images.expected("the tag on the new container's image, and another image in the old one")


@pytest.fixture
def no_shared_folder(docker_host: Machine) -> Iterator[None]:
    """What the engine makes for the text's mount point is removed."""
    assert docker_host.run("test -e /media/state").rc == 1, f"{docker_host}: /media/state is there already"
    yield
    docker_host.run("sudo rm -rf /media/state")


@claim("boot2docker.persist-by-volume")
@pytest.mark.usefixtures("tidy", "no_shared_folder")
def test_data_on_a_volume_outlives_the_container(docker_host: Machine) -> None:
    """`-v /media/state/shared/:/var/shared/`"""
    do(docker_host, f"docker run --name writer {SHARED} busybox sh -c 'echo kept >/var/shared/data' && docker rm -f writer")
    read = docker_host.run(f"docker run {SHARED} busybox cat /var/shared/data; cat /media/state/shared/data")
    assert read.stdout.split() == ["kept", "kept"], read.expected("kept, in a new container and on the machine")


@claim("boot2docker.persist-by-data-container")
@pytest.mark.usefixtures("tidy")
def test_data_in_a_data_container_outlives_its_users(docker_host: Machine) -> None:
    """`docker create -v /data --name data`, then `--volumes-from data`."""
    docker_host.run("docker create -v /data --name data busybox")
    docker_host.run("docker run --volumes-from data --name writer busybox sh -c 'echo kept >/data/it'; docker rm writer")
    read = docker_host.run("docker run --volumes-from data busybox cat /data/it")
    assert read.stdout == "kept\n", read.expected("kept, in a second container")


@claim("boot2docker.persist-by-data-container")
@pytest.mark.usefixtures("tidy")
def test_named_volume_does_the_same_without_a_container(docker_host: Machine) -> None:
    """`docker volume create`, of Docker 1.9: what replaced data-containers."""
    docker_host.run("docker volume create data; docker run --rm -v data:/data busybox sh -c 'echo kept >/data/it'")
    read = docker_host.run("docker run -v data:/data busybox cat /data/it")
    assert read.stdout == "kept\n", read.expected("kept, in a second container")
