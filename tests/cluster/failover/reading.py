"""How tests read the drills of failover."""

from collections.abc import Callable
from functools import cache, partial

import pytest

from testbed.cluster import Cluster
from tests.cluster.background.outcome import of_drill
from tests.cluster.failover.drill import Drill, Fault, run


@pytest.fixture
def drill(request: pytest.FixtureRequest, drilled_here: Callable[[Fault], Drill]) -> Drill:
    """What was seen of the fault that the test's mark names, see `after`; raises TestbedError when the drill broke."""
    fault: Fault = request.param
    return of_drill(fault.id, partial(drilled_here, fault))


@pytest.fixture(scope="session")
def drilled_here(the_cluster: Cluster) -> Callable[[Fault], Drill]:
    """Runs a fault's drill in this process, once for all who read it."""

    @cache
    def drilled(fault: Fault) -> Drill:
        [seen] = run(the_cluster, (fault,))
        return seen

    return drilled


def after(*faults: Fault) -> pytest.MarkDecorator:
    """Returns the mark of a test that reads the drills of these faults, one after the other."""
    return pytest.mark.parametrize("drill", faults, ids=[fault.id for fault in faults], indirect=True)
