"""The drills that run in the background, in their order: each has the name of its fault, or of its tests' xdist_group."""

from collections.abc import Sequence

FAILOVER = ("process-killed", "container-killed", "engine-restarted", "machine-killed", "machine-cut-off", "leader-lost")
NAMES = (*FAILOVER, "ha-drill", "nginx-drill", "redis-ambassador", "redis-ambassador-dynamic", "redis-restart", "cloud-config")


def read_by(test: str) -> str | None:
    """The name of the drill that a test reads, by the test's name as xdist has it, with its group; None when it reads none."""
    return next((name for name in NAMES if test.endswith(f"@{name}") or f"[{name}]" in test), None)


def wanted(tests: Sequence[str]) -> list[str]:
    """The drills that any of these tests reads, in their order."""
    read = {read_by(test) for test in tests}
    return [name for name in NAMES if name in read]
