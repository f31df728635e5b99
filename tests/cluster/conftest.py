"""What tests of several chapters read."""

from tests.cluster.cloud_config_drill import boots as boots
from tests.cluster.failover.reading import drill as drill
from tests.cluster.failover.reading import drilled_here as drilled_here
from tests.cluster.fleetctl import fleetctl as fleetctl
from tests.cluster.ha_drill import ha_drill as ha_drill
from tests.cluster.nginx_drill import nginx_drill as nginx_drill
from tests.cluster.quorum_drill import quorum_drill as quorum_drill
from tests.cluster.reboot_drill import reboot as reboot
from tests.cluster.text_units import install as install
