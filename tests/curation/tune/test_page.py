"""The page in a real browser: thresholds are dragged, counts follow, clips play, filters are saved and compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.curation.tune.conftest import YAML
from tests.curation.tune.server import TuneProcess

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("playwright", reason="playwright is not installed: pip install playwright")


@pytest.fixture(scope="module")
def server(browser: Browser, playable: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TuneProcess]:
    folder = tmp_path_factory.mktemp("filters")
    (folder / "filters.yaml").write_text(YAML)
    with TuneProcess(playable, folder) as process:
        process.filters = folder / "filters.yaml"
        yield process


@pytest.fixture
def page(browser: Browser, server: TuneProcess) -> Iterator[Page]:
    """The page with the filter calm; it must ask nobody else, and nothing may go wrong in it."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    page = context.new_page()
    page.set_default_timeout(60_000)
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: None if request.url.startswith(server.url) else troubles.append(request.url))
    page.goto(server.url)
    _wait_for_kept(page, "23")
    yield page
    expected = re.compile("status of 409")
    assert [trouble for trouble in troubles if not expected.search(trouble)] == []
    context.close()


def _kept(page: Page) -> int:
    return int(page.locator("#kept-clips").inner_text())


def _wait_for_kept(page: Page, count: str) -> None:
    page.wait_for_function("count => document.getElementById('kept-clips').textContent === count", arg=count)


def _handle(page: Page, name: str):  # type: ignore[no-untyped-def]
    return page.get_by_role("slider", name=name)


def _drag(page: Page, name: str, by: float, steps: int = 8, *, drop: bool = True) -> None:
    handle = _handle(page, name)
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + by, y, steps=steps)
    if drop:
        page.mouse.up()


def test_a_threshold_is_dragged_and_the_counts_follow(page: Page) -> None:
    assert page.locator("#kept-share").inner_text() == "57.5 %"
    _drag(page, "motion_score: greatest value kept", -120, drop=False)
    page.wait_for_function("() => Number(document.getElementById('kept-clips').textContent) < 23")
    while_held = _kept(page)
    page.mouse.up()
    bound = float(page.get_by_role("textbox", name="motion_score: greatest value kept").input_value())
    expected = sum(1 for index in range(39) if index / 10 <= bound + 1e-9 and index % 4)
    _wait_for_kept(page, str(expected))
    assert while_held >= expected
    assert 0 < bound < 3
    page.get_by_role("tab", name="Funnel").click()
    last = page.locator(".funnel tr.end").last
    assert last.inner_text().split()[1] == str(expected)
    measured = page.evaluate("performance.getEntriesByName('threshold move').length")
    assert measured > 0


def test_a_drag_makes_a_rule_and_unmakes_it(page: Page) -> None:
    _drag(page, "duration_s: least value kept", 30)
    # All clips are as long: a threshold above their length keeps none.
    field = page.get_by_role("textbox", name="duration_s: least value kept")
    field.fill("3")
    field.press("Enter")
    _wait_for_kept(page, "0")
    assert page.locator("#rules .card").count() == 3
    _handle(page, "duration_s: least value kept").press("Home")
    _wait_for_kept(page, "23")
    assert page.locator("#rules .card").count() == 2


def test_thresholds_by_keyboard(page: Page) -> None:
    handle = _handle(page, "motion_score: greatest value kept")
    handle.focus()
    for _ in range(3):
        page.keyboard.press("Shift+ArrowLeft")
    page.wait_for_function("() => Number(document.getElementById('kept-clips').textContent) < 23")
    assert float(handle.get_attribute("aria-valuenow") or "nan") == pytest.approx(3 - 3 * 10 * 0.005 * 3.8, abs=0.03)
    page.keyboard.press("Delete")
    _wait_for_kept(page, "30")
    assert handle.get_attribute("aria-valuetext") == "not set"


def test_values_and_percentiles(page: Page) -> None:
    card = page.locator("#rules .card", has=page.get_by_role("heading", name="motion_score"))
    card.get_by_role("button", name="percentile").click()
    field = page.get_by_role("textbox", name="motion_score: greatest value kept")
    page.wait_for_function("field => field.value !== '3'", arg=field.element_handle())
    assert float(field.input_value()) == pytest.approx(100 * 8 / 39, abs=1)
    _wait_for_kept(page, "23")
    card.get_by_role("button", name="value").click()
    page.wait_for_function("field => field.value === '3'", arg=field.element_handle())
    _wait_for_kept(page, "23")


def test_clips_play_and_tell_of_themselves(page: Page) -> None:
    dropped = page.get_by_role("region", name="Just dropped").locator(".clip")
    dropped.first.wait_for()
    shown = dropped.locator(".value-shown").all_inner_texts()
    assert shown == ["3.1", "3.3", "3.4", "3.5", "3.7", "3.8"]
    video = dropped.first.locator("video").element_handle()
    assert page.evaluate("video => video.paused && video.muted && video.preload === 'none'", video)
    dropped.first.hover()
    page.wait_for_function("video => video.currentTime > 0.1 && !video.paused", arg=video)
    page.mouse.move(5, 5)
    page.wait_for_function("video => video.paused", arg=video)
    dropped.first.click()
    details = page.locator("#details")
    details.get_by_text("dropped: motion_score: max 3").wait_for()
    details.get_by_text("0.2").or_(details.get_by_text("text_area")).first.wait_for()
    assert details.locator(".timeline .span").count() == 4
    assert details.locator(".timeline .mark").count() == 3
    assert details.locator(".timeline .span.kept").count() == 2
    page.wait_for_function("() => document.querySelector('#details video').currentTime > 0.1")
    heading = details.get_by_role("heading", level=2)
    before = heading.inner_text()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("before => document.querySelector('#details h2').textContent !== before", arg=before)
    page.keyboard.press("Escape")
    page.wait_for_function("() => !document.getElementById('details').open")


def test_wrong_and_missing_rules(page: Page) -> None:
    page.get_by_role("combobox", name="Filter to start from").select_option("lvd-f")
    missing = page.locator(".card.missing")
    missing.first.wait_for()
    missing.get_by_text("curation annotate").first.wait_for()
    assert missing.count() == 2
    page.get_by_role("combobox", name="Add a rule").select_option("sql")
    expression = page.get_by_role("textbox", name="Expression in SQL")
    expression.fill("motion_scor > 1")
    page.get_by_text('did you mean "motion_score"').wait_for()
    expression.fill("motion_score > 100")
    _wait_for_kept(page, "0")


def test_values_are_checked(page: Page) -> None:
    page.get_by_role("combobox", name="Add a rule").select_option("label")
    _wait_for_kept(page, "17")  # without those that have no label
    page.get_by_role("checkbox", name="Keep dog").uncheck()
    _wait_for_kept(page, "9")
    card = page.locator("#rules .card", has=page.get_by_role("heading", name="label"))
    card.get_by_role("button", name="12 nulls dropped").click()
    _wait_for_kept(page, "15")
    card.get_by_role("checkbox", name="Apply the rule over label").uncheck()
    _wait_for_kept(page, "23")
    assert not page.get_by_role("checkbox", name="Keep dog").is_checked()


def test_save_reload_compare(page: Page, server: TuneProcess) -> None:
    field = page.get_by_role("textbox", name="motion_score: greatest value kept")
    field.fill("1.95")
    field.press("Enter")
    _wait_for_kept(page, "15")
    page.get_by_role("button", name="Save as…").click()
    page.get_by_role("textbox", name="Name").fill("other")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("there is a filter other already").wait_for()
    page.get_by_role("textbox", name="Name").fill("slower")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("--filter slower").wait_for()
    page.get_by_role("button", name="Close").click()
    assert "  slower:\n" in server.filters.read_text()
    assert "      # Titles are no film.\n" in server.filters.read_text()
    page.reload()
    _wait_for_kept(page, "15")
    picker = page.get_by_role("combobox", name="Filter to start from")
    assert picker.input_value() == "slower"
    picker.select_option("calm")
    _wait_for_kept(page, "23")
    page.get_by_role("tab", name="Compare").click()
    page.get_by_role("combobox", name="Filter B").select_option("slower")
    page.wait_for_function("() => document.querySelector('#only-a b')?.textContent === '8'")
    assert page.locator("#both b").inner_text() == "15"
    assert page.locator("#only-b b").inner_text() == "0"
    assert page.get_by_role("region", name="A keeps, B drops").locator(".clip").count() == 8


def test_it_fits_and_has_two_sets_of_colours(page: Page) -> None:
    for width in (1280, 800, 420):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    colour = "getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="light")
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(colour)
    assert light != dark
    page.get_by_role("button", name="Colours: as the system").click()
    assert page.evaluate(colour) == light
    page.get_by_role("button", name="Colours: light").click()
    page.emulate_media(color_scheme="light")
    assert page.evaluate(colour) == dark
    page.set_viewport_size({"width": 1280, "height": 800})
    line = page.get_by_role("separator", name="Width of the rules")
    line.focus()
    before = page.locator("#rules-pane").bounding_box()
    line.press("ArrowRight")
    after = page.locator("#rules-pane").bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] > before["width"]
