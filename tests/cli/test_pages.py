"""The pages show the numbers of their trees, whole and escaped, and fetch nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

from hintferry.adapters.config.settings import TableSettings
from hintferry.core.passes import Verb
from hintferry.core.schema import TableId
from hintferry.core.tokens import plan_ranges
from hintferry.core.verdict import BackfillSums, VerifySums
from hintferry.sweep.task import Task
from hintferry.testing.fences import FENCE
from hintferry_cli.gate.view import TableStatus, status_from_gate
from hintferry_cli.pages import page
from hintferry_cli.pages.migration import migration_page
from hintferry_cli.sweep import bookmark, report
from hintferry_cli.sweep.bill import PassPrice
from hintferry_cli.sweep.run import Run
from hintferry_cli.sweep.state import RunState
from hintferry_cli.sweep.task import Order, as_numbers
from hintferry_ops.cost.prices import price_book
from hintferry_ops.cutover.gate import gate
from hintferry_ops.cutover.gate.facts import Lag
from tests.cli.many_tables import statuses, whole
from tests.unit.ops import test_gate as gates

ORDERS = TableId("shop", "orders")
RANGES = plan_ranges([], 8)
BILL = PassPrice(TableSettings(ORDERS), price_book().keyspaces("us-east-1"))


def ended(folder: Path, verb: Verb, sums: Sequence[VerifySums | BackfillSums]) -> Run:
    """A run that did the first ranges, with these sums; the next one failed, the rest is left."""
    task = Task(verb, ORDERS, at_all=True)
    mark, state = bookmark.begun(folder, task, RANGES, None), RunState(verb.sums, BILL)
    for part, one in zip(RANGES, sums, strict=False):
        mark.enter(part, as_numbers(one), [("extra", "a = 7 AND b = '<x>'")])
        state.enter(part, as_numbers(one))
    if len(sums) < len(RANGES):
        state.fail("source: down")
        state.failures[RANGES[len(sums)]] = "source: down"
        state.unfinished = f"{len(RANGES) - len(sums)} ranges are not done"
    return Run(Order(task, folder / "migration.toml"), mark, state, 1)


def written(folder: Path, run: Run) -> tuple[dict[str, Any], str, str]:
    """The tree, the page's text without its tags, and the page."""
    report.write(folder / "reports", run)
    path = folder / "reports" / f"{run.order.task.verb.value}-shop.orders.json"
    html = path.with_suffix(".html").read_text()
    return json.loads(path.read_text()), text_of(html), html


def text_of(html: str) -> str:
    body = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


def test_a_pass_shows_its_sums_its_books_and_what_is_not_equal(tmp_path: Path) -> None:
    sums = [VerifySums(equal=1_200 + number) for number in range(7)]
    sums[2] = VerifySums(5, missing=4, different=3, extra=2, expiring=6, unread=1, hinted=10)
    sums[3].read_units = 3_360_000
    tree, text, html = written(tmp_path, ended(tmp_path, Verb.VERIFY, sums))
    equal = 6 * 1_200 + 0 + 1 + 3 + 4 + 5 + 6 + 5
    assert tree["sums"] == as_numbers(sums[2]) | {"equal": equal, "read_units": 3_360_000}
    assert tree["keys"] == equal + 15
    for name, total in tree["sums"].items():
        assert sum(one.get(name, 0) for one in tree["ranges"]) == total
    found = "4 missing + 3 different + 2 extra + 6 expiring"
    books = f"{equal + 15:,} keys = {equal:,} equal + {found}."
    assert books in text
    assert "1 could not be read" in text
    assert f"{equal:,} equal" in text
    assert "7 of 8 ranges of tokens are done" in text
    assert "1 ranges are not done; run the same command again to resume." in text
    assert "unfinished" in text
    assert "source: down" in text
    assert "0.42 USD" in text
    assert "3,360,000 read units" in text
    assert "a = 7 AND b = '<x>'" in text
    assert "<x>" not in html
    assert not tree["clean"]


def test_each_piece_of_the_ring_shows_the_worst_of_its_ranges(tmp_path: Path) -> None:
    sums = [VerifySums(equal=1) for _ in range(7)]
    sums[0] = VerifySums(different=1)
    _, _, html = written(tmp_path, ended(tmp_path, Verb.VERIFY, sums))
    ring = html.partition('<div class="ring"')[2].partition("</div>")[0]
    cells = re.findall(r'<i class="(\w+)"></i>', ring)
    each = page.CELLS // 8
    assert cells[: each - 1] == ["found"] * (each - 1)
    assert cells[each + 1 : 7 * each - 1] == ["clean"] * (6 * each - 2)
    assert cells[-each + 1 :] == ["failed"] * (each - 1)


def test_a_clean_backfill_is_said_to_be_one(tmp_path: Path) -> None:
    run = ended(tmp_path, Verb.BACKFILL, [BackfillSums(written=9) for _ in RANGES])
    tree, text, _ = written(tmp_path, run)
    assert tree["clean"]
    assert "all written" in text
    assert "72 keys = 72 written + 0 parked." in text


def test_pages_fetch_nothing_and_know_light_and_dark(tmp_path: Path) -> None:
    _, _, html = written(tmp_path, ended(tmp_path, Verb.VERIFY, [VerifySums(extra=1)]))
    migration = migration_page(whole(statuses(3)), ())
    for one in (html, migration):
        assert not re.search(r"https?:|<script [^>]*src|<link|<img|url\(|@import", one)
        assert "default-src 'none'" in unescape(one)
        assert not re.search(r"\s(style|on\w+)=", one), "the policy forbids it"
        assert "prefers-color-scheme: dark" in one
        assert 'name="viewport"' in one


def test_the_page_of_a_migration_shows_how_each_table_stands(tmp_path: Path) -> None:
    shut = replace(
        gates.OPEN,
        table=TableId("shop", "readings"),
        parked={"schema": 3},
        open_items=[gates.item("repair", gates.NOW)] * 12,
        given_up=2,
        **gates.progress(behind=[gates.THIRD], low=replace(gates.LOW, drawn_at=gates.NOW - 900)),
    )
    stock = replace(
        gates.STOCK, table=TableId("shop", "visits"), **gates.sampled(lag=Lag(1_204, gates.NOW))
    )
    found = [
        status_from_gate(gates.OPEN, gate(gates.OPEN)),
        status_from_gate(shut, gate(shut)),
        status_from_gate(stock, gate(stock)),
        TableStatus(TableId("shop", "customers"), gates.NOW, FENCE),
    ]
    html = migration_page(whole(found), ())
    text = text_of(html)
    assert "4 tables, as of" in text
    way = "captured backfilled verified"
    fence = "ready cut over"
    assert (
        f"can be cut over shop.orders {way} {fence}: not yet 0.5 s 4 min 59 s 0 2 min 21 s" in text
    )
    shut_way = f"not yet shop.readings {way} ready: not yet cut over: not yet 0.5 s 15 min 00 s 3"
    assert shut_way in text
    assert "1,204 hints 0 4 min 00 s topic settled" in text
    upto = "Every change from before 2025-11-24 15:45:00 UTC is on Keyspaces, or parked"
    assert f"{upto}; 10.0.3.11: 2 segments are set aside." in text
    assert f"cut over shop.customers {way} {fence} – – 0" in text
    assert "fails nothing parked 3 records parked: schema 3 → fix the cause" in text
    assert "12 left for later, 2 in the on-failure bucket" in text
    assert "<code>hintferry replay shop.readings</code>" in html
    assert "every table is cut over" not in text
    # Two of no known table are not of each table.
    assert "schema 3 shop.readings 3" in text
    assert "undecodable 2 of no known table" in text


def test_only_a_migration_that_is_over_has_nothing_next() -> None:
    cut = TableStatus(TableId("shop", "customers"), gates.NOW, FENCE)
    assert "Nothing: every table is cut over." in text_of(migration_page(whole([cut]), ()))
