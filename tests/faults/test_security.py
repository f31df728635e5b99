"""Nobody outside reaches the cluster's open ports; keys are made for the run, and neither outlive it nor get into reports."""

import json
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import docker
import pytest

from testbed.engine import CHECKOUT_LABEL
from tests.faults.checkout import SETUP_SECONDS, Checkout
from tests.faults.left import PRIVATE_KEY
from tests.faults.outside import HERE, Place, another_docker_network, answers, neighbouring_host, sees_the_host

# The engine's API, etcd's for clients and peers, by their ports of today and of 2014.
PORTS = {"core-01": (2375, 2379, 2380, 4001, 7001), "boot2docker": (2375,)}
Outside = Callable[[], AbstractContextManager[Place]]
MALICIOUS = ("$(touch pwned)", "`touch pwned`", ";touch pwned", "|touch pwned", "\ntouch pwned", "&touch pwned")


@pytest.fixture(scope="module")
def addresses(checkout: Checkout) -> Iterator[dict[str, str]]:
    """A cluster of one node, by the machines' names."""
    up = checkout.start("up", "--subnet", checkout.subnet, "--nodes", "1").ended(seconds=SETUP_SECONDS)
    assert up.code == 0, up.expected("a cluster that is up")
    yield json.loads((checkout.folder / ".cododemo" / "cluster.json").read_text())["addresses"]
    down = checkout.down()
    assert down.code == 0, down.expected("exit code 0")


@pytest.mark.parametrize("outside", [another_docker_network, neighbouring_host], ids=lambda place: place.__name__)
def test_no_port_answers_outside_of_the_clusters_network(addresses: dict[str, str], outside: Outside) -> None:
    """Neither the engine's API, by which one is root, nor etcd; from the host, where the suite works, all of them do."""
    wanted = [(name, port) for name, ports in PORTS.items() for port in ports]
    here = [(name, port) for name, port in wanted if answers(HERE, addresses[name], port)]
    assert here == wanted, f"host: expected all of {wanted} to answer here, but only {here} do"
    with outside() as place:
        assert sees_the_host(place), f"host: expected a network that works at {place}, but no port of the host answers there"
        there = [f"{name}:{port}" for name, port in wanted if answers(place, addresses[name], port)]
    assert not there, f"{there[0].partition(':')[0]}: expected no answer outside of the network, but {', '.join(there)} answer"


@pytest.mark.usefixtures("addresses")
def test_what_is_published_is_published_on_loopback(checkout: Checkout) -> None:
    """No container of the checkout has a port on an address of the host that others reach."""
    own = docker.from_env().api.containers(filters={"label": f"{CHECKOUT_LABEL}={checkout.id}"})
    published = [(each["Names"][0], port["IP"], port["PublicPort"]) for each in own for port in each["Ports"] if "IP" in port]
    assert published, "host: expected the machines' ssh to be published, but no port is"
    others = [each for each in published if each[1] != "127.0.0.1"]
    assert not others, f"host: expected ports on 127.0.0.1 only, but saw {others}"


@pytest.mark.usefixtures("addresses")
def test_private_key_is_its_owners_alone(checkout: Checkout) -> None:
    """0600."""
    key = checkout.folder / ".cododemo" / "id_ed25519"
    mode = stat.S_IMODE(key.stat().st_mode)
    assert mode == 0o600, f"host: expected mode 0600 of {key}, but saw {mode:04o}"


def test_keys_are_made_for_the_run_and_gone_after(checkout: Checkout, addresses: dict[str, str]) -> None:
    """`down` removes both halves; the next `prepare` makes others."""
    assert addresses
    state = checkout.folder / ".cododemo"
    first = (state / "id_ed25519.pub").read_text()
    checkout.down()
    left = [file.name for file in state.rglob("*") if file.is_file() and PRIVATE_KEY in file.read_bytes()]
    assert not left, f"host: expected no private key after `down`, but saw {left}"
    prepared = checkout.start("prepare", "--subnet", checkout.subnet).ended()
    assert prepared.code == 0, prepared.expected("exit code 0")
    assert (state / "id_ed25519.pub").read_text() != first, f"host: expected another key than the last run's, but saw {first}"


@pytest.mark.parametrize("more", MALICIOUS)
def test_discovery_url_that_a_shell_would_read_is_refused(checkout: Checkout, more: str) -> None:
    """By one line, and before anything is started."""
    with checkout.check("--discovery", f"http://127.0.0.1:1/0123456789abcdef{more}") as run:
        refused = run.ended()
    assert refused.code == 2, refused.expected("exit code 2")
    assert len(refused.output.splitlines()) == 1, refused.expected("one line")
    assert "--discovery" in refused.output, refused.expected("a line that names the option")
    assert not (checkout.folder / "pwned").exists(), refused.expected("nothing to be run")
