"""Allure's page, made from the results of a real run: it opens every time, and asks nothing of the network."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from testbed import allure_page, paths
from tests.browser.conftest import DATA


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made as a run makes it."""
    report = tmp_path_factory.mktemp("report")
    with tarfile.open(DATA / "allure-results.tar.gz") as archive:
        archive.extractall(report, filter="data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "REPORT", report)
        allure_page.make({"provider": "docker"})
    return report / allure_page.NAME


@pytest.fixture
def page(browser: Browser, page_file: Path) -> Iterator[Page]:
    """The page, opened from its file; at the end nothing was asked of the network and nothing complained about."""
    told: list[str] = []
    opened = browser.new_page()
    opened.on("request", lambda request: told.append(request.url) if request.url.startswith("http") else None)
    opened.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: told.append(str(error)))
    opened.goto(page_file.as_uri())
    yield opened
    opened.close()
    assert told == []


@pytest.mark.parametrize("time", range(10))
def test_opens_with_texts_and_chapters(page: Page, time: int) -> None:  # noqa: ARG001
    page.get_by_text("The later texts").click()
    expect(page.get_by_text("05 etcd by hand")).to_be_visible()


def test_errata_are_a_category_of_their_own(page: Page) -> None:
    page.get_by_text("Categories").first.click()
    expect(page.get_by_text("Errata: the text as written fails, as foretold")).to_be_visible()
