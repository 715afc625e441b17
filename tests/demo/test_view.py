"""Test what a person sees while the workload runs."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace

import pytest
from rich.console import Console

from sandbox.demo import __main__ as command
from sandbox.demo import view
from sandbox.demo.statistics import Totals
from sandbox.demo.view import Moment, make_view


def moment(passed_s: float, *, mutations: int, parked: int = 0, lag: int = 12) -> Moment:
    orders = {"applied": mutations - parked, "parked": parked}
    return Moment(
        passed_s=passed_s,
        planned_s=30.0,
        mutations=mutations,
        lag=lag,
        totals=Totals(
            hints=mutations,
            applied=mutations - parked,
            parked=parked,
            tables={"shop.orders": orders},
            freshness_ms=[20.0, 40.0],
        ),
        freshness_ms=[300.0, 500.0],
    )


def console() -> Console:
    return Console(record=True, width=100, file=io.StringIO(), force_terminal=False)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seconds pass from one moment to the next."""
    seconds = iter(range(0, 100, 2))
    monkeypatch.setattr(view, "time", SimpleNamespace(monotonic=lambda: float(next(seconds))))


def seen(*moments: Moment, live: bool) -> Console:
    shown = console()
    with make_view(shown, live=live, title="Hintferry: one source node") as shows:
        for one in moments:
            shows.show(one)
    return shown


def lines(text: str) -> list[str]:
    """Without frame and bar, and with single spaces."""
    return [re.sub(r"[\s│━╸╭╮╰╯─]+", " ", line).strip() for line in text.splitlines()]


def test_the_live_view_shows_rates_totals_freshness_and_tables() -> None:
    shown = seen(moment(10, mutations=1000), moment(12, mutations=1234, parked=2), live=True)
    assert lines(shown.export_text()) == [
        "Hintferry: one source node",
        "12 of 30 s",
        "",
        "source mutations 117 /s 1,234",
        "hints 117 /s 1,234",
        "waiting in Kafka 12",
        "freshness p50 / p99 300 / 500 ms source write → on the target",
        "of it after Kafka 20 / 40 ms append of the hint → written",
        "",
        "table applied skipped parked returned",
        "shop.orders 1,232 0 2 0",
        "all 1,232 0 2 0",
        "",
    ]


@pytest.mark.parametrize("parked", [0, 2])
def test_what_is_parked_stands_out(parked: int) -> None:
    shown = console()
    shown.print(view._tables(moment(1, mutations=9, parked=parked).totals))
    assert bool(re.search(r"\x1b\[33m +2\x1b", shown.export_text(styles=True))) is (parked > 0)


def test_plain_lines_come_every_two_seconds() -> None:
    text = seen(
        moment(0, mutations=0), moment(1, mutations=100), moment(2, mutations=400), live=False
    ).export_text()
    first, second = lines(text)
    assert first.startswith("0.0 s 0 mutations/s")
    assert second.startswith("2.0 s 100 mutations/s 100 hints/s applied 400 skipped 0 parked 0")
    assert second.endswith("waiting 12 freshness p50/p99 300 / 500 ms")


@pytest.mark.parametrize(
    ("terminal", "arguments", "live"),
    [(True, [], True), (True, ["--no-ui"], False), (False, [], False)],
)
def test_the_view_is_live_in_a_terminal_unless_it_is_not_wanted(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, arguments: list[str], live: bool
) -> None:
    monkeypatch.setattr("sys.argv", ["demo", *arguments])
    options = command._options(Console(force_terminal=terminal, file=io.StringIO()))
    assert options.live is live
