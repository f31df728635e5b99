"""The front of the web servers: what port 80 of each node answers."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import httpx

from testbed.machine import Machine
from testbed.managers import Manager
from testbed.plain_http import HTTP
from tests.cluster.failover.watch import Watch

PAGES = 12
"""So many times the drill reloads the page where it looks who wrote it."""


@dataclass(frozen=True)
class Page:
    """An answer: when it was asked for (monotonic seconds), its status (0 for none), the server's name, and what it says."""

    at: float
    status: int
    server: str
    text: str

    @property
    def writer(self) -> str:
        """The host name at the end of the page; nothing where it is no such page."""
        found = re.fullmatch(r'Hello, "/bar" - (\S+)\n', self.text)
        return found[1] if found else ""


@dataclass(frozen=True)
class Front:
    """Where nginx runs, what the manager says of it, and what each node answered, by the node's name."""

    where: list[str]
    status: str
    pages: dict[str, list[Page]]

    @property
    def serving(self) -> list[str]:
        """The nodes that serve the page."""
        return [machine for machine, pages in self.pages.items() if any(page.writer for page in pages)]

    def writers(self, machine: str) -> list[str]:
        """Who wrote the pages that this node served, in their order."""
        return [page.writer for page in self.pages[machine]]

    def expected(self, what: str) -> str:
        """A failure's message: what was expected of port 80, and what was seen."""
        seen = [f"{machine}: {', '.join(map(_short, pages))}" for machine, pages in self.pages.items()]
        return "\n".join([f"expected {what}, but port 80 answered", *seen, f"nginx runs on {self.where}", self.status])


@dataclass(frozen=True)
class Loss:
    """What a client that asks ten times a second got after a machine, or a server on it, was lost; times are seconds after that.

    A time is None where what is awaited did not happen.
    """

    machine: str
    pages: tuple[Page, ...]
    unannounced: float | None
    back: float | None

    @property
    def failed(self) -> list[Page]:
        """The answers that were not the page."""
        return [page for page in self.pages if not page.writer]

    @property
    def outage(self) -> float | None:
        """Seconds until the page was served for good; None where it was not."""
        last = max((page.at for page in self.failed), default=None)
        return 0 if last is None else min((page.at for page in self.pages if page.at > last), default=None)

    def expected(self, what: str) -> str:
        """A failure's message: the machine that was hit, what was expected, and the answers that were not the page."""
        seen = [f"{page.at:6.2f} s  {_short(page)}" for page in self.failed[:10]]
        answers = f"{len(self.pages)} answers, {len(self.failed)} without the page, the page for good after {self.outage} s"
        times = f"its key gone after {self.unannounced} s, its web server back after {self.back} s"
        return "\n".join([f"{self.machine} was hit: expected {what}, but saw {answers}, {times}:", *seen])


def look(manager: Manager, nodes: tuple[Machine, ...], service: str) -> Front:
    """What each node answers; one that serves something is asked a dozen times."""
    pages = {}
    for node in nodes:
        first = page(node)
        pages[node.name] = [first, *(page(node) for _ in range(PAGES - 1))] if first.status else [first]
    return Front(manager.where(service), manager.status(service), pages)


def page(node: Machine) -> Page:
    """What the node answers at port 80."""
    at = time.monotonic()
    try:
        answer = HTTP.get(f"http://{node.address}/bar", timeout=5)
    except httpx.TransportError as error:
        return Page(at, 0, "", str(error))
    return Page(at, answer.status_code, answer.headers.get("Server", ""), answer.text)


@contextmanager
def reloaded(node: Machine) -> Iterator[list[Page]]:
    """The node's pages, asked for ten times a second meanwhile."""
    pages: list[Page] = []
    with Watch(lambda: pages.append(page(node)), every=0.1):
        yield pages


def after(moment: float, pages: list[Page]) -> tuple[Page, ...]:
    """The pages from that moment on, their times counted from there."""
    return tuple(replace(page, at=page.at - moment) for page in pages if page.at >= moment)


def _short(page: Page) -> str:
    return page.writer or (f"{page.status} {page.text[:40]!r}" if page.status else page.text)
