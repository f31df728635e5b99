"""What web@.service tells etcd: an instance's address and port, when it has started and when it has stopped."""

from collections.abc import Callable, Iterator

import pytest

from fixtures.claims import as_written, claim
from testbed.machine import Machine
from tests.cluster.text_units import ANNOUNCED, RM, SLOW, WEB_AS_WRITTEN, Install, demand_greeting, said

Registered = Callable[[], dict[str, str]]


@pytest.fixture
def registered(keys: tuple[Machine, ...]) -> Iterator[Registered]:
    """A function that tells what is registered below /app/server: the value by the key's last part; gone when the test ends."""
    first = keys[0]

    def read() -> dict[str, str]:
        answer = first.run("curl -sL 'http://127.0.0.1:4001/v2/keys/app/server?quorum=true'").json()
        return {node["key"].rpartition("/")[2]: node["value"] for node in answer.get("node", {}).get("nodes", ())}

    yield read
    first.run("curl -sL 'http://127.0.0.1:4001/v2/keys/app?recursive=true' -XDELETE")


@as_written("fleet.unit-registers-in-etcd", fails_with='unknown command "set"')
@pytest.mark.usefixtures("registered")
def test_the_unit_as_written_registers_itself(node: Machine, install: Install) -> None:
    """`ExecStartPost=/usr/bin/etcdctl set /app/server/%i ${COREOS_PUBLIC_IPV4}:%i`."""
    install(WEB_AS_WRITTEN)
    started = node.run("sudo systemctl start web@8081")
    assert started.rc == 0, said(node, "web@8081", "unknown command").expected("a unit that registers itself")


@claim("fleet.unit-registers-in-etcd")
def test_with_api_2_each_instance_registers_where_it_answers(node: Machine, install: Install, registered: Registered) -> None:
    """The same line with `ETCDCTL_API=2` in the unit's environment."""
    install(ANNOUNCED)
    started = node.run("sudo systemctl start web@{8081..8082}.service")
    seen, wanted = registered(), {port: f"{node.address}:{port}" for port in ("8081", "8082")}
    why = "" if seen == wanted else f"\n{said(node, 'web@8081', '')}"
    assert seen == wanted, started.expected(f"the keys {wanted} below /app/server, but there is {seen}") + why
    for value in seen.values():
        demand_greeting(node, int(value.rpartition(":")[2]))


@as_written("fleet.unit-deregisters", fails_with='unknown command "rm"')
def test_the_stopped_unit_as_written_removes_its_key(node: Machine, install: Install, registered: Registered) -> None:
    """`ExecStopPost=/usr/bin/etcdctl rm /app/server/%i`, in a unit that could set the key."""
    install(ANNOUNCED.but(RM, RM.replace("=", "=/usr/bin/env -u ETCDCTL_API ")))
    node.run("sudo systemctl start web@8081")
    journal = "sudo journalctl -o cat -u web@8081 -n 20"
    assert registered() == {"8081": f"{node.address}:8081"}, node.run(journal).expected("the key of a unit that runs")
    node.run("sudo systemctl stop web@8081")
    assert registered() == {}, node.run(journal).expected("the key removed")


@claim("fleet.unit-deregisters")
def test_with_api_2_a_stopped_instance_removes_its_key_only(node: Machine, install: Install, registered: Registered) -> None:
    """The same line with `ETCDCTL_API=2`; the other instance's key stays."""
    install(ANNOUNCED)
    node.run("sudo systemctl start web@{8081..8082}.service")
    before = registered()
    stopped = node.run("sudo systemctl stop web@8081")
    assert sorted(before) == ["8081", "8082"], stopped.expected(f"two keys before, but there was {before}")
    after = registered()
    assert after == {"8082": f"{node.address}:8082"}, stopped.expected(f"the key 8081 removed, but there is {after}")


@claim("fleet.unit-deregisters")
@pytest.mark.usefixtures("registered")
def test_a_key_without_a_lifetime_outlives_a_node_that_fails(node: Machine, install: Install) -> None:
    """`etcdctl set` without `--ttl`: nothing but the unit's own goodbye removes the key."""
    install(ANNOUNCED)
    node.run("sudo systemctl start web@8081")
    key = node.run("curl -sL http://127.0.0.1:4001/v2/keys/app/server/8081")
    assert key.json().get("node", {}).get("value") == f"{node.address}:8081", key.expected("the key of a unit that runs")
    assert key.json()["node"].keys() & {"ttl", "expiration"} == set(), key.expected("a key without a lifetime")


@claim("fleet.registers-too-early")
@pytest.mark.usefixtures("registered")
def test_the_key_is_there_before_anybody_serves(node: Machine, install: Install) -> None:
    """A unit is of type simple when it says nothing else: `ExecStartPost` follows the start, not the readiness."""
    install(SLOW)
    ask = "curl -s http://127.0.0.1:8081/bar; echo curl ended with $?"
    early = node.run(f"sudo systemctl start web@8081; {ask}; ETCDCTL_API=2 etcdctl get /app/server/8081")
    assert early.stdout == f"curl ended with 7\n{node.address}:8081\n", early.expected("the key, and nobody at the port yet")
    demand_greeting(node, 8081)
