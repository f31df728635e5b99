"""The drills, as fixtures: each is run once for all tests that read it."""

from tests.cluster.nginx_drill import nginx_drill as nginx_drill
from tests.cluster.quorum_drill import quorum_drill as quorum_drill
