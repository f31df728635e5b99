"""One trial: a claim's check is run as it always is, on machines in the wrong state, and judged by what it says."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
from _pytest.runner import runtestprotocol

from fixtures import machines
from fixtures.sabotage.checks import fixtures_of_their_own
from testbed import guard
from testbed.cluster import Cluster
from testbed.leases import FOLDER, Use, lease
from testbed.machine import Machine
from tests.accidents.accidents import ACCIDENTS, SAYS, Sample

HOLDS, HOLDS_NAMED = "holds", "holds, named"
SAYS_SO, SHOWS, GUARD_SAYS, MISLEADS = "says so", "shows it", "guard says", "misleads"
LEFT = {
    "image": "image {0.image}:",
    "container": "container {0.container} ",
    "user": "user somebody",
    "disk": "full /",
    "clock": "clock +60 minutes",
}
"""As the guard names what the accident left."""
TRIED = "tried"
"""The property of a test's report that has its trial."""

Checks = Mapping[str, Sequence[pytest.Function]]


@dataclass(frozen=True)
class Trial:
    """How the check did: it holds; or it fails, and its message says what is the matter, or what is shown with it does.

    Or only the guard says so when the machines are handed back, also where the check holds; else it misleads.
    """

    claim: str
    accident: str
    word: str
    said: str
    shown: str
    guard: str


def tried(sample: Sample, accident: str, check: pytest.Function, cluster: Cluster) -> Trial:
    """Puts the accident on the machines that the check may use, runs it, takes the accident away."""
    with _reserved(check, cluster) as nodes, _baselines_kept(nodes), ExitStack() as trial:
        trial.enter_context(ACCIDENTS[accident](nodes, sample))
        trial.enter_context(pytest.MonkeyPatch.context()).setattr(machines, "FIRST", (nodes[0].name,))
        said, shown, guard_said = _run(check)
    words = (*SAYS[accident], LEFT[accident].format(sample))
    told, was_shown, named = (any(each in text for each in words) for text in (said, shown, guard_said))
    return Trial(sample.claim, accident, verdict(said, told=told, shown=was_shown, named=named), said, shown, guard_said)


def verdict(said: str, *, told: bool, shown: bool, named: bool) -> str:
    """A check that fails should tell the accident itself; next best is what is shown with its message, then the guard."""
    if not said:
        return HOLDS_NAMED if named else HOLDS
    return SAYS_SO if told else SHOWS if shown else GUARD_SAYS if named else MISLEADS


def _run(check: pytest.Function) -> tuple[str, str, str]:
    """What the check said if it did not hold, what is shown with that, and what was said when it handed back its machines."""
    with fixtures_of_their_own(check.session):
        reports = runtestprotocol(check, log=False, nextitem=None)
    failed = {str(report.when): report for report in reports if not report.passed}
    said = {when: getattr(report, "said", "") or report.longreprtext for when, report in failed.items()}
    shown = "\n".join(text for report in failed.values() if report.when != "teardown" for _, text in report.sections)
    return said.get("setup", "") + said.get("call", ""), shown, said.get("teardown", "")


@contextmanager
def _reserved(check: pytest.Function, cluster: Cluster) -> Iterator[tuple[Machine, ...]]:
    """The nodes that the check may use, for this trial alone: one where any one will do, else all."""
    wanted = set(check.fixturenames)
    one = wanted & {"node", "docker_host"} and not wanted & {"nodes", "machines", "manager", "core_01", "core_02", "core_03"}
    folder = FOLDER / "accidents"
    names: Sequence[str] = [node.name for node in cluster.nodes]
    if one:
        names = [machines.free_node(cluster, folder=folder)]
    with lease(dict.fromkeys(names, Use.ALONE), folder):
        yield tuple(cluster.machine(name) for name in names)


@contextmanager
def _baselines_kept(nodes: Sequence[Machine]) -> Iterator[None]:
    """At the end the nodes are compared with what they were before; the guard may have taken the accident for theirs."""
    before = {node: guard.snapshot(node) for node in nodes}
    try:
        yield
    finally:
        for node, lines in before.items():
            guard.keep_baseline(node.name, lines)
            guard.clean_up(node)
            if left := guard.look(node):
                raise machines.LeftBehind(f"{node}: {left}")
