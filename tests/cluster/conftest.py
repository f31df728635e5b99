"""What tests of several chapters read."""

from tests.cluster.quorum_drill import quorum_drill as quorum_drill
