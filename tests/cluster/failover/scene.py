"""A fault as it goes on: two servers, each kept by somebody else, their clients, and all that is seen of them."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise

from testbed.cluster import Cluster
from testbed.machine import Machine
from testbed.managers import Manager
from testbed.timeline import Event, Story
from testbed.wait import settled, wait_until
from tests.cluster.failover.contestants import BY_BOTH, BY_POLICY, MANAGED, Contestant
from tests.cluster.failover.watch import Answer, Census, Client, NoAnswer, Watch, census, readable

WRITES = 5
"""So many writes are acknowledged before the fault."""
START_SECONDS = 20


class Scene:
    """The machines, the clients, and the fault's moment (monotonic seconds): what came before it has negative seconds."""

    def __init__(self, cluster: Cluster, manager: Manager, victim: Machine, other: Machine) -> None:
        self.cluster, self.manager, self.victim, self.other = cluster, manager, victim, other
        members = [node for node in cluster.nodes if node.name != victim.name]
        self.clients = {each: Client(members, each.key) for each in (MANAGED, BY_POLICY)}
        self.answers = {each: Watch(client.write, every=0.1) for each, client in self.clients.items()}
        self.servers = Watch(self.count, every=0.3)
        self.counted: Census = {}
        self.moment = self.ended = 0.0
        self.events: list[Event] = []

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Everything is watched meanwhile; it begins when each client has written some numbers."""
        with ExitStack() as watching:
            for client in self.clients.values():
                watching.enter_context(client.http)
            watching.enter_context(self.servers)
            for answers in self.answers.values():
                watching.enter_context(answers)
            wait_until(lambda: self._begun(BY_POLICY), "the server of the policy is written to", seconds=START_SECONDS)
            settled(lambda: self._begun(MANAGED), bool, seconds=START_SECONDS)  # whether one runs is for its claim to judge
            yield

    def begin(self) -> None:
        """The fault comes now."""
        self.moment = time.monotonic()

    def end(self) -> None:
        """The fault ends now, and healing begins."""
        self.ended = time.monotonic()

    def happened(self, what: str) -> float:
        """Note what was done to the victim; returns how long after the fault's end, in seconds."""
        now = time.monotonic()
        self.events.append(Event(now - self.moment, what, self.victim.name))
        return now - self.ended

    def count(self) -> Census:
        """How many servers run, by machine and port; of a machine that cannot tell, as many as before."""
        self.counted |= census(self.cluster, (self.victim, self.other), [each.port for each in (MANAGED, BY_POLICY, BY_BOTH)])
        return dict(self.counted)

    def running(self, contestant: Contestant) -> dict[str, int]:
        """How many servers of the contestant run, by machine."""
        return {machine: ports[contestant.port] for machine, ports in self.count().items()}

    def is_calm(self, contestant: Contestant) -> bool:
        """Whether one server runs, and it is the one that answers."""
        last = self.answers[contestant].changes[-1][1]
        running = self.running(contestant)
        return isinstance(last, Answer) and sum(running.values()) == 1 and running.get(last.machine) == 1

    def before(self, contestant: Contestant) -> Answer | NoAnswer:
        """Who answered last before the fault."""
        changes = self.answers[contestant].changes
        return next((answer for when, answer in reversed(changes) if when < self.moment), NoAnswer("it was not asked yet"))

    def recovery(self, contestant: Contestant) -> tuple[float, Answer] | None:
        """After how many seconds a client was answered again, and by whom: after a failure, or by a server started since."""
        failed = False
        for when, answer in self.answers[contestant].since(self.moment):
            if isinstance(answer, Answer) and (failed or answer != self.before(contestant)):
                return when - self.moment, answer
            failed = not answer
        return None

    def story(self, fault: str, contestant: Contestant, keeper: str) -> Story:
        """What was seen of the contestant."""
        recovered = self.recovery(contestant)
        client = self.clients[contestant]
        written = client.acknowledged_before(self.moment)
        address = next(iter(client.announced().values()), None)
        running = self.running(contestant)
        return Story(
            fault=fault,
            keeper=keeper,
            events=tuple(sorted([*self.events, *self._of_clients(contestant), *self._of_servers(contestant)], key=_seconds)),
            servers=tuple((when - self.moment, sum(_of(seen, contestant))) for when, seen in self.servers.changes),
            outage=recovered and recovered[0],
            acknowledged=len(written),
            readable=readable(address, written) if address else 0,
            after=", ".join(f"{count} on {machine}" for machine, count in running.items() if count) or "none runs",
        )

    def _begun(self, contestant: Contestant) -> bool:
        return sum(_of(self.counted, contestant)) == 1 and len(self.clients[contestant].acknowledged) >= WRITES

    def _of_clients(self, contestant: Contestant) -> Iterator[Event]:
        for when, answer in self.answers[contestant].changes:
            if isinstance(answer, Answer):
                yield Event(when - self.moment, "a client is answered", answer.machine)
            else:
                yield Event(when - self.moment, f"a client gets no answer ({answer.why})", "")

    def _of_servers(self, contestant: Contestant) -> Iterator[Event]:
        for (_, earlier), (when, later) in pairwise(self.servers.changes):
            for machine, ports in later.items():
                change = ports[contestant.port] - earlier[machine][contestant.port]
                if change:
                    yield Event(when - self.moment, "a server starts" if change > 0 else "a server ends", machine)


def _of(seen: Census, contestant: Contestant) -> list[int]:
    return [ports[contestant.port] for ports in seen.values()]


def _seconds(event: Event) -> float:
    return event.seconds
