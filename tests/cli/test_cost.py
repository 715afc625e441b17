"""`hintferry cost`: figures that follow from the sizes of rows and the prices."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from hintferry.adapters.config.settings import TableSettings, migration_from
from hintferry.core.capacity import Capacity, Mode
from hintferry.core.errors import Side, Unreachable
from hintferry.core.keyspaces_limits import ROW_METADATA
from hintferry.core.metering import TIMESTAMP_METADATA, row_size, write_units
from hintferry.core.rows import Row
from hintferry.core.schema import Column, ColumnKind, Table, TableId
from hintferry_cli.cost import view
from hintferry_cli.cost.table_cost import CostSums, TableCost, table_cost, together
from hintferry_ops.cost.prices import Prices, price_book
from hintferry_ops.cost.sample import Sample, sample
from hintferry_ops.testing.inspection import facts_of
from tests.cli.sources import LOOK, Rows, answering, run, scan_of
from tests.cli.test_preflight import GOOD
from tests.cli.test_schema_command import HEAD

ORDERS = TableId("shop", "orders")
BLOBS = Table(
    ORDERS,
    (Column("id", "text", ColumnKind.PARTITION_KEY),),
    (),
    (),
    (Column("b", "blob", ColumnKind.REGULAR),),
)
PRICE = Prices("here", "today", 1.0, 0.5, 0.01, 0.002, 0.3, 0.1)


def held(count: int, size: int) -> Rows:
    """So many rows of so many bytes."""
    value = Row((b"x" * size,), (None,))
    return {ORDERS: {(b"%06d" % number,): {(): value} for number in range(count)}}


def sampled(count: int, size: int) -> Sample:
    return sample(BLOBS, scan_of(held(count, size)), ttl=False)


def test_a_row_is_measured_and_the_table_is_estimated() -> None:
    found = sampled(2_000, 3_000)
    size = row_size(BLOBS, (b"000000",), (), (b"x" * 3_000,), False)
    assert found.rows.size == size * found.rows.seen
    assert found.rows.seen < 200, "only a few pages are read"
    assert found.rows.whole(found.rows.seen) == pytest.approx(2_000, rel=0.7)
    assert found.rows.largest.size == size
    assert found.partition_key.size == 6


def test_a_small_table_is_counted() -> None:
    """Each of its ranges is read to the end."""
    found = sample(BLOBS, scan_of(held(5, 10)), ttl=False)
    assert 0 < found.rows.seen <= 5
    assert sampled(0, 0).rows.whole(1) in (0, 1)


def test_the_figures_follow_from_sizes_and_prices() -> None:
    found = sampled(2_000, 3_000)
    rows = found.rows
    cost = table_cost(TableSettings(ORDERS, ttl=False), found, PRICE)
    units = write_units(row_size(BLOBS, (b"000000",), (), (b"x" * 3_000,), False))
    assert cost.sums.rows == rows.whole(rows.seen)
    assert cost.sums.backfill == pytest.approx(rows.whole(rows.seen) * units / 1e6, rel=0.01)
    assert cost.sums.million_changes == pytest.approx(units)
    stored = cost.sums.rows * (cost.row_bytes + ROW_METADATA)
    assert cost.sums.gib == pytest.approx(stored / 1024**3, rel=0.01)
    assert cost.sums.month == pytest.approx(cost.sums.gib * 0.4)
    assert cost.sums.sweep == pytest.approx(stored / 4096 * 0.5 / 1e6, rel=0.01)
    assert cost.sums.million_timestamps == 0.0, "its last unit had room for them"


def test_what_timestamps_take_is_the_difference() -> None:
    bare = row_size(BLOBS, (b"000000",), (), (b"",), False) - TIMESTAMP_METADATA
    cost = table_cost(TableSettings(ORDERS, ttl=False), sampled(9, 1024 - bare), PRICE)
    assert (cost.sums.million_changes, cost.sums.million_timestamps) == (2.0, 1.0)


def test_a_provisioned_table_is_paid_by_its_time() -> None:
    settings = TableSettings(ORDERS, capacity=Capacity(Mode.PROVISIONED, 100, 100))
    found = sampled(2_000, 3_000)
    units = found.rows.whole(found.rows.write_units)
    hours = units / settings.capacity.backfill_units_per_s / 3600
    usd = table_cost(settings, found, PRICE).sums.backfill
    assert usd == pytest.approx(hours * 100 * (0.01 + 0.002))


def test_the_sum_weighs_changes_by_rows() -> None:
    one = TableCost(ORDERS, 1, 10, CostSums(10, 1.0, 2.0, 3.0, 4.0, 0.0, 5.0), 1.0)
    other = TableCost(ORDERS, 1, 10, CostSums(30, 1.0, 2.0, 3.0, 8.0, 4.0, 5.0), 1.0)
    assert together([one, other]) == CostSums(40, 2.0, 4.0, 6.0, 7.0, 3.0, 10.0)
    assert together([]) == CostSums(0, 0, 0, 0, 0.0, 0.0, 0)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "migration.toml"
    path.write_text(HEAD + '[tables."shop.orders"]\n')
    return path


def test_the_command_gives_the_same_for_programs_and_for_people(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: Rows = {ORDERS: {(bytes(16),): {(): Row((bytes(4),), (None,))}}}
    inspection = answering(monkeypatch, facts_of(GOOD), rows)
    result = run("cost", "--json", "--config", str(config))
    assert (result.exit_code, inspection.closed) == (0, True), result.output
    told = json.loads(result.stdout)
    assert told["prices"]["asked_for"] == "eu-west-1"
    (table,) = told["tables"]
    assert (table["table"], table["sampled"]) == ("shop.orders", 1)
    assert told["together"]["month"] == table["month"]
    answering(monkeypatch, facts_of(GOOD), rows)
    shown = run("cost", "shop.orders", "--config", str(config)).stdout
    assert "shop.orders" in shown
    assert "prices of eu-west-1, 2025-11-05." in shown
    assert f"Sweeps, one every 72 h: {told['sweeps_month']:,.2f} a month." in shown
    assert told["sweeps_month"] == pytest.approx(table["sweep"] * 730 / 72)
    standing = told["standing"]
    known = [line["usd"] for line in standing["lines"] if line["usd"] is not None]
    assert standing["month"] == pytest.approx(sum(known))
    assert len(known) < len(standing["lines"]), "what is not known of the Region is not guessed"
    assert "no price is known for eu-west-1: run `hintferry prices" in shown
    assert "A Database Savings Plan of a year takes 18 % off a write on demand." in shown
    assert f"together, at least {standing['month']:,.2f}" in " ".join(shown.split())
    assert told["warm_throughput"] == {}


def test_a_table_that_is_to_be_warmed_has_a_fee_that_is_not_known(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text(config.read_text() + "warm_write_units = 20000\n")
    told = {"read_units": 12_000, "write_units": 20_000, "usd": None}
    answering(monkeypatch, facts_of(GOOD))
    result = run("cost", "--json", "--config", str(config))
    assert json.loads(result.stdout)["warm_throughput"] == {"shop.orders": told}
    answering(monkeypatch, facts_of(GOOD))
    shown = run("cost", "--config", str(config)).stdout
    assert "Warming shop.orders to 12,000 read and 20,000 write units a second" in shown


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["shop.others"], "shop.others is not a table of "), (["orders"], "write shop.orders")],
)
def test_a_wrong_call_says_what_to_fix(
    arguments: list[str], says: str, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, facts_of(GOOD))
    result = run("cost", *arguments, "--config", str(config))
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr


def test_a_source_that_does_not_answer_is_told(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspection = answering(monkeypatch, facts_of(GOOD))

    def away(table: TableId) -> Table:
        raise Unreachable(Side.SOURCE, "cannot connect")

    monkeypatch.setattr(inspection, "table", away)
    result = run("cost", "--config", str(config))
    assert (result.exit_code, result.stderr) == (
        3,
        f"hintferry: source: cannot connect; {LOOK}\n",
    )
    assert inspection.closed


def shown_at(width: int, config: Path) -> list[str]:
    out = StringIO()
    costs = [
        TableCost(ORDERS, 9, 412, CostSums(71_000_000, 2700.0, 44.4, 33.6, 0.62, 0.1, 1215.0), 9.0)
    ]
    bill = view.CostOverview(migration_from(config), costs * 2, price_book())
    view.show(bill, Console(file=out, width=width))
    return out.getvalue().splitlines()


def test_a_line_a_table_where_there_is_room(config: Path) -> None:
    lines = shown_at(110, config)
    names = "USD rows bytes GiB backfill sweep 1M changes timestamps month"
    assert " ".join(lines[0].split()) == names
    assert lines[1].split()[:4] == ["shop.orders", "71,000,000", "412", "2,700.00"]
    assert lines[3].split()[:3] == ["together", "142,000,000", "5,400.00"]


def test_no_figure_is_cut_off_where_there_is_none(config: Path) -> None:
    """Rich takes a pipe to be 80 wide."""
    for width in (80, 60):
        text = "\n".join(shown_at(width, config))
        assert "…" not in text
        for figure in ("71,000,000", "142,000,000", "5,400.00", "2,430.00"):
            assert figure in text
