"""Each fault's drill as a fixture, run once for all tests that ask for it; and marks for tests that look at several."""

from collections.abc import Callable

import pytest

from testbed.cluster import Cluster
from tests.cluster.failover.drill import Drill, Fault, run

GROUP = pytest.mark.xdist_group("failover")


def _drill_of(fault: Fault) -> Callable[[Cluster], Drill]:
    @pytest.fixture(scope="session", name=fault.name.lower())
    def drill(the_cluster: Cluster) -> Drill:
        return run(the_cluster, fault)

    return drill


process_killed = _drill_of(Fault.PROCESS_KILLED)
container_killed = _drill_of(Fault.CONTAINER_KILLED)
engine_restarted = _drill_of(Fault.ENGINE_RESTARTED)
machine_killed = _drill_of(Fault.MACHINE_KILLED)
machine_cut_off = _drill_of(Fault.MACHINE_CUT_OFF)
leader_lost = _drill_of(Fault.LEADER_LOST)


@pytest.fixture
def drill(request: pytest.FixtureRequest) -> Drill:
    """The drill of the fault that the test's mark names, see `after`."""
    seen: Drill = request.getfixturevalue(request.param.name.lower())
    return seen


def after(*faults: Fault) -> pytest.MarkDecorator:
    """Returns the mark of a test that looks at the drills of these faults, one after the other."""
    return pytest.mark.parametrize("drill", faults, ids=lambda fault: fault.value.replace(" ", "-"), indirect=True)
