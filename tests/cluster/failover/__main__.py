"""Runs the drills of the faults that are named, one after the other: `python -m tests.cluster.failover machine-killed ...`."""

import sys

from testbed.cluster import Cluster, demand_running
from testbed.transcript import TRANSCRIPT
from tests.cluster.failover.drill import Drill, Fault, run
from tests.cluster.failover.outcome import Outcome, keep


def main(ids: list[str]) -> None:
    """Each one's outcome is handed over as soon as it is there: whatever it came to, the others are run too."""
    cluster = demand_running()
    for fault in Fault:
        if fault.id in ids:
            drill, broke = _attempt(cluster, fault)
            keep(fault, Outcome(drill, broke, tuple(TRANSCRIPT.results)))
            TRANSCRIPT.results.clear()


def _attempt(cluster: Cluster, fault: Fault) -> tuple[Drill | None, str]:
    try:
        return run(cluster, fault), ""
    except Exception as error:  # its readers shall see it
        return None, f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main(sys.argv[1:])
