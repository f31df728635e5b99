"""The drills as fixtures, each run once for all tests that read it."""

from tests.cluster.failover.fixtures import container_killed as container_killed
from tests.cluster.failover.fixtures import drill as drill
from tests.cluster.failover.fixtures import engine_restarted as engine_restarted
from tests.cluster.failover.fixtures import leader_lost as leader_lost
from tests.cluster.failover.fixtures import machine_cut_off as machine_cut_off
from tests.cluster.failover.fixtures import machine_killed as machine_killed
from tests.cluster.failover.fixtures import process_killed as process_killed
from tests.cluster.fleetctl import fleetctl as fleetctl
from tests.cluster.ha_drill import ha_drill as ha_drill
from tests.cluster.nginx_drill import nginx_drill as nginx_drill
from tests.cluster.quorum_drill import quorum_drill as quorum_drill
from tests.cluster.text_units import install as install
