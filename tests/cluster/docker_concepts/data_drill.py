"""The drill behind test_data.py: storage containers, backed up on another node, and removed."""

from dataclasses import dataclass

from testbed.cluster import Cluster
from testbed.machine import DOCKER_PORT, Machine
from testbed.transcript import Result
from tests.cluster.steps import do, nodes_alone

NAME = "docker-concepts-data"

VOLUME = "docker inspect -f '{{(index .Mounts 0).Name}}'"
READ = "busybox cat /data/file"


@dataclass(frozen=True)
class Storage:
    """A storage container with "kept" in its volume: used, backed up, and removed as the last user of the volume."""

    volume: str
    by_link: Result
    by_volumes_from: Result
    restored: Result
    volumes_after_rm: Result
    read_after_rm: Result
    volumes_after_prune: Result


def _storage(node: Machine, other: Machine) -> Storage:
    """The backup is restored on another node, which has nothing else of it."""
    do(node, "docker run -d -v /data --name storage busybox sleep 600")
    do(node, "docker exec storage sh -c 'echo kept >/data/file'")
    volume = do(node, f"{VOLUME} storage").stdout.strip()
    by_link = node.run(f"docker run --rm --link storage {READ}")
    by_volumes_from = node.run(f"docker run --rm --volumes-from storage {READ}")
    node.run(
        "docker run --rm --volumes-from storage busybox tar c /data"
        f" | docker -H tcp://{other.address}:{DOCKER_PORT} run -i -v /data --name restored busybox tar x"
    )
    do(node, "docker rm -f storage")
    volumes_after_rm = node.run("docker volume ls -q")
    read_after_rm = node.run(f"docker run --rm -v {volume}:/data {READ}")
    do(node, "docker volume prune -f")
    return Storage(
        volume=volume,
        by_link=by_link,
        by_volumes_from=by_volumes_from,
        restored=other.run(f"docker run --rm --volumes-from restored {READ}"),
        volumes_after_rm=volumes_after_rm,
        read_after_rm=read_after_rm,
        volumes_after_prune=node.run("docker volume ls -q"),
    )


@dataclass(frozen=True)
class Removed:
    """The volumes that are left when two users of one volume are removed by `docker rm -v`, one after the other."""

    volume: str
    after_first: Result
    after_last: Result


def _removed(node: Machine) -> Removed:
    """The first user is the storage container itself."""
    do(node, "docker run -v /data --name storage busybox true && docker run --volumes-from storage --name user busybox true")
    volume = do(node, f"{VOLUME} storage").stdout.strip()
    after_first = do(node, "docker rm -v storage && docker volume ls -q")
    return Removed(volume, after_first, do(node, "docker rm -v user && docker volume ls -q"))


@dataclass(frozen=True)
class Data:
    """The two stories of the chapter."""

    storage: Storage
    removed: Removed


def run(cluster: Cluster) -> Data:
    """One after the other, on the same node, and with another for the backup."""
    with nodes_alone(cluster, 2) as (node, other):
        return Data(_storage(node, other), _removed(node))
