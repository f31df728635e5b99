"""What of the web page that stays up only fleet can show."""

from fixtures.claims import claim
from tests.cluster.fleetctl import Fleetctl


@claim("ha-web.x-conflicts-nginx")
def test_unit_that_conflicts_with_itself_by_name_runs_once(fleetctl: Fleetctl) -> None:
    """`Conflicts=nginx.service` in nginx.service, which is started twice, and in a copy that may run beside it only."""
    here = f"MachineMetadata=address={fleetctl.nodes[0].address}"
    fleetctl.write("nginx.service", here, "Conflicts=nginx.service")
    fleetctl.write("nginx2.service", here, "Conflicts=nginx.service")
    fleetctl.write("other.service", here)
    fleetctl.start("nginx.service")
    fleetctl.rows(1)
    fleetctl.start("nginx.service")
    fleetctl.start("nginx2.service")
    fleetctl.start("other.service")
    units = fleetctl.rows(2)
    assert [line.split()[0] for line in units.stdout.splitlines()] == ["nginx.service", "other.service"], units.expected(
        "one nginx.service, and no copy beside it"
    )
