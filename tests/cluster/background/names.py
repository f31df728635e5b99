"""The drills that run in the background, in their order: each has the name of its fault, or of its tests' xdist_group."""

from collections.abc import Sequence

FAILOVER = ("process-killed", "container-killed", "engine-restarted", "machine-killed", "machine-cut-off", "leader-lost")
FOLDER = "tests/cluster/"
ON_ALL_NODES = ("ha-drill", "redis-ambassador", "redis-ambassador-dynamic", "redis-different")
ON_NODES = (*ON_ALL_NODES, *FAILOVER, "nginx-drill", "redis-restart", "reboot-of-core-02", "cloud-config")
BREAK_QUORUM = ("ha-drill", *FAILOVER, "redis-restart", "reboot-of-core-02")
LANES = (ON_NODES, ("quorum-drill", "cluster-by-hand", "docker-commands"))
"""Each lane is a process of its own: the drills of the first want the same machines, those of the second can go on beside them.

First come those that want all nodes: as long as workers have tests for boot2docker, which need none.
"""
AFTER = {"quorum-drill": "ha-drill", "cluster-by-hand": "ha-drill"}
"""What begins only when a drill of another lane is over: until then the builds, with which workers begin, need the processors."""
NAMES = tuple(name for lane in LANES for name in lane)


def read_by(test: str) -> str | None:
    """The name of the drill that a test reads, by the test's name as xdist has it, with its group; None when it reads none."""
    return next((name for name in NAMES if test.endswith(f"@{name}") or f"[{name}]" in test), None)


def wanted(tests: Sequence[str]) -> list[list[str]]:
    """The drills that any of these tests reads, in their order, by lane; a lane of which none is read is left out."""
    read = {read_by(test) for test in tests if test.startswith(FOLDER)}
    lanes = ([name for name in lane if name in read] for lane in LANES)
    return [lane for lane in lanes if lane]
