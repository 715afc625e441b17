"""The page of a migration in a real browser: small and wide, light and dark, with its keyboard."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from hintferry.core.errors import Side, Unreachable
from hintferry.core.schema import TableId
from hintferry_cli.exits import Status
from hintferry_cli.gate.view import TableStatus, status_from_gate
from hintferry_cli.next_steps import next_steps
from hintferry_cli.status import serve
from hintferry_cli.status.serve import Listen, Site
from hintferry_cli.status.watcher import Whole
from hintferry_ops.cutover.gate import gate
from hintferry_ops.cutover.gate.condition import Condition, ConditionState
from sandbox.recording.pictures import BROWSERS
from tests.cli.many_tables import facts_of, statuses, whole

pytestmark = pytest.mark.slow

CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
WIDTHS = (390, 1200, 2560)
SCHEMES = ("light", "dark")
MARKUP = TableId("shop", "<b onclick=alert(1)>x</b>&amp;")

CONTRAST = """() => {
  const light = (text) => {
    const [r, g, b] = text.match(/[\\d.]+/g).map(Number).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = getComputedStyle(one).backgroundColor;
      if (!/, 0\\)$|transparent/.test(color)) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const found = {};
  for (const one of document.querySelectorAll("body *")) {
    const said = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!said || !one.checkVisibility()) continue;
    if (one.closest("script, noscript, ol.way:not(.told)")) continue;
    const style = getComputedStyle(one);
    const front = light(one.closest("svg") ? style.fill : style.color);
    const back = light(behind(one));
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    if (ratio < 4.5) found[`${one.tagName}.${one.className}`] = ratio;
  }
  return found;
}"""
"""The elements with text whose contrast is below 4.5."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is there: apt-get install chromium")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


def look(found: list[TableStatus], after_s: float = 0.0) -> Whole:
    tree = whole(found)
    trees = [{**one, "seen": one["seen"] + after_s} for one in tree["tables"]]
    steps = next_steps("status", Status.DONE, ["shop.table_005"])
    return Whole(found, trees, tree["sums"], tree["clocks"], tree["validation"], steps)


class Served:
    """A site that a browser can open."""

    def __init__(self, found: list[TableStatus], every_s: float = 3600.0) -> None:
        self.now = 0.0
        self.site = Site(every_s, lambda: self.now)
        self.show(found)
        self._server, self.url = serve.opened(self.site, Listen("127.0.0.1", 0))
        Thread(target=self._server.serve_forever, daemon=True).start()

    def show(self, found: list[TableStatus], after_s: float = 0.0) -> None:
        self.now = found[0].now + after_s
        self.site.show(look(found, after_s))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Any]:
    """Open a page of a site; what the browser complains of fails the test."""
    ends: list[Any] = []
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    def open_page(served: Served, **options: Any) -> Page:
        context = browser.new_context(**options)
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        # It asks for an icon by itself.
        page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
        page.goto(served.url)
        ends.extend([context.close, served.close])
        return page

    open_page.complaints = complaints  # type: ignore[attr-defined]
    yield open_page
    for end in ends:
        end()
    assert complaints == []


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("count", [1, 200])
def test_every_text_can_be_read_and_nothing_is_cut_off(
    count: int, scheme: str, opened: Any
) -> None:
    served = Served(statuses(count))
    for number in range(1, 6):
        served.show(statuses(count, age_s=number), after_s=10.0 * number)
    page = opened(served, color_scheme=scheme, viewport={"width": 1200, "height": 900})
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert page.evaluate(CONTRAST) == {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for table in page.locator("table.sorts").all():
            box = table.locator("tbody td").last.bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= width, "the last column"


def test_the_page_has_a_structure_that_is_heard(opened: Any) -> None:
    page = opened(Served(statuses(20)))
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("h1").count() == 1
    levels = page.eval_on_selector_all("h1,h2,h3", "all => all.map((one) => +one.tagName[1])")
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for table in page.locator("table").all():
        assert table.locator("caption").count() == 1
        assert table.locator("th:not([scope])").count() == 0
    assert page.locator("time:not([datetime])").count() == 0
    for link in page.locator("nav a").all():
        target = (link.get_attribute("href") or "")[1:]
        assert page.locator(f'[id="{target}"]').count() == 1
    ids = page.eval_on_selector_all("[id]", "all => all.map((one) => one.id)")
    assert len(ids) == len(set(ids))
    assert page.locator("input:not([type=hidden]), select").count() > 0
    for control in page.locator("input, select").all():
        assert control.evaluate("one => one.labels.length") == 1


def shown(page: Page, table: str = "tables") -> list[str]:
    rows = page.locator(f"#{table} tbody tr:visible th code")
    return rows.all_text_contents()


def test_tables_are_filtered_and_sorted_by_keyboard(opened: Any) -> None:
    page = opened(Served(statuses(200)))
    controls = page.locator("#tables-controls")
    controls.get_by_label("Filter").focus()
    page.keyboard.type("table_01")
    assert all("table_01" in one for one in shown(page))
    expect(controls.locator("output")).to_have_text("10 of 200 shown")
    controls.get_by_label("Filter").fill("")
    controls.get_by_label("State").select_option("cut over")
    assert len(shown(page)) == 10
    controls.get_by_label("State").select_option("")
    head = page.locator("#tables thead th", has_text="behind")
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "descending")
    cells = page.locator("#tables tbody tr td:nth-child(5)")
    told = [float(one.get_attribute("data-value") or 0) for one in cells.all()]
    assert told == sorted(told, reverse=True)
    page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "ascending")
    # The verify results have filters of their own.
    page.locator("#passes-controls").get_by_label("State").select_option("not clean")
    assert len(shown(page, "passes")) == 20


def test_the_first_tab_leads_to_the_content_and_a_link_opens_the_details(opened: Any) -> None:
    page = opened(Served(statuses(20)))
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("To the content")
    page.locator("#tables a", has_text="shop.table_003").click()
    details = page.locator('[id="of-table-shop.table_003"]')
    expect(details).to_have_attribute("open", "")
    expect(details).to_contain_text("5 records parked")


def test_a_refresh_keeps_what_somebody_has_chosen(opened: Any) -> None:
    served = Served(statuses(20), every_s=1.0)
    page = opened(served)
    page.locator("#tables-controls").get_by_label("Filter").fill("table_01")
    page.locator("#tables thead th", has_text="parked").get_by_role("button").click()
    page.locator('[id="of-table-shop.table_003"] summary').click()
    page.locator("#tables-controls").get_by_label("Filter").focus()
    served.show(statuses(30), after_s=60.0)
    expect(page.locator("#summary + p")).to_contain_text("30 tables", timeout=20_000)
    assert len(shown(page)) == 10
    expect(page.locator("#tables-controls").get_by_label("Filter")).to_be_focused()
    expect(page.locator('[id="of-table-shop.table_003"]')).to_have_attribute("open", "")
    expect(page.locator("#tables thead th", has_text="parked")).to_have_attribute(
        "aria-sort", "descending"
    )
    page.locator("#pause").click()
    expect(page.locator("#pause")).to_have_text("Go on refreshing")


def test_without_scripts_the_page_shows_the_same_and_loads_itself_again(opened: Any) -> None:
    page = opened(Served(statuses(20), every_s=30.0), java_script_enabled=False)
    assert len(shown(page)) == 20
    assert page.locator("form.controls:visible, #pause:visible").count() == 0
    assert '<meta http-equiv="refresh" content="30">' in page.content()


def test_names_with_markup_are_text(opened: Any) -> None:
    facts = replace(facts_of(3, MARKUP), table=MARKUP)
    page = opened(Served([status_from_gate(facts, gate(facts)), *statuses(3)]))
    row = page.locator("#tables tbody tr", has_text="onclick")
    assert row.locator("code").first.text_content() == str(MARKUP)
    assert page.locator("b[onclick]").count() == 0
    row.locator("a").click()
    expect(page.locator("details[open]")).to_contain_text("5 records parked")


def away(status: TableStatus) -> TableStatus:
    fault = Unreachable(Side.SOURCE, "cannot connect: refused")
    condition = Condition("the source answers", ConditionState.FAILS, str(fault), "run this again")
    return TableStatus(status.table, status.now, None, conditions=[condition])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_dead_side_is_said_and_the_last_state_stays(scheme: str, opened: Any) -> None:
    found = statuses(20)
    served = Served(found)
    dead = [one if one.fence else away(one) for one in found]
    served.show(dead, after_s=120.0)
    page = opened(served, color_scheme=scheme)
    banner = page.locator(".banner:visible")
    expect(banner).to_contain_text("The source answers: no. source: cannot connect: refused")
    expect(banner).to_contain_text("Of 18 of 20 tables nothing new is known. 18 are shown")
    expect(page.locator(".tile", has_text="the writers may stop")).to_contain_text("8")
    row = page.locator("#tables tbody tr", has_text="shop.table_005")
    expect(row).to_contain_text("the writers may stop")
    expect(row).to_contain_text("seen 2 min 00 s ago; the source answers: source: cannot connect")
    assert page.evaluate(CONTRAST) == {}


def test_a_command_that_ended_is_said(opened: Any) -> None:
    served = Served(statuses(3), every_s=1.0)
    page = opened(served)
    assert not page.locator("#away").is_visible()
    served.close()
    expect(page.locator("#away")).to_be_visible(timeout=20_000)
    assert any("ERR_CONNECTION_REFUSED" in one for one in opened.complaints)
    opened.complaints.clear()
    assert len(shown(page)) == 3


def test_on_paper_there_are_no_controls(opened: Any) -> None:
    page = opened(Served(statuses(3)))
    page.emulate_media(media="print")
    assert page.locator("nav:visible, form:visible, button.plain:visible").count() == 0
    assert len(shown(page)) == 3
