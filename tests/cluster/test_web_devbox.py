"""A web server: its source run in the devbox, at a terminal and in the background (test_web.py has the finished image).

The node is leased for the whole module, so no test in it may ask for another machine.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from shlex import quote

import pytest

from fixtures.claims import claim
from testbed.cluster import Cluster
from testbed.transcript import Result
from testbed.wait import settled
from tests.cluster.devbox import DEMO, GROUP, RUN, VOLUME, Workplace, workplace

pytestmark = GROUP

PUBLISHED = RUN.replace("-it", "-it -p 8080:8080")
DETACHED = f"docker run -d -p 8080:8080 {VOLUME} rbucker/devbox sh -c 'cd {DEMO}; go run web.go'"
GRACE = 2
KILLED = "137"
START_SECONDS = 60
REFUSED = 7
"""curl's exit code where nobody listens."""


@dataclass(frozen=True)
class Session:
    """What a session in the devbox showed, and the page while it was open and when it was over."""

    shell: Result
    page: Result
    afterwards: Result


@pytest.fixture(scope="module")
def work(the_cluster: Cluster) -> Iterator[Workplace]:
    """The workplace, with the workshop's repository cloned."""
    with workplace(the_cluster) as place:
        cloned = place.clone_demo()
        assert cloned.rc == 0, cloned.expected("the repository cloned")
        yield place


@pytest.fixture(scope="module")
def session(work: Workplace) -> Session:
    """Somebody at a terminal runs web.go in the devbox, presses ^C when another has seen the page, and leaves."""
    typed = f"printf 'cd {DEMO}\\ngo run web.go\\n'; until [ -e /tmp/seen ]; do sleep 0.1; done; printf '\\003exit\\n'"
    with ThreadPoolExecutor() as pool:
        shell = pool.submit(work.node.run, f"{{ {typed}; }} | script -qec {quote(PUBLISHED)} /dev/null")
        page = awaited_page(work)
        work.node.run("touch /tmp/seen")
        seen = shell.result()
    work.node.run("rm /tmp/seen")
    return Session(seen, page, page_of(work))


@pytest.fixture
def detached(work: Workplace) -> Iterator[Result]:
    """The server started in the background."""
    yield work.node.run(DETACHED.replace(" -d ", f" -d --name in-background --stop-timeout {GRACE} "))
    work.node.run("docker rm -f in-background")


def page_of(work: Workplace) -> Result:
    """What the node's port 8080 gives."""
    return work.node.run(f"curl -sS http://{work.node.address}:8080/bar")


def awaited_page(work: Workplace) -> Result:
    """The page as soon as there is one, or what there is after a minute."""
    return settled(lambda: page_of(work), lambda page: page.rc == 0, seconds=START_SECONDS)


@claim("web.run-in-devbox")
def test_the_page_is_there_as_long_as_the_session_lasts(session: Session) -> None:
    """`docker run -it -p 8080:8080 -v /media/state/shared/:/var/shared/ rbucker/devbox /bin/bash`, `go run web.go`."""
    assert session.page.stdout.startswith('Hello, "/bar"'), session.page.expected(
        f"the page while this was open:\n{session.shell}"
    )
    assert session.afterwards.rc == REFUSED, session.afterwards.expected("no page after the session")


@claim("web.detached-run")
def test_the_server_starts_from_its_source_in_the_background(work: Workplace, detached: Result) -> None:
    """`docker run -d -p 8080:8080 ... rbucker/devbox sh -c 'cd src/github.com/rbucker/cododemo; go run web.go'`."""
    assert re.fullmatch("[0-9a-f]{64}\n", detached.stdout), detached.expected("nothing but the container's ID")
    page, logs = awaited_page(work), work.node.run("docker logs in-background")
    wanted = f'Hello, "/bar" - {detached.stdout[:12]}\n'
    assert page.stdout == wanted, page.expected(f"the page of the container that says\n{logs}")


@claim("web.can-stop-it")
@pytest.mark.usefixtures("detached")
def test_stopping_go_run_takes_the_whole_grace_period(work: Workplace) -> None:
    """`docker stop`: the shell that is process 1 does not pass the signal on; shown with a grace period of two seconds."""
    page = awaited_page(work)
    assert page.rc == 0, page.expected("a server that runs")
    stopped = work.node.run("docker stop in-background && docker inspect -f '{{.State.ExitCode}}' in-background")
    assert stopped.seconds >= GRACE, stopped.expected(f"that it takes {GRACE} seconds")
    assert stopped.stdout.split()[-1:] == [KILLED], stopped.expected(f"exit code {KILLED}: killed")
    after = page_of(work)
    assert after.rc == REFUSED, after.expected("no page any more")
