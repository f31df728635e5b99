"""nginx.service under fleet: what its last line does, and what its name does already."""

from collections.abc import Iterator
from functools import partial

import pytest

from fixtures.claims import claim
from testbed.machine import Machine
from testbed.transcript import Result
from testbed.wait import settled, wait_until
from tests.cluster.text_units import NGINX, Unit

pytestmark = pytest.mark.usefixtures("quorum")

NOWHERE, CHOSEN = "-", "/"
"""What fleetctl prints for no machine, and what is in a machine's words, ID/ADDRESS."""
DECIDED_SECONDS = 6
"""fleet's engine decides every two seconds."""
SECONDS = 30
COPY = Unit("nginx2.service", NGINX.but("--name nginx ", "--name nginx2 ").but("kill nginx", "kill nginx2").text)


@pytest.fixture
def node_of_nginx(nodes: tuple[Machine, ...]) -> Iterator[Machine]:
    """nginx.service runs on it; at the end that is destroyed, and so is nginx2.service."""
    try:
        start(nodes[0], NGINX)
        wait_until(lambda: CHOSEN in target(nodes[0], "nginx.service").stdout, "fleet chooses nginx's machine", seconds=SECONDS)
        yield next(node for node in nodes if node.address in target(nodes[0], "nginx.service").stdout)
    finally:
        nodes[0].run("fleetctl destroy nginx.service nginx2.service")
        for node in nodes:
            wait_until(partial(idle, node), f"{node}: nothing of nginx is left", seconds=SECONDS)


def idle(node: Machine) -> bool:
    """Whether neither systemd nor the engine has anything of nginx."""
    # `docker kill`, by which the unit stops its container, makes a failure of that.
    reset, units = "sudo systemctl reset-failed 'nginx*'", "systemctl list-units --all --no-legend 'nginx*'"
    return not node.quietly(f"{reset}; {units}; docker ps -aq --filter name=^nginx").stdout


def start(node: Machine, unit: Unit) -> None:
    """`fleetctl start` of the unit, from its file."""
    write = f"cd $(mktemp -d) && cat >{unit.name} <<'END'\n{unit.text}END"
    started = node.run(f"{write}\nfleetctl start --no-block {unit.name}; code=$?; rm -r $PWD; exit $code")
    assert started.rc == 0, started.expected(f"{unit.name} taken by fleet")


def target(node: Machine, name: str) -> Result:
    """The machine that fleet chose for the unit."""
    return node.run(f"fleetctl list-unit-files --no-legend --full --fields=unit,target | grep '^{name}'")


@claim("ha-web.x-conflicts-nginx")
def test_a_unit_that_conflicts_with_nginx_never_shares_its_machine(nodes: tuple[Machine, ...], node_of_nginx: Machine) -> None:
    """`X-Conflicts=nginx.service`, in a copy under another name that may run on nginx's machine only."""
    start(nodes[0], COPY.but("[X-Fleet]\n", f"[X-Fleet]\nMachineMetadata=address={node_of_nginx.address}\n"))
    beside = settled(lambda: target(nodes[0], "nginx2.service"), lambda seen: CHOSEN in seen.stdout, seconds=DECIDED_SECONDS)
    assert beside.stdout.split() == ["nginx2.service", NOWHERE], beside.expected(
        f"no machine for nginx2 while nginx is on {node_of_nginx}"
    )
    nodes[0].run("fleetctl destroy nginx.service")
    alone = settled(lambda: target(nodes[0], "nginx2.service"), lambda seen: CHOSEN in seen.stdout, seconds=SECONDS)
    assert node_of_nginx.address in alone.stdout, alone.expected(f"{node_of_nginx} for nginx2, as nginx is gone")


@claim("ha-web.x-conflicts-nginx")
def test_a_name_can_run_only_once(nodes: tuple[Machine, ...], node_of_nginx: Machine) -> None:
    """`fleetctl start nginx.service` again, on another node: it is the same unit."""
    other = next(node for node in nodes if node != node_of_nginx)
    again = other.run("fleetctl start --no-block nginx.service; fleetctl list-unit-files --no-legend --full --fields=unit,target")
    rows = [line.split() for line in again.stdout.splitlines() if line.startswith("nginx.service")]
    assert len(rows) == 1, again.expected("one nginx.service")
    assert node_of_nginx.address in rows[0][1], again.expected(f"nginx.service on {node_of_nginx}")
