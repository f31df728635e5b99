"""What only fleet itself can show: fleetctl's lists, the options in [X-Fleet], and fleetctl from a workstation."""

from collections.abc import Iterator

import pytest

from fixtures.claims import as_written, claim
from testbed import era_binaries, host, paths, ssh
from testbed.machine import Machine
from testbed.transcript import Result
from testbed.wait import settled
from tests.cluster.fleetctl import Fleetctl

WEB = "[Unit]\nDescription=Web server %i\n[Service]\nExecStart=/bin/sleep 1000\n"
INSTANCES = ("web@8081.service", "web@8082.service", "web@8083.service")
CONDITIONS = ("provider=rackspace", "platform=cloud", "region=east")
AUTHORIZED = "/home/core/.ssh/authorized_keys"


@claim("fleet.fleetctl-like-systemctl")
def test_fleet_hands_a_unit_to_the_systemd_of_one_node(fleetctl: Fleetctl) -> None:
    """`fleetctl start hello.service`, and on each node `systemctl show hello.service`."""
    fleetctl.write("hello.service")
    fleetctl.start("hello.service")
    fleetctl.rows(1)
    ask = "systemctl is-active hello.service; readlink -f $(systemctl show -P FragmentPath hello.service)"
    told = [node.run(ask) for node in fleetctl.nodes]
    running = [seen for seen in told if seen.stdout.startswith("active\n")]
    assert len(running) == 1, "\n".join(seen.expected("the unit active on one node only") for seen in told)
    assert "/run/fleet/units/hello.service" in running[0].stdout, running[0].expected("a unit file that fleetd has put there")


@claim("fleet.x-prefix-deprecated")
@pytest.mark.parametrize("option", ["Conflicts", "X-Conflicts"])
def test_option_with_and_without_x_keeps_units_apart(option: str, fleetctl: Fleetctl) -> None:
    """`X-Conflicts=a.service` in b.service, which may run beside a.service only; c.service may, too, and comes later."""
    here = f"MachineMetadata=address={fleetctl.nodes[1].address}"
    fleetctl.write("a.service", here)
    fleetctl.write("b.service", here, f"{option}=a.service")
    fleetctl.write("c.service", here)
    fleetctl.start("a.service")
    fleetctl.rows(1)
    fleetctl.start("b.service")
    fleetctl.start("c.service")
    seen = fleetctl.rows(2)
    assert [line.split()[0] for line in seen.stdout.splitlines()] == ["a.service", "c.service"], seen.expected("no b.service")


@claim("fleet.x-prefix-deprecated")
def test_option_that_fleet_does_not_know_is_named(fleetctl: Fleetctl) -> None:
    """`fleetctl submit` of a unit with `X-Nonsense=a.service`: a warning, and the unit is taken."""
    fleetctl.write("b.service", "X-Nonsense=a.service")
    submitted = fleetctl.run("fleetctl submit b.service")
    assert 'unrecognized requirement in [X-Fleet] section: "X-Nonsense"' in submitted.stderr, submitted.expected("a warning")


@pytest.fixture
def described(nodes: tuple[Machine, ...]) -> Iterator[Machine]:
    """The second node, which has the first two of CONDITIONS among its metadata; they are gone at the end, as all of them."""
    _describe(nodes[1], "add", *CONDITIONS[:2])
    yield nodes[1]
    _describe(nodes[1], "add", *CONDITIONS)  # so that each is there to be removed
    _describe(nodes[1], "remove", *CONDITIONS)


@claim("fleet.metadata-repeated-lines")
def test_unit_runs_only_where_all_conditions_are_met(described: Machine, fleetctl: Fleetctl) -> None:
    """Three lines with `MachineMetadata=`; a second unit asks for two of them and is chosen a machine for."""
    fleetctl.write("all.service", *(f"MachineMetadata={condition}" for condition in CONDITIONS))
    fleetctl.write("two.service", *(f"MachineMetadata={condition}" for condition in CONDITIONS[:2]))
    fleetctl.start("all.service", "two.service")
    assert fleetctl.place("two.service") == described.address, fleetctl.run("fleetctl list-units").expected("two.service there")
    without = fleetctl.run("fleetctl list-unit-files")
    assert not fleetctl.chosen("all.service"), without.expected("no machine for all.service, as none has all three")
    _describe(described, "add", CONDITIONS[2])
    assert fleetctl.place("all.service") == described.address, fleetctl.run("fleetctl list-units").expected("all.service there")


@claim("fleet.list-unit-files")
def test_submitted_template_is_listed_on_every_node(fleetctl: Fleetctl) -> None:
    """`fleetctl list-unit-files`, `fleetctl submit web@.service`, and the list again, on the last node, too."""
    listing = "fleetctl list-unit-files --no-legend --fields=unit,state,target"
    before = fleetctl.run(listing)
    assert before.stdout == "", before.expected("no unit files")
    fleetctl.write("web@.service", unit=WEB)
    fleetctl.run("fleetctl submit web@.service")
    for node in (fleetctl.nodes[0], fleetctl.nodes[-1]):
        after = settled(lambda node=node: node.run(listing), lambda seen: bool(seen.stdout), seconds=5)  # type: ignore[misc]
        assert after.stdout.split() == ["web@.service", "inactive", "-"], after.expected("web@.service alone, on no machine")


@claim("fleet.status-after-start")
def test_both_lists_show_three_instances_on_every_node(fleetctl: Fleetctl) -> None:
    """`fleetctl start web@{8081..8083}`, `fleetctl list-units`, `fleetctl list-unit-files`."""
    fleetctl.write("web@.service", "Conflicts=web@*.service", unit=WEB)
    fleetctl.run("fleetctl submit web@.service && fleetctl start --no-block web@{8081..8083}")
    for node in fleetctl.nodes:
        units = fleetctl.rows(3, node)
        running = [line.split()[0] for line in units.stdout.splitlines() if line.endswith("active\trunning")]
        assert tuple(running) == INSTANCES, units.expected("three instances active and running")
        files = node.run("fleetctl list-unit-files --no-legend --fields=unit,dstate,state")
        launched = [line.split()[0] for line in files.stdout.splitlines() if line.endswith("launched\tlaunched")]
        assert tuple(launched) == INSTANCES, files.expected("three instances launched")


def _describe(machine: Machine, verb: str, *conditions: str) -> None:
    """Change the machine's metadata by fleet's API: fleetctl has no command for it, and fleetd would have to be restarted."""
    changes = []
    for name, _, value in (condition.partition("=") for condition in conditions):
        path = f"/'$(cat /etc/machine-id)'/metadata/{name}"
        changes.append(f'{{"op": "{verb}", "path": "{path}", "value": {{"value": "{value}"}}}}')
    changed = machine.run(
        "curl -s -o /dev/null -w '%{http_code}' --unix-socket /var/run/fleet.sock -X PATCH -H 'Content-Type: application/json' "
        f"http://fleet/fleet/v1/machines -d '[{', '.join(changes)}]'"
    )
    assert changed.stdout == "204", changed.expected("204 of fleet's API")


def _from_workstation(command: str, typed: str | None = None) -> Result:
    """The command on the presenter's machine, with fleetctl, an ssh agent that holds core's key, and a home of its own."""
    return host.run(
        f"""export HOME=$(mktemp -d) PATH=$PATH:{era_binaries.FOLDER.relative_to(paths.ROOT)}
eval $(ssh-agent) >/dev/null; trap 'ssh-agent -k >/dev/null; rm -r $HOME' EXIT
ssh-add -q {ssh.KEY.relative_to(paths.ROOT)}
{command}""",
        typed=typed,
    )


@as_written("fleet.tunnel", fails_with="/var/run/fleet.sock")
def test_tunnel_is_set_by_fleectl_tunnel(core_01: Machine) -> None:
    """`export FLEECTL_TUNNEL=...`, `fleetctl list-machines`."""
    listed = _from_workstation(f"export FLEECTL_TUNNEL={core_01.address}; fleetctl list-machines")
    assert listed.rc == 0, listed.expected("the cluster's machines")


@claim("fleet.tunnel")
@pytest.mark.parametrize("way", ["export FLEETCTL_TUNNEL={0}; fleetctl", "fleetctl --tunnel={0}"], ids=["variable", "option"])
def test_fleetctl_works_through_a_tunnel(way: str, nodes: tuple[Machine, ...]) -> None:
    """`export FLEETCTL_TUNNEL=...`, `fleetctl list-machines`; the host's key is kept in ~/.fleetctl/known_hosts."""
    command = f"{way.format(nodes[0].address)} list-machines --no-legend"
    listed = _from_workstation(f"{command}; sed 's/^/known: /' ~/.fleetctl/known_hosts", typed="yes\n")
    addresses = [line.split("\t")[1] for line in listed.stdout.splitlines() if line.count("\t") == 2]
    assert sorted(addresses) == [node.address for node in nodes], listed.expected("every node")
    assert f"known: {nodes[0].address}" in listed.stdout, listed.expected("the host's key in ~/.fleetctl/known_hosts")


def _inject(nodes: tuple[Machine, ...], install: str) -> Result:
    """A new key pair, its public half given to `install` on each machine that fleet lists, and then used to log in on each."""
    tunnel = f"fleetctl --strict-host-key-checking=false --tunnel={nodes[0].address}"
    unknown = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
    return _from_workstation(
        f"""ssh-keygen -q -t ed25519 -N '' -C simon -f $HOME/new; key=$(cat $HOME/new.pub)
for machine in $({tunnel} list-machines --no-legend --full | awk '{{ print $1 }}'); do
  {tunnel} ssh $machine "echo '$key' | {install}" </dev/null
done
ssh-add -qD
for address in {" ".join(node.address for node in nodes)}; do
  ssh -o BatchMode=yes -i $HOME/new {unknown} core@$address hostname
done"""
    )


@pytest.fixture
def keys_restored(nodes: tuple[Machine, ...]) -> Iterator[None]:
    """The keys that a test adds for core are gone at the end."""
    yield
    for node in nodes:
        node.run(f"sed -i '/ simon$/d' {AUTHORIZED}")


@as_written("fleet.inject-ssh", fails_with="update-ssh-keys: command not found")
@pytest.mark.usefixtures("keys_restored")
def test_key_is_added_by_update_ssh_keys(nodes: tuple[Machine, ...]) -> None:
    """On each machine that fleet lists: `fleetctl ssh $machine "echo '$key' | update-ssh-keys -a simon -n"`."""
    injected = _inject(nodes, "update-ssh-keys -a simon -n")
    assert injected.stdout.split() == [node.name for node in nodes], injected.expected("a login with the new key on every node")


@claim("fleet.inject-ssh")
@pytest.mark.usefixtures("keys_restored")
def test_key_is_added_on_all_machines_by_fleetctl_ssh(nodes: tuple[Machine, ...]) -> None:
    """The same, with `cat >>~/.ssh/authorized_keys` in place of `update-ssh-keys`."""
    injected = _inject(nodes, f"cat >>{AUTHORIZED}")
    assert injected.stdout.split() == [node.name for node in nodes], injected.expected("a login with the new key on every node")
