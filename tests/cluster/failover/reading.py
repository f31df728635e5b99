"""How tests read the drills of failover."""

import pytest

from testbed.cluster import Cluster
from tests.cluster.background.outcome import of_drill
from tests.cluster.failover.drill import Drill, Fault, run


@pytest.fixture
def drill(request: pytest.FixtureRequest, the_cluster: Cluster) -> Drill:
    """What was seen of the fault that the test's mark names, see `after`; raises TestbedError when the drill broke."""
    fault: Fault = request.param

    def run_here() -> Drill:
        [seen] = run(the_cluster, (fault,))
        return seen

    return of_drill(fault.id, run_here)


def after(*faults: Fault) -> pytest.MarkDecorator:
    """Returns the mark of a test that reads the drills of these faults, one after the other."""
    return pytest.mark.parametrize("drill", faults, ids=[fault.id for fault in faults], indirect=True)
