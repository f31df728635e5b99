"""What comes before fleet: the set-up repeated on the other nodes, and the web server started by hand ended."""

from collections.abc import Iterator

import pytest

from fixtures.claims import claim
from fixtures.machines import tidied
from testbed.faults import blocked
from testbed.machine import Machine
from testbed.wait import settled
from tests.cluster.steps import do
from tests.cluster.text_units import GREETING, WEB, demand_greeting, installed, page, said

# In the process of test_fleet.py, which holds the same machines, nobody waits for them.
pytestmark = pytest.mark.xdist_group("fleet-pool")

CANNOT_CONNECT = 7
UNIT = WEB.but(" web\n", " -v /media/state/shared/:/var/shared/ rbucker/devbox\n")
SET_UP = (
    "sudo groupadd -g 1000 dev && sudo useradd -d /home/dev -g 1000 -m -s /bin/bash -u 1000 dev; "
    "sudo mkdir -p /media/state/shared/{bin,db,src,.ssh}; docker pull -q web && docker tag web rbucker/devbox"
)
"""The lines of the workshop, with the compiled web server under the name of the image that they build."""
UNDO = "sudo userdel --remove dev; sudo groupdel --force dev; sudo rm -rf /media/state"
LOOKS = ("docker image inspect rbucker/devbox", "id dev", "ls /media/state/shared/src")


@pytest.fixture
def both(core_01: Machine, core_02: Machine) -> Iterator[tuple[Machine, Machine]]:
    """core-01 has had the set-up, core-02 has not; both know a unit that needs it."""
    with tidied(core_01, core_02), installed(core_01, UNIT), installed(core_02, UNIT):
        core_01.run(SET_UP)
        yield core_01, core_02
    for node in (core_01, core_02):
        node.run(UNDO)


@claim("fleet.setup-on-all-nodes")
def test_the_first_node_shares_nothing_with_the_second(both: tuple[Machine, Machine]) -> None:
    """The devbox's image, the user dev and the folder of sources, made on core-01."""
    for look in LOOKS:
        here, there = (node.run(look) for node in both)
        assert here.rc == 0, here.expected("what was made here")
        assert there.rc != 0, there.expected(f"nothing of what was made on {here.machine}")


@claim("fleet.setup-on-all-nodes")
def test_a_web_unit_runs_on_a_node_once_it_has_had_the_set_up(both: tuple[Machine, Machine]) -> None:
    """Repeat the set-up, and run and verify the web server. The public registry, which may have such an image, is cut off."""
    start = "sudo systemctl restart web@8081"
    core_01, core_02 = both
    core_01.run(start)
    demand_greeting(core_01, 8081)
    with blocked("OUTPUT -p tcp --dport 443", core_02, verdict="REJECT"):
        core_02.run(start)
        without = said(core_02, "web@8081", "Main process exited")
    assert "Unable to find image 'rbucker/devbox:latest'" in without.stdout, without.expected("no image, so no web server")
    core_02.run(f"{SET_UP}; {start}")
    demand_greeting(core_02, 8081)


@claim("fleet.kill-on-core-01")
@pytest.mark.usefixtures("tidy")
def test_kill_ends_the_web_server_at_once_and_for_good(node: Machine) -> None:
    """`docker kill` of the container that was started by hand."""
    do(node, "docker run -d --name by-hand -p 8080:8080 web")
    before = page(node, 8080)
    assert GREETING in before.stdout, before.expected("the greeting")
    killed = node.run("docker kill by-hand")
    assert killed.rc == 0, killed.expected("exit code 0")
    after = node.run("docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}' by-hand")
    assert after.stdout == "exited 137 0\n", after.expected("a container that was killed and not restarted")
    ask = f"curl -sS http://{node.address}:8080/bar"
    refused = settled(lambda: node.run(ask), lambda answer: answer.rc == CANNOT_CONNECT, seconds=2)
    assert refused.rc == CANNOT_CONNECT, refused.expected(f"nobody at the port, so exit code {CANNOT_CONNECT}")
