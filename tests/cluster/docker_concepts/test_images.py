"""What an image is: layers of files without a kernel, shared by its containers, and changed by none of them."""

from dataclasses import dataclass

import pytest

from fixtures.claims import as_written, claim
from testbed.cluster import Cluster
from testbed.machine import Machine
from testbed.transcript import Result
from tests.cluster.steps import do, docker_host_alone

pytestmark = pytest.mark.xdist_group("docker-concepts-images")

SUMS = "docker save shop | tar x --to-command=sha256sum"
LAYERS = "docker inspect -f '{{range .RootFS.Layers}}{{println .}}{{end}}'"
LOWER = "docker inspect -f '{{.GraphDriver.Data.LowerDir}}'"
ONE_TWO_THREE = ("one", "two", "three")


@dataclass(frozen=True)
class Shop:
    """An image `shop`, built on busybox, and three containers of it, of which the first changes and deletes files."""

    base: Result
    layers: Result
    sums: tuple[Result, Result]
    sizes: Result
    lower: Result
    written: Result
    seen_by_first: Result
    seen_by_second: Result
    seen_by_later: Result


@pytest.fixture(scope="module")
def shop(the_cluster: Cluster) -> Shop:
    """Built, run three times, changed in one container, and run once more."""
    look = "cat /price /etc/group"
    with docker_host_alone(the_cluster) as host:
        do(host, r"printf 'FROM busybox\nRUN echo 10 >/price\n' | docker build -t shop -")
        before = host.run(SUMS)
        for name in ONE_TWO_THREE:
            do(host, f"docker run -d --name {name} shop sleep 600")
        sizes = host.run("docker ps -s --format '{{.Names}} {{.Size}}'")
        do(host, "docker exec one sh -c 'echo 99 >/price; rm /etc/group'")
        return Shop(
            base=host.run(f"{LAYERS} busybox"),
            layers=host.run(f"{LAYERS} shop"),
            sums=(before, host.run(SUMS)),
            sizes=sizes,
            lower=host.run(f"{LOWER} one two three"),
            written=host.run("sudo find $(docker inspect -f '{{.GraphDriver.Data.UpperDir}}' one) ! -type d -printf '%P %y\n'"),
            seen_by_first=host.run(f"docker exec one {look}"),
            seen_by_second=host.run(f"docker exec two {look}"),
            seen_by_later=host.run(f"docker run --rm shop {look}"),
        )


@claim("docker-concepts.images-are-tarfiles")
def test_a_saved_image_holds_a_tar_file_of_each_layer(shop: Shop) -> None:
    """`docker save`: an image names its layers by the SHA-256 of their tar files, and these files are in it."""
    inside = {f"sha256:{line.split()[0]}" for line in shop.sums[0].stdout.splitlines()}
    assert set(shop.layers.stdout.split()) <= inside, shop.sums[0].expected(f"the layers {shop.layers.stdout}")


@claim("docker-concepts.images-immutable")
def test_an_image_is_the_same_after_its_container_changed_files(shop: Shop) -> None:
    """Every file of `docker save`, before and after."""
    before, after = shop.sums
    assert after.stdout == before.stdout, after.expected(f"what was there before: {before.stdout}")


@claim("docker-concepts.images-immutable")
def test_a_container_is_not_immutable(shop: Shop) -> None:
    """The text says so of "containers/images"; this one has a new price."""
    assert shop.seen_by_first.stdout == "99\n", shop.seen_by_first.expected("the new price, and no group")


@claim("docker-concepts.read-only-reference")
def test_a_running_container_does_not_see_what_another_changed(shop: Shop) -> None:
    """A container of the same image, started before."""
    assert shop.seen_by_second.stdout.startswith("10\nroot:"), shop.seen_by_second.expected("the old price, and the groups")


@claim("docker-concepts.read-only-reference")
def test_a_later_container_does_not_see_what_another_changed(shop: Shop) -> None:
    """A container of the same image, started after."""
    assert shop.seen_by_later.stdout.startswith("10\nroot:"), shop.seen_by_later.expected("the old price, and the groups")


@claim("docker-concepts.images-are-userspace")
@pytest.mark.usefixtures("tidy")
def test_an_image_holds_no_kernel(docker_host: Machine) -> None:
    """A search of the whole of busybox, whose own programs make it."""
    found = docker_host.run(r"docker run --rm busybox find / -xdev \( -name 'vmlinu*' -o -path '/lib/modules/*' \)")
    assert (found.rc, found.stdout) == (0, ""), found.expected("neither a kernel nor modules for one")


@as_written("docker-concepts.start-with-os-image", fails_with='"sh": executable file not found')
@pytest.mark.usefixtures("tidy")
def test_hello_world_starts_with_an_operating_systems_image(docker_host: Machine) -> None:
    """ "You start with an OS image": then there would be a shell."""
    shell = docker_host.run("docker run --entrypoint sh hello-world -c true")
    assert shell.rc == 0, shell.expected("an operating system's shell")


@claim("docker-concepts.start-with-os-image")
@pytest.mark.usefixtures("tidy")
def test_hello_world_runs_with_one_file_in_its_image(docker_host: Machine) -> None:
    """`docker export`: all but one of the files are empty, made by Docker to mount its own upon."""
    listing = docker_host.run("docker run --name hello hello-world >&2 && docker export hello | tar tv")
    files = [line.split()[-1] for line in listing.stdout.splitlines() if line.startswith("-") and line.split()[2] != "0"]
    assert files == ["hello"], listing.expected("the file hello alone")


@claim("docker-concepts.instances-share-image")
def test_containers_of_one_image_stand_on_the_same_directories(shop: Shop) -> None:
    """`docker inspect`: below the container's own first directory they are equal."""
    shared = {line.partition(":")[2] for line in shop.lower.stdout.split()}
    assert len(shared) == 1, shop.lower.expected("one list of directories for all three containers")
    assert shared != {""}, shop.lower.expected("the image's directories")


@claim("docker-concepts.instances-share-image")
def test_containers_of_one_image_copy_nothing(shop: Shop) -> None:
    """`docker ps -s`."""
    assert shop.sizes.stdout.count(" 0B (virtual") == len(ONE_TWO_THREE), shop.sizes.expected("0B for each")


@claim("docker-concepts.layered-over")
def test_an_applications_image_adds_layers_to_its_bases(shop: Shop) -> None:
    """`docker inspect` of both images."""
    base, layers = shop.base.stdout.split(), shop.layers.stdout.split()
    assert layers[:-1] == base, shop.layers.expected(f"one layer on top of {shop.base.stdout}")


@claim("docker-concepts.instance-is-layers")
def test_a_container_stands_on_each_layer_of_its_image(shop: Shop) -> None:
    """`docker inspect`: one directory a layer, and one for the files that Docker makes for the container."""
    below = shop.lower.stdout.split()[0].split(":")
    assert len(below) == len(shop.layers.stdout.split()) + 1, shop.lower.expected("a directory a layer, and one more")


@claim("docker-concepts.instance-is-layers")
def test_what_a_container_changes_is_in_its_own_layer(shop: Shop) -> None:
    """A deleted file is a character device there, which hides the one below."""
    assert sorted(shop.written.stdout.splitlines()) == ["etc/group c", "price f"], shop.written.expected("price and etc/group")
