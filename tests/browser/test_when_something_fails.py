"""The handout's part on what happens when something fails: its table and its pictures, on a screen, a phone and paper."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from testbed import failover, handout
from testbed.findings import Findings
from tests import stories

FAULTS = [fault.fault.capitalize() for fault in failover.compare(stories.ALL)]


@pytest.fixture
def without_script(browser: Browser, html: Path) -> Page:
    """The handout where no script may run."""
    page = browser.new_page(java_script_enabled=False, viewport={"width": 1400, "height": 900})
    page.goto(html.as_uri())
    return page


def test_faults_are_compared_and_drawn_without_a_script(without_script: Page) -> None:
    table = without_script.get_by_role("table", name="Fault by fault")
    assert table.locator(".fault").all_inner_texts() == FAULTS
    killed = table.locator("tbody").nth(FAULTS.index("Machine killed")).get_by_role("row")
    assert "not before it was healed" in killed.nth(1).inner_text()
    assert "9.2 s" in killed.nth(2).inner_text()
    table.get_by_role("link", name="Machine killed").click()
    expect(without_script.get_by_role("heading", name="Machine killed")).to_be_in_viewport()
    assert without_script.locator("svg.picture").count() == len(stories.ALL)
    without_script.close()


def test_picture_has_a_title_a_description_and_its_events(page: Page) -> None:
    picture = page.get_by_role("img", name="Machine cut off under unit with --restart=always")
    assert "2 from +11.0 s on" in (picture.locator("desc").text_content() or "")
    figure = page.locator("figure").filter(has=picture)
    figure.locator("summary").press("Enter")
    rows = figure.get_by_role("table").get_by_role("row").all_inner_texts()
    assert rows[4].split("\t") == ["4", "+11.0", "core-03", "Redis starts"]
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(each => each.id)")
    assert len(ids) == len(set(ids))


def test_manager_is_named_in_the_head(page: Page) -> None:
    assert "manager: swarm" in page.locator("header .when").inner_text()


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_and_marks_stay_within_their_picture(browser: Browser, html: Path, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(html.as_uri())
    outside = page.evaluate(
        """[...document.querySelectorAll("svg.picture :is(text, rect)")].filter(each => {
             const [inner, outer] = [each, each.closest("figure")].map(one => one.getBoundingClientRect());
             return inner.left < outer.left || inner.right > outer.right || inner.top < outer.top || inner.bottom > outer.bottom;
           }).map(each => each.outerHTML)"""
    )
    assert outside == []
    overlapping = page.evaluate(
        """[...document.querySelectorAll("svg.picture")].flatMap(svg => {
             const marks = [...svg.querySelectorAll(".event rect")].map(each => each.getBoundingClientRect());
             const touch = (one, other) => one !== other && one.left < other.right && other.left < one.right
               && one.top < other.bottom && other.top < one.bottom;
             return marks.filter(one => marks.some(other => touch(one, other))).map(one => [svg.textContent, one.left]);
           })"""
    )
    assert overlapping == []
    assert page.evaluate("getComputedStyle(document.querySelector('svg.picture text')).fontSize") == "11px"
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_in_the_pictures_have_contrast(browser: Browser, html: Path, scheme: str) -> None:
    """axe does not look into SVG: the ratio by WCAG's formula, of each word's colour to what it stands on."""
    page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(html.as_uri())
    ratios = page.evaluate(
        """() => {
             const light = colour => colour.match(/[\\d.]+/g).slice(0, 3).map(each => each / 255)
               .map(each => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
               .reduce((sum, each, index) => sum + each * [0.2126, 0.7152, 0.0722][index], 0);
             const under = text => text.matches(".inside, .number") ? getComputedStyle(text.previousElementSibling).fill
               : getComputedStyle(text.closest("figure")).backgroundColor;
             return [...document.querySelectorAll("svg.picture text")].map(text => {
               const [one, other] = [getComputedStyle(text).fill, under(text)].map(light);
               return [text.outerHTML, (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)];
             });
           }"""
    )
    assert [(text, ratio) for text, ratio in ratios if ratio < 4.5] == []
    page.close()


def test_print_has_the_pictures_events(page: Page) -> None:
    printed = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True, print_background=True)))
    text = "".join(each.extract_text() for each in printed.pages)
    assert "the network is healed" in text


def test_run_without_stories_has_no_such_part(found: Findings) -> None:
    page = handout.render(replace(found, run=replace(found.run, stories=())))
    assert "When something fails" not in page
    assert "<svg" not in page
