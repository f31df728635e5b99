"""The drills that run in the background, in their order: each has the name of its fault, or of its tests' xdist_group."""

from collections.abc import Sequence

FAILOVER = ("process-killed", "container-killed", "engine-restarted", "machine-killed", "machine-cut-off", "leader-lost")
FOLDER = "tests/cluster/"
ON_ALL_NODES = ("ha-drill", "redis-ambassador", "redis-ambassador-dynamic", "redis-different")
ON_TWO_NODES = ("docker-concepts-commit", "docker-concepts-data", "redis-same")
ON_NODES = (*ON_ALL_NODES, *ON_TWO_NODES, "redis-restart", "reboot-of-core-02", *FAILOVER, "nginx-drill")
BREAK_QUORUM = ("ha-drill", "redis-restart", "reboot-of-core-02", *FAILOVER)
TAKE = {
    **dict.fromkeys(ON_TWO_NODES, ("core-03", "core-01")),
    "redis-restart": ("core-03",),
    "reboot-of-core-02": ("core-02",),
    "nginx-drill": ("core-03",),
}
"""The nodes that each will take; where any will do, those that it takes if it can."""
WITHOUT_NODES = ("docker-commands", "cloud-config", "cluster-by-hand")
LANES = (ON_NODES, ("quorum-drill", *WITHOUT_NODES))
"""Each lane is a process of its own: the drills of the first want the same machines, those of the second can go on beside them.

First come those that want all nodes: as long as workers have tests for boot2docker, which need none. The reboot comes before any
fault can have made core-02 the manager's leader: the engines of the others would answer late until another leads. Last comes the
one that leaves others the quorum, when what wants it is all that workers have left.
"""
AFTER = {"quorum-drill": "ha-drill", "docker-commands": "redis-different", "cluster-by-hand": "machine-cut-off"}
"""What begins only when a drill of another lane is over: until then the builds, with which workers begin, need the processors.

A second cluster needs them most, so it comes when the workers' own work runs out.
"""
NAMES = tuple(name for lane in LANES for name in lane)


def read_by(test: str) -> str | None:
    """The name of the drill that a test reads, by the test's name as xdist has it, with its group; None when it reads none."""
    return next((name for name in NAMES if test.endswith(f"@{name}") or f"[{name}]" in test), None)


def wanted(tests: Sequence[str]) -> list[list[str]]:
    """The drills that any of these tests reads, in their order, by lane; a lane of which none is read is left out."""
    read = {read_by(test) for test in tests if test.startswith(FOLDER)}
    lanes = ([name for name in lane if name in read] for lane in LANES)
    return [lane for lane in lanes if lane]
