"""What runs each of the drills in the background."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from testbed.cluster import Cluster
from tests.cluster import (
    by_hand,
    cloud_config_drill,
    docker_commands_drill,
    ha_drill,
    nginx_drill,
    quorum_drill,
    reboot_drill,
    redis_ambassador_drill,
    redis_different_drill,
    redis_dynamic_drill,
    redis_restart_drill,
    redis_same_drill,
)
from tests.cluster.docker_concepts import commit_drill, data_drill
from tests.cluster.failover import drill as failover


@dataclass(frozen=True)
class Drills:
    """Some that run together: `run` gets those of the names that are wanted, and yields what was seen in each."""

    names: tuple[str, ...]
    run: Callable[[Cluster, Sequence[str]], Iterator[object]]


def _one(name: str, run: Callable[[Cluster], object]) -> Drills:
    def run_it(cluster: Cluster, _: Sequence[str]) -> Iterator[object]:
        yield run(cluster)

    return Drills((name,), run_it)


ALL = (
    _one(ha_drill.NAME, ha_drill.run),
    _one(redis_ambassador_drill.NAME, redis_ambassador_drill.run),
    _one(redis_dynamic_drill.NAME, redis_dynamic_drill.run),
    _one(redis_different_drill.NAME, redis_different_drill.run),
    _one(commit_drill.NAME, commit_drill.run),
    _one(data_drill.NAME, data_drill.run),
    _one(redis_same_drill.NAME, redis_same_drill.run),
    _one(redis_restart_drill.NAME, redis_restart_drill.run),
    _one(reboot_drill.NAME, reboot_drill.run),
    *(Drills(tuple(fault.id for fault in stage), failover.run_named) for stage in failover.STAGES),
    _one(nginx_drill.NAME, nginx_drill.run),
    _one(quorum_drill.NAME, quorum_drill.run),
    _one(docker_commands_drill.NAME, docker_commands_drill.run),
    _one(cloud_config_drill.NAME, cloud_config_drill.run),
    _one(by_hand.NAME, by_hand.run),
)
