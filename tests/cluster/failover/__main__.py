"""Runs the drills of the faults that are named: `python -m tests.cluster.failover machine-killed leader-lost`."""

import sys

from testbed.cluster import Cluster, demand_running
from testbed.transcript import TRANSCRIPT
from tests.cluster.failover.drill import STAGES, Drill, Fault, run
from tests.cluster.failover.outcome import Outcome, keep


def main(ids: list[str]) -> None:
    """Each one's outcome is handed over as soon as it is there: whatever it came to, the others are run too."""
    cluster = demand_running()
    for stage in STAGES:
        faults = [fault for fault in stage if fault.id in ids]
        while faults:
            _run(cluster, faults)


def _run(cluster: Cluster, faults: list[Fault]) -> None:
    """Run one after the other, and take those away that were run, with the first that broke.

    The last drill's outcome is handed over when the machines have been handed back as they were found, which is part of it.
    """
    drills = run(cluster, tuple(faults))
    try:
        while faults:
            drill = next(drills)
            if len(faults) == 1:
                next(drills, None)
            _hand_over(faults.pop(0), drill, "")
    except Exception as error:  # its readers shall see it
        _hand_over(faults.pop(0), None, f"{type(error).__name__}: {error}")


def _hand_over(fault: Fault, drill: Drill | None, broke: str) -> None:
    keep(fault, Outcome(drill, broke, tuple(TRANSCRIPT.results)))
    TRANSCRIPT.results.clear()


if __name__ == "__main__":
    main(sys.argv[1:])
