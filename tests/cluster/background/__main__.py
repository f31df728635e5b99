"""Runs the drills that are named: `python -m tests.cluster.background machine-killed leader-lost nginx-drill`."""

import sys
import traceback

from testbed.cluster import Cluster, demand_running
from testbed.transcript import TRANSCRIPT
from tests.cluster.background.drills import ALL, Drills
from tests.cluster.background.names import AFTER
from tests.cluster.background.outcome import Outcome, keep, wait_until_over


def main(names: list[str]) -> None:
    """Each one's outcome is handed over as soon as it is there: whatever it came to, the others are run too."""
    cluster = demand_running()
    for drills in ALL:
        left = [name for name in drills.names if name in names]
        if left and left[0] in AFTER:
            wait_until_over(AFTER[left[0]])
        while left:
            _run(cluster, drills, left)


def _run(cluster: Cluster, drills: Drills, left: list[str]) -> None:
    """Run one after the other, and take those away that were run, with the first that broke.

    The last drill's outcome is handed over when the machines have been handed back as they were found, which is part of it.
    """
    stories = drills.run(cluster, tuple(left))
    try:
        while left:
            seen = next(stories)
            if len(left) == 1:
                next(stories, None)
            _hand_over(left.pop(0), seen, "")
    except Exception as error:  # its readers shall see it
        traceback.print_exc()
        _hand_over(left.pop(0), None, f"{type(error).__name__}: {error}")


def _hand_over(name: str, seen: object, broke: str) -> None:
    keep(name, Outcome(seen, broke, tuple(TRANSCRIPT.results)))
    TRANSCRIPT.results.clear()


if __name__ == "__main__":
    main(sys.argv[1:])
