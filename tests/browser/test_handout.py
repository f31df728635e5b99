"""The handout as an attendee has it: opened from a file, on a wide screen, on a phone, on paper, with the keyboard alone."""

import io
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from testbed import handout
from testbed.findings import Findings
from testbed.results import Verdict
from testbed.secrets import PATTERNS
from tests.browser.conftest import findings_of

PAGES_AT_MOST = 25


def test_opens_25_times_from_its_file(browser: Browser, html: Path) -> None:
    for _ in range(25):
        page = browser.new_page()
        page.goto(html.as_uri())
        assert "held against a running cluster" in page.locator("h1").inner_text()
        page.close()


def test_first_page_counts_what_the_run_found(page: Page, found: Findings) -> None:
    tiles = page.locator(".tile")
    shown = {tile.locator(".word").inner_text(): int(tile.locator(".number").inner_text()) for tile in tiles.all()}
    assert shown["✎ errata"] == found.counts[Verdict.ERRATUM]
    assert shown["✓ hold"] == found.counts[Verdict.HOLDS]
    assert shown["✗ does not hold"] == found.counts[Verdict.DOES_NOT_HOLD]
    assert page.locator(".versions").inner_text().startswith("Docker")


def test_chapters_stand_in_the_workshops_order(page: Page, found: Findings) -> None:
    titles = [f"{number}. {chapter.chapter.title}" for number, chapter in enumerate(found.chapters, start=1)]
    assert page.locator(".chapter > summary .title").all_inner_texts() == titles


def test_what_went_wrong_comes_first_and_says_why(page: Page, found: Findings) -> None:
    first = found.bad[0]
    card = page.locator("#wrong ~ .card").first
    expect(card).to_be_in_viewport()
    assert first.claim.id in card.inner_text()
    assert first.reason in card.inner_text()


def test_erratum_has_a_card_that_leads_to_its_evidence(page: Page, found: Findings) -> None:
    erratum = found.having(Verdict.ERRATUM)[0]
    card = page.locator(f"[id='erratum-{erratum.claim.id}']")
    assert card.locator("dt").all_inner_texts()[:3] == ["The text says", "In truth", "How it was shown"]
    card.get_by_role("link", name="Evidence").click()
    expect(page.locator(f"[id='{erratum.claim.id}'] .test").first).to_be_visible()


def test_evidence_opens_with_the_keyboard_and_a_command_is_copied(page: Page, found: Findings) -> None:
    chapter = next(chapter for chapter in found.chapters if chapter.chapter.chapter == "etcd")
    finding = next(one for one in chapter.findings if any(not c.drill for test in one.tests for c in test.commands))
    page.locator("#chapter-etcd > summary").focus()
    page.keyboard.press("Enter")
    page.locator(f"[id='{finding.claim.id}'] > summary").focus()
    page.keyboard.press("Enter")
    command = page.locator(f"[id='{finding.claim.id}'] .command").first
    expect(command).to_be_visible()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    command.get_by_role("button", name="Copy the command").press("Enter")
    expect(page.get_by_role("status")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == command.locator("code").inner_text()


def test_failure_shows_the_machines_journals(page: Page) -> None:
    journals = page.locator(".journal")
    assert journals.count() > 0
    assert "systemd" in (journals.first.locator("pre").text_content() or "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_a_phone_with_everything_open(browser: Browser, html: Path, scheme: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(html.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Browser, html: Path, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(html.as_uri())
    page.evaluate(
        "document.querySelectorAll('.chapter, #chapter-etcd details, .story details').forEach(each => { each.open = true })"
    )
    violations = Axe().run(page).response["violations"]
    serious = [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in violations if one["impact"] in ("serious", "critical")]
    assert serious == []
    page.close()


def test_prints_on_a_few_pages(page: Page, found: Findings) -> None:
    printed = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True, print_background=True)))
    text = "".join(each.extract_text() for each in printed.pages)
    assert len(printed.pages) <= PAGES_AT_MOST
    assert found.having(Verdict.ERRATUM)[-1].claim.where.rpartition(" ")[2] in text
    assert found.chapters[-1].chapter.title in text


def test_killed_run_is_marked_incomplete(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "handout.html"
    file.write_text(handout.render(findings_of("killed", tmp_path)))
    page = browser.new_page()
    page.goto(file.as_uri())
    expect(page.get_by_role("alert")).to_contain_text("It ran 132 of 434 tests.")
    page.close()


def test_has_no_secret_and_loads_nothing(html: Path) -> None:
    text = html.read_text()
    assert [pattern.pattern for pattern in PATTERNS if pattern.search(text)] == []
    assert "default-src 'none'" in text
