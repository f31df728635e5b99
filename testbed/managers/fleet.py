"""fleet as the manager: fleetctl on one of the nodes, given units as the workshop's texts write them."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from testbed.machine import Machine, MachineUnreachable
from testbed.managers import Instance, ManagerError, Service, fleet_units
from testbed.transcript import Result
from testbed.wait import WaitTimeout, wait_until

# Looked up in fleet's source: engine/engine.go, pkg/lease.
LEADER = "http://127.0.0.1:4001/v2/keys/_coreos.com/fleet/lease/engine-leader"
STOP_SECONDS = 30
NONE = "-"
"""What fleetctl prints where there is nothing."""


@dataclass(frozen=True)
class Fleet:
    """See testbed.managers.Manager for what each method promises."""

    asked: Machine
    nodes: tuple[Machine, ...]
    name: str = "fleet"
    given: list[Service] = field(default_factory=list)

    def seen_from(self, machine: Machine) -> "Fleet":
        return replace(self, asked=machine)

    def set_up(self, nodes: Sequence[Machine]) -> None:
        """Nothing to do: user-data started fleetd, and etcd is what makes them one cluster."""

    def machines(self) -> dict[str, bool]:
        known = self._addresses().values()
        return {node.name: node.address in known for node in self.nodes}

    def reconnect(self, machine: Machine) -> None:
        """Nothing to do: fleetd tells etcd of its machine again and again."""

    def leader(self) -> str:
        lease = json.loads(self._ask(f"curl -s -m 5 {LEADER}"))
        if "node" not in lease:
            return ""
        return self._name_of(self._addresses().get(json.loads(lease["node"]["value"])["MachineID"], ""))

    def start(self, service: Service) -> None:
        self.given.append(service)
        files = fleet_units.files(service, {node.name: node.address for node in self.nodes})
        writes = "\n".join(f"cat >{name} <<'UNIT'\n{text}UNIT" for name, text in files.items())
        templates = [name for name in files if name.endswith("@.service")]
        submit = f"fleetctl submit {' '.join(templates)} && " if templates else ""
        start = f"fleetctl start --no-block {' '.join(fleet_units.started(service))}"
        _demand(
            self._run(f"folder=$(mktemp -d) && cd $folder || exit\n{writes}\n{submit}{start}; code=$?; rm -r $folder; exit $code")
        )

    def stop(self, name: str) -> None:
        """Returns when no machine that fleet lists runs it any more."""
        units = " ".join(unit for unit in self._units() if fleet_units.service_of(unit) == name)
        if units:
            # fleetd hears of a unit that is to be unloaded at once, and of one that is destroyed within five seconds.
            _demand(self._run(f"fleetctl unload --no-block {units}; fleetctl destroy {units}"))

        def gone() -> bool:
            return not any(fleet_units.service_of(unit) == name for unit, _ in self._list("units", "unit,machine"))

        try:
            wait_until(gone, f"{name} is stopped", seconds=STOP_SECONDS)
            for node in self.nodes if units else ():
                if self.machines()[node.name]:
                    _forget(node, name)
        except WaitTimeout as error:
            raise ManagerError(f"{self.asked}: fleet: {error}") from error

    def services(self) -> list[str]:
        return sorted({fleet_units.service_of(unit) for unit in self._units()})

    def instances(self, name: str) -> list[Instance]:
        states = self._states(name)
        found = []
        for unit, wanted, machine, everywhere in self._list("unit-files", "unit,dstate,target,global"):
            if wanted != "launched" or not _belongs(unit, name):
                continue
            for place in [at for of, at in states if of == unit] if everywhere == "true" else [_address(machine)]:
                active, sub = states.get((unit, place), ("inactive", NONE))
                found.append(Instance(name, self._name_of(place), f"{active}/{sub}", (active, sub) == ("active", "running")))
        return sorted(found, key=lambda instance: instance.machine)

    def where(self, name: str) -> list[str]:
        return [instance.machine for instance in self.instances(name) if instance.running]

    def status(self, name: str) -> str:
        """fleetctl's list, and systemctl's word of each unit where it runs: fleetctl itself would need an ssh agent."""
        units = self._run("fleetctl list-unit-files; fleetctl list-units").output
        return "\n".join([units, *self._told(name, "systemctl status --no-pager")])

    def logs(self, name: str) -> str:
        return "\n".join(self._told(name, "sudo journalctl --no-pager --lines=50 --unit"))

    def _told(self, name: str, command: str) -> list[str]:
        addresses = {node.address: node for node in self.nodes}
        places = [(unit, addresses[place]) for unit, place in self._states(name) if place in addresses]
        return [machine.run(f"{command} {shlex.quote(unit)}").output for unit, machine in places]

    def _units(self) -> list[str]:
        return [unit for unit, _ in self._list("unit-files", "unit,hash")]

    def _states(self, name: str) -> dict[tuple[str, str], tuple[str, str]]:
        """What the machines that fleet lists say of the service's units: ACTIVE and SUB by the unit's name and the address."""
        rows = [(unit, _address(at), (active, sub)) for unit, at, active, sub in self._list("units", "unit,machine,active,sub")]
        return {(unit, address): state for unit, address, state in rows if address and _belongs(unit, name)}

    def _addresses(self) -> dict[str, str]:
        """The machines that fleet lists: addresses by fleet's own names for them."""
        return dict(self._list("machines", "machine,ip"))

    def _name_of(self, address: str) -> str:
        return next((node.name for node in self.nodes if node.address == address), "")

    def _list(self, what: str, fields: str) -> list[list[str]]:
        return [line.split() for line in self._ask(f"fleetctl list-{what} --no-legend --full --fields={fields}").splitlines()]

    def _ask(self, question: str) -> str:
        """Its answer. Questions are asked again and again, so they are not in the transcript."""
        try:
            return _demand(self.asked.quietly(question)).stdout
        except MachineUnreachable as error:
            raise ManagerError(f"{self.asked}: fleet gives no answer: {error}") from error

    def _run(self, command: str) -> Result:
        try:
            return self.asked.run(command)
        except MachineUnreachable as error:
            raise ManagerError(f"{self.asked}: fleet gives no answer: {error}") from error


def _forget(node: Machine, name: str) -> None:
    """Have systemd forget how the service's units ended: fleetd removes their files before, and they would stay as failed."""
    units = f"'{name}.service' '{name}@*.service'"
    listing = f"systemctl list-units --all --plain --no-legend {units}"

    def ended() -> bool:
        return all(line.split()[2] in ("failed", "inactive") for line in node.quietly(listing).stdout.splitlines())

    wait_until(ended, f"{node}: the units of {name} have ended", seconds=STOP_SECONDS)
    node.quietly(f"sudo systemctl reset-failed {units}")


def _demand(result: Result) -> Result:
    if result.rc != 0:
        raise ManagerError(result.expected("exit code 0"))
    return result


def _belongs(unit: str, name: str) -> bool:
    """Whether it is a unit of that service, and neither its template nor its sidekick's."""
    return unit == f"{name}.service" or (unit.startswith(f"{name}@") and not unit.startswith(f"{name}@."))


def _address(machine: str) -> str:
    """Of what fleetctl prints for a machine, ID/ADDRESS; nothing where it knows none."""
    return machine.partition("/")[2]
