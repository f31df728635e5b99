"""Where data is kept: volumes, storage containers, other hosts; when it goes, and how it is backed up."""

from collections.abc import Iterator

import pytest

from fixtures.claims import as_written, claim
from testbed.cluster import Cluster
from testbed.machine import Machine
from tests.cluster.background.outcome import of_drill
from tests.cluster.steps import do

from .data_drill import NAME, READ, Data, Removed, Storage, run

GROUP = pytest.mark.xdist_group(NAME)


@pytest.fixture(scope="module")
def data(the_cluster: Cluster) -> Data:
    """What became of the volumes of storage containers."""
    return of_drill(NAME, lambda: run(the_cluster))


@pytest.fixture
def storage(data: Data) -> Storage:
    """The container that was backed up on another node."""
    return data.storage


@pytest.fixture
def removed(data: Data) -> Removed:
    """The one of which both users were removed."""
    return data.removed


@as_written("docker-concepts.persist-volumes-or-links", fails_with="can't open '/data/file'")
@GROUP
def test_a_link_gives_the_files_of_a_storage_container(storage: Storage) -> None:
    """`docker run --link storage`."""
    assert storage.by_link.stdout == "kept\n", storage.by_link.expected("what the storage container keeps")


@claim("docker-concepts.persist-volumes-or-links")
@GROUP
def test_volumes_from_gives_the_files_of_a_storage_container(storage: Storage) -> None:
    """`docker run --volumes-from storage`."""
    assert storage.by_volumes_from.stdout == "kept\n", storage.by_volumes_from.expected("what the storage container keeps")


@as_written("docker-concepts.storage-container-refcount", fails_with="kept")
@GROUP
def test_data_is_lost_when_the_reference_count_is_zero(storage: Storage) -> None:
    """`docker rm` of the only container that uses the volume."""
    assert storage.read_after_rm.rc != 0, storage.read_after_rm.expected("nothing to read")


@claim("docker-concepts.storage-container-refcount")
@GROUP
def test_a_volume_outlives_its_last_user(storage: Storage) -> None:
    """The same; `docker run -v` of the volume by its name reads the file."""
    assert storage.read_after_rm.stdout == "kept\n", storage.read_after_rm.expected("what the storage container kept")


@claim("docker-concepts.storage-container-refcount")
@GROUP
def test_a_volume_goes_with_a_prune(storage: Storage) -> None:
    """`docker volume prune -f`: it was there before and is not there after."""
    assert storage.volume in storage.volumes_after_rm.stdout, storage.volumes_after_rm.expected(f"the volume {storage.volume}")
    assert storage.volume not in storage.volumes_after_prune.stdout, storage.volumes_after_prune.expected("the volume to be gone")


@claim("docker-concepts.storage-container-refcount")
@GROUP
def test_rm_v_leaves_a_volume_that_another_container_uses(removed: Removed) -> None:
    """`docker rm -v` of the storage container, while another was made with `--volumes-from`."""
    assert removed.volume in removed.after_first.stdout, removed.after_first.expected(f"the volume {removed.volume}")


@claim("docker-concepts.storage-container-refcount")
@GROUP
def test_rm_v_of_the_last_user_takes_the_volume(removed: Removed) -> None:
    """`docker rm -v` of the other one as well."""
    assert removed.volume not in removed.after_last.stdout, removed.after_last.expected("the volume to be gone")


@claim("docker-concepts.third-party-backup")
@GROUP
def test_a_tar_of_its_volumes_backs_a_container_up(storage: Storage) -> None:
    """`docker run --volumes-from storage busybox tar c /data`, unpacked on another node."""
    assert storage.restored.stdout == "kept\n", storage.restored.expected("what the storage container kept")


@pytest.fixture
def folder(docker_host: Machine) -> Iterator[str]:
    """An empty folder on the machine."""
    path = do(docker_host, "mktemp -d").stdout.strip()
    yield path
    do(docker_host, f"sudo rm -r {path}")


@claim("docker-concepts.volumes-picture")
@pytest.mark.usefixtures("tidy")
def test_a_service_keeps_data_on_its_hosts_disk(docker_host: Machine, folder: str) -> None:
    """`docker run -v FOLDER:/data`; the first container is gone when the second reads."""
    do(docker_host, f"docker run --rm -v {folder}:/data busybox sh -c 'echo one >/data/file'")
    seen = docker_host.run(f"docker run --rm -v {folder}:/data {READ}")
    assert seen.stdout == "one\n", seen.expected("what the first container wrote")


@claim("docker-concepts.volumes-picture")
@pytest.mark.usefixtures("tidy")
def test_a_service_keeps_data_in_another_local_container(docker_host: Machine) -> None:
    """`docker run --volumes-from storage`; the storage container itself never runs."""
    do(docker_host, "docker create -v /data --name storage busybox")
    do(docker_host, "docker run --rm --volumes-from storage busybox sh -c 'echo two >/data/file'")
    seen = docker_host.run(f"docker run --rm --volumes-from storage {READ}")
    assert seen.stdout == "two\n", seen.expected("what the first container wrote")


@pytest.fixture
def store(core_02: Machine, tidy: None) -> str:  # noqa: ARG001
    """A service in a container of core-02 that keeps one value in a volume: `SET value` and `GET`; its address and port."""
    serve = "read verb value; case $verb in SET) echo $value >/data/file;; GET) cat /data/file;; esac"
    do(core_02, f"docker run -d -p 6379:6379 -v /data busybox nc -ll -p 6379 -e sh -c '{serve}'")
    return f"{core_02.address} 6379"


@claim("docker-concepts.volumes-picture")
def test_a_service_keeps_data_in_a_service_of_another_host(core_01: Machine, store: str) -> None:
    """Containers on core-01; what they write is in a volume on core-02."""
    do(core_01, f"docker run --rm busybox sh -c 'echo SET three | nc {store}'")
    seen = core_01.run(f"docker run --rm busybox sh -c 'echo GET | nc {store}'")
    assert seen.stdout == "three\n", seen.expected("what the first container wrote")
