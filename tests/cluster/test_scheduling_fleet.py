"""Timers and oneshot units under fleet: where they run, and how often."""

from fixtures.claims import claim
from testbed.machine import Machine
from testbed.wait import settled
from tests.cluster.fleetctl import SECONDS, Fleetctl

TICK = "[Unit]\nDescription=Says tick\n[Service]\nType=oneshot\nExecStart=/bin/echo tick\n"
TIMER = "[Unit]\nDescription=Every two seconds\n[Timer]\nOnCalendar=*:*:0/2\nAccuracySec=100ms\n"


@claim("scheduling.timer-through-fleet")
def test_timer_runs_its_unit_on_the_machine_that_has_both(fleetctl: Fleetctl) -> None:
    """`MachineOf=tick.service` in tick.timer; tick.service is loaded on core-02, and so fleet prefers the others."""
    there = fleetctl.nodes[1]
    since = _now(there)
    fleetctl.write("tick.service", f"MachineMetadata=address={there.address}", unit=TICK)
    fleetctl.write("tick.timer", "MachineOf=tick.service", unit=TIMER)
    fleetctl.run("fleetctl load --no-block tick.service")
    fleetctl.start("tick.timer")
    assert fleetctl.place("tick.timer") == there.address, fleetctl.run("fleetctl list-units").expected(f"the timer on {there}")
    ticked = {node.name: _ticks(node, 1 if node == there else 0, since) for node in fleetctl.nodes}
    assert ticked[there.name], f"{there}: expected tick.service to have run, but its journal says nothing"
    assert not any(count for name, count in ticked.items() if name != there.name), (
        f"expected tick on {there} only, but saw {ticked}"
    )


@claim("scheduling.oneshot-restarts")
def test_oneshot_that_has_finished_does_not_run_again(fleetctl: Fleetctl) -> None:
    """`fleetctl start tick.service`; then another unit is started there, so that fleetd has looked at both once more."""
    there = fleetctl.nodes[1]
    here = f"MachineMetadata=address={there.address}"
    since = _now(there)
    fleetctl.write("tick.service", here, unit=TICK)
    fleetctl.write("later.service", here)
    fleetctl.start("tick.service")
    assert _ticks(there, 1, since) == 1, fleetctl.run("fleetctl list-units").expected("that it ran once")
    fleetctl.start("later.service")
    fleetctl.rows(1)
    units = fleetctl.run("fleetctl list-units --no-legend --fields=unit,active,sub")
    assert "tick.service\tinactive\tdead" in units.stdout, units.expected("tick.service inactive and dead")
    files = fleetctl.run("fleetctl list-unit-files --no-legend --fields=unit,dstate,state")
    assert "tick.service\tlaunched\tlaunched" in files.stdout, files.expected("that fleet shows it as launched all the same")
    assert _ticks(there, 1, since) == 1, units.expected("that it has not run again")


def _now(machine: Machine) -> str:
    return machine.run("date +%s").stdout.strip()


def _ticks(machine: Machine, wanted: int, since: str) -> int:
    """How often the unit has said it, as soon as that is often enough."""
    return settled(
        lambda: int(machine.run(f"sudo journalctl -u tick.service -o cat --since=@{since} | grep -cx tick").stdout),
        lambda count: count >= wanted,
        seconds=SECONDS if wanted else 0,
    )
