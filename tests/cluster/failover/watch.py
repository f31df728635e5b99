"""What goes on during a drill, watched from outside: what a client gets, and how many servers run where."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

import httpx
import redis
from docker.errors import APIError
from redis.backoff import NoBackoff
from redis.retry import Retry

from testbed.cluster import Cluster
from testbed.machine import Machine

T = TypeVar("T")

PATIENCE_SECONDS = 0.5
"""How long the client waits for an answer before it looks the address up again."""


class Watch(Generic[T]):
    """Asks again and again in the background, and keeps each change: when (monotonic seconds), and what was seen."""

    def __init__(self, ask: Callable[[], T], *, every: float) -> None:
        self.ask = ask
        self.every = every
        self.changes: list[tuple[float, T]] = []
        self.failure: BaseException | None = None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.over.set()
        self.thread.join()
        if self.failure and error is None:
            raise self.failure

    def _run(self) -> None:
        try:
            while not self.over.is_set():
                seen = self.ask()
                if not self.changes or self.changes[-1][1] != seen:
                    self.changes.append((time.monotonic(), seen))
                self.over.wait(self.every)
        except Exception as error:  # it is raised by whoever watches
            self.failure = error

    def since(self, moment: float) -> list[tuple[float, T]]:
        """The changes since then."""
        return [(when, seen) for when, seen in self.changes if when >= moment]


@dataclass(frozen=True)
class Answer:
    """Which server took a write: its machine, and its run id, which is another after each start (redis.io, INFO)."""

    machine: str
    run_id: str


@dataclass(frozen=True)
class NoAnswer:
    """Why the client was not answered, by the machines that were announced; it is false."""

    why: str

    def __bool__(self) -> bool:
        return False


class Client:
    """Looks a server's address up in etcd and writes the next number to it, as an application would."""

    def __init__(self, members: Sequence[Machine], key: str) -> None:
        self.urls = [f"http://{member.address}:4001/v2/keys{key}" for member in members]
        self.http = httpx.Client(timeout=PATIENCE_SECONDS)
        self.next = 1
        self.acknowledged: list[tuple[float, int]] = []

    def write(self) -> Answer | NoAnswer:
        """Who took the next number, or why nobody did."""
        refused = []
        for machine, address in sorted(self.announced().items()):
            try:
                with connection(address) as server:
                    server.set(f"write:{self.next}", self.next)
                    run_id = str(server.info("server")["run_id"])
            except redis.RedisError as error:
                refused.append(f"{machine}: {type(error).__name__}")
                continue
            self.acknowledged.append((time.monotonic(), self.next))
            self.next += 1
            return Answer(machine, run_id)
        return NoAnswer(", ".join(refused) or "nobody is announced")

    def announced(self) -> dict[str, str]:
        """ADDRESS:PORT by the machine's name; nothing while etcd does not answer."""
        for url in self.urls:
            try:
                answer = self.http.get(url, params={"recursive": "true"}).json()
            except (httpx.TransportError, ValueError):
                continue
            keys = answer.get("node", {}).get("nodes", [])
            return {key["key"].rpartition("/")[2]: key["value"] for key in keys}
        return {}

    def acknowledged_before(self, moment: float) -> list[int]:
        """The numbers that were acknowledged before then."""
        return [number for when, number in self.acknowledged if when < moment]


def readable(address: str, numbers: list[int]) -> int:
    """How many of these numbers the server at ADDRESS:PORT knows; none where it gives no answer."""
    try:
        with connection(address) as server:
            return sum(1 for value in server.mget(f"write:{number}" for number in numbers) if value is not None)
    except redis.RedisError:
        return 0


def put(address: str, key: str, value: str) -> bool:
    """Whether the server at ADDRESS:PORT took the value."""
    try:
        with connection(address) as server:
            return bool(server.set(key, value))
    except redis.RedisError:
        return False


def ask(address: str, key: str) -> str:
    """What the server at ADDRESS:PORT answers: the value, `nil`, or `no answer`."""
    try:
        with connection(address) as server:
            value = server.get(key)
    except redis.RedisError:
        return "no answer"
    return "nil" if value is None else bytes(value).decode()


def connection(address: str) -> "redis.Redis":
    """A client of the server at ADDRESS:PORT that tries once."""
    host, _, port = address.partition(":")
    once = Retry(NoBackoff(), 0)
    return redis.Redis(host, int(port), socket_timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS, retry=once)


Census = dict[str, dict[int, int]]


def census(cluster: Cluster, machines: Sequence[Machine], ports: Sequence[int]) -> Census:
    """How many Redis servers run, by machine and port, also on a machine that is cut off the network; none on one that is off.

    A machine that cannot tell, as it is going off just now, is left out.
    """
    seen: Census = {}
    for machine in machines:
        with suppress(APIError):
            lines = cluster.provider.processes(machine.name)
            servers = [line for line in lines if line.startswith("redis-server ")]
            seen[machine.name] = {port: sum(line.endswith(f":{port}") for line in servers) for port in ports}
    return seen
