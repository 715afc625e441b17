"""Show the workload while it runs: a live view in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sandbox.demo.freshness import percentile
from sandbox.demo.statistics import OUTCOMES, Totals

_RECENT_S = 5.0
_PLAIN_EVERY_S = 2.0
_REFRESHES_PER_S = 4
_LATEST = 100


@dataclass(frozen=True, slots=True)
class Moment:
    """The state of the run at one moment. `passed_s` counts from the start of the workload."""

    passed_s: float
    planned_s: float
    mutations: int
    lag: int
    totals: Totals
    freshness_ms: Sequence[float]

    @property
    def recent_freshness(self) -> str:
        """p50 and p99 of the latest probes."""
        return _pair(self.freshness_ms[-_LATEST:])

    @property
    def recent_processing(self) -> str:
        """p50 and p99 of the latest hints, from Kafka to the target."""
        return _pair(self.totals.freshness_ms[-10 * _LATEST :])


class View(Protocol):
    """Shows moments as they come, about every quarter of a second."""

    def show(self, moment: Moment) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


def make_view(console: Console, *, live: bool, title: str) -> View:
    """A live view, or plain lines."""
    return _LiveView(console, title) if live else _PlainView(console)


class _Rates:
    """Mutations and hints a second over the last few seconds."""

    def __init__(self) -> None:
        self._past: deque[tuple[float, int, int]] = deque()

    def add(self, moment: Moment) -> tuple[float, float]:
        now = time.monotonic()
        self._past.append((now, moment.mutations, moment.totals.hints))
        while now - self._past[0][0] > _RECENT_S:
            self._past.popleft()
        then, mutations, hints = self._past[0]
        passed = max(now - then, 0.001)
        return (moment.mutations - mutations) / passed, (moment.totals.hints - hints) / passed


class _PlainView:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._rates = _Rates()
        self._next = 0.0

    def show(self, moment: Moment) -> None:
        mutations, hints = self._rates.add(moment)
        if moment.passed_s < self._next:
            return
        self._next = moment.passed_s + _PLAIN_EVERY_S
        totals = moment.totals
        self._console.print(
            f"{moment.passed_s:5.1f} s  {mutations:4.0f} mutations/s  {hints:4.0f} hints/s"
            f"  applied {totals.applied}  skipped {totals.skipped}  parked {totals.parked}"
            f"  returned {totals.returned}  waiting {moment.lag}"
            f"  freshness p50/p99 {moment.recent_freshness}",
            highlight=False,
            soft_wrap=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release nothing: there is nothing to release."""


class _LiveView:
    def __init__(self, console: Console, title: str) -> None:
        self._title = title
        self._rates = _Rates()
        self._live = Live(console=console, refresh_per_second=_REFRESHES_PER_S)

    def show(self, moment: Moment) -> None:
        self._live.update(self._panel(moment))

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.__exit__(kind, error, traceback)

    def _panel(self, moment: Moment) -> Panel:
        parts = (_progress(moment), Text(), self._figures(moment), Text(), _tables(moment.totals))
        return Panel(Group(*parts), title=self._title, title_align="left", width=78)

    def _figures(self, moment: Moment) -> Table:
        mutations, hints = self._rates.add(moment)
        grid = Table.grid(padding=(0, 2))
        grid.add_row("source mutations", f"{mutations:6.0f} /s", f"{moment.mutations:>9,}")
        grid.add_row("hints", f"{hints:6.0f} /s", f"{moment.totals.hints:>9,}")
        grid.add_row("waiting in Kafka", "", f"{moment.lag:>9,}")
        grid.add_row("freshness p50 / p99", moment.recent_freshness, "source write → on the target")
        grid.add_row("of it after Kafka", moment.recent_processing, "append of the hint → written")
        return grid


def _progress(moment: Moment) -> Table:
    grid = Table.grid(padding=(0, 2))
    bar = ProgressBar(total=moment.planned_s, completed=moment.passed_s, width=52)
    grid.add_row(bar, f"{min(moment.passed_s, moment.planned_s):.0f} of {moment.planned_s:.0f} s")
    return grid


def _tables(totals: Totals) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("table", style="bold", min_width=20)
    for outcome in OUTCOMES:
        table.add_column(outcome, justify="right", min_width=9)
    for name, outcomes in totals.tables.items():
        table.add_row(name, *(_count(outcome, outcomes.get(outcome, 0)) for outcome in OUTCOMES))
    table.add_row("all", *(_count(outcome, getattr(totals, outcome)) for outcome in OUTCOMES))
    return table


def _count(outcome: str, count: int) -> Text:
    alarming = count > 0 and outcome in ("parked", "returned")
    return Text(f"{count:,}", style="yellow" if alarming else "")


def _pair(values: Sequence[float]) -> str:
    middle, high = percentile(values, 50), percentile(values, 99)
    return "-" if middle is None or high is None else f"{middle:.0f} / {high:.0f} ms"
