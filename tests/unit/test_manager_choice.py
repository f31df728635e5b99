"""The cluster's manager: which one a run has, what it then can check, and when it counts a node in."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from testbed import capabilities, cluster, managers, readiness
from testbed.errors import TestbedError
from testbed.machine import Machine
from testbed.managers import ManagerError
from testbed.options import Options
from testbed.wait import WaitTimeout

NODES = tuple(Machine(f"core-0{number}", f"172.28.8.10{number}", "core") for number in (1, 2, 3))


def running(manager_name: str) -> cluster.Cluster:
    return cluster.Cluster({}, "docker", manager_name, "", 0)


@dataclass
class Told:
    """A manager that tells, one after the other, what it is given; of an exception it dies."""

    answers: list[dict[str, bool] | ManagerError]
    name: str = "told"
    asked: Machine = NODES[0]
    questions: int = field(default=0)
    reconnected: list[Machine] = field(default_factory=list)

    def reconnect(self, machine: Machine) -> None:
        self.reconnected.append(machine)

    def seen_from(self, _: Machine) -> "Told":
        return self

    def machines(self) -> dict[str, bool]:
        answer = self.answers[min(self.questions, len(self.answers) - 1)]
        self.questions += 1
        if isinstance(answer, ManagerError):
            raise answer
        return answer


@pytest.mark.parametrize("name", managers.KNOWN)
def test_manager_is_made_by_its_name_and_asked_through_the_first_node(name: str) -> None:
    manager = managers.make(name, NODES)
    assert (manager.name, manager.asked) == (name, NODES[0])
    assert manager.seen_from(NODES[2]).asked == NODES[2]


def test_unknown_manager_is_named() -> None:
    with pytest.raises(TestbedError, match="--manager heat: not known; take one of fleet, swarm"):
        managers.make("heat", NODES)


@pytest.mark.parametrize("options", [Options(), Options(manager="swarm")])
def test_running_cluster_serves_who_asks_for_its_manager_or_for_none(options: Options) -> None:
    cluster.demand_manager(running("swarm"), options)


@pytest.mark.parametrize("options", [Options(manager="fleet"), Options(era_binaries=Path("era"))])
def test_running_cluster_with_another_manager_is_refused(options: Options) -> None:
    with pytest.raises(TestbedError, match="--manager fleet: the cluster that is up has swarm; take it down"):
        cluster.demand_manager(running("swarm"), options)


def test_fleet_alone_can_be_checked_only_where_it_is_the_manager() -> None:
    assert {"fleet", "fleet-or-swarm", "swarm"} <= capabilities.under("fleet")
    assert "fleet" not in capabilities.under("swarm")
    assert "--era-binaries" in capabilities.reason(("fleet",))


def test_node_counts_when_the_manager_lists_it_as_ready() -> None:
    manager = Told([ManagerError("no leader"), {"core-01": True}, {"core-01": True, "core-02": True}])
    readiness.wait_for_manager(manager, *NODES[:2])  # type: ignore[arg-type]  # it asks for nothing but the machines
    assert manager.questions == 4  # the second node is asked, too


def test_node_that_lacks_for_long_is_reconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "SIGN_ON_SECONDS", 0)
    one, both = {"core-01": True, "core-02": False}, {"core-01": True, "core-02": True}
    manager = Told([one, one, both])
    readiness.wait_for_manager(manager, *NODES[:2])  # type: ignore[arg-type]  # as above
    assert manager.reconnected == [NODES[1]]


def test_node_that_is_not_listed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "SIGN_ON_SECONDS", 0)
    monkeypatch.setattr(readiness, "MANAGER_SECONDS", 0)
    with pytest.raises(WaitTimeout, match=r"told lists core-01, core-02: .*told lists no core-02 as ready"):
        readiness.wait_for_manager(Told([{"core-01": True, "core-02": False}]), *NODES[:2])  # type: ignore[arg-type]  # as above
