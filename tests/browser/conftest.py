"""A real headless Chromium, and handouts made from the results of real runs."""

import gzip
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from testbed import handout, results
from testbed.findings import Findings, find
from testbed.register import load
from tests import stories

DATA = Path(__file__).parent / "data"
# A container's root may not use Chromium's own sandbox; the others keep it from asking the network about itself.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, which `./cododemo test` installs."""
    chromium = shutil.which("chromium")
    assert chromium, "no chromium here; ./cododemo test installs it, or: apt-get install chromium"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def found(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """A run on a cluster of which one node's etcd had been stopped; its drills' stories are made up."""
    real = findings_of("etcd-stopped", tmp_path_factory.mktemp("run"))
    run = replace(real.run, stories=stories.ALL, facts=real.run.facts | {"manager": stories.MANAGER})
    return replace(real, run=run)


def findings_of(name: str, folder: Path) -> Findings:
    """What the run found whose results are kept in data/ by that name."""
    file = folder / "results.jsonl"
    file.write_bytes(gzip.decompress((DATA / f"{name}.jsonl.gz").read_bytes()))
    return find(load(), results.read(file))


@pytest.fixture(scope="session")
def html(found: Findings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its handout."""
    file = tmp_path_factory.mktemp("handout") / "handout.html"
    file.write_text(handout.render(found))
    return file


@pytest.fixture
def told() -> list[str]:
    """All that the page asks of the network or complains about."""
    return []


@pytest.fixture
def page(browser: Browser, html: Path, told: list[str]) -> Iterator[Page]:
    """The handout, opened from its file; at the end nothing was asked of the network and nothing complained about."""
    opened = browser.new_page(viewport={"width": 1400, "height": 900})
    opened.on("request", lambda request: told.append(f"request: {request.url}") if request.url != html.as_uri() else None)
    opened.on("console", lambda message: told.append(f"console: {message.text}"))
    opened.on("pageerror", lambda error: told.append(f"error: {error}"))
    opened.goto(html.as_uri())
    yield opened
    opened.close()
    assert told == []
