"""Show progress to a person or in a log, and the result."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.text import Text

from hintferry.sweep.task import Task
from hintferry_cli.console import say
from hintferry_cli.spans import span
from hintferry_cli.sweep.bill import duration
from hintferry_cli.sweep.state import RunState
from hintferry_cli.sweep.task import as_numbers

FIRST_LINE_S, LINE_EVERY_S = 10.0, 60.0
"""In a log: after how many seconds the first line comes, and each other."""

SILENT_S = 5.0
"""Nothing was read for so long: that is said."""


@dataclass(frozen=True, slots=True)
class TablePlace:
    """Say which of how many tables is gone through, from 1 on."""

    number: int = 1
    count: int = 1


ALONE = TablePlace()


def follow(
    steps: Iterable[None], task: Task, state: RunState, console: Console, place: TablePlace = ALONE
) -> None:
    """Take all steps, and show how far they are: a bar on a terminal, else a line now and then."""
    if console.is_terminal:
        _as_bar(steps, task, state, console, place)
    else:
        _as_lines(steps, task, state, console)


class Bars(Progress):
    """A bar for the table and one for all, and below them what there is to say."""

    news = Text()

    def get_renderables(self) -> Iterator[RenderableType]:
        """Yield the bars, and a line that is cut where the terminal ends."""
        yield self.make_tasks_table(self.tasks)
        yield self.news


def _as_bar(
    steps: Iterable[None], task: Task, state: RunState, console: Console, place: TablePlace
) -> None:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}", markup=False),
    )
    with Bars(*columns, console=console, transient=True, expand=True) as bars:
        one = bars.add_task(f"{task.verb.value} {task.table}", total=1.0, left="")
        every = None
        if place.count > 1:
            name = f"table {place.number} of {place.count}"
            every = bars.add_task(name, total=float(place.count), left="")
        for _ in steps:
            bars.news = Text(news_of(state), overflow="ellipsis", no_wrap=True)
            bars.update(one, completed=state.share, left=time_left(state))
            if every is not None:
                bars.update(every, completed=place.number - 1 + state.share)


def _as_lines(steps: Iterable[None], task: Task, state: RunState, console: Console) -> None:
    due, trouble = time.monotonic() + FIRST_LINE_S, ""
    for _ in steps:
        # What is new is said at once: a trouble, and its end.
        if time.monotonic() >= due or bool(state.trouble) != bool(trouble):
            due, trouble = time.monotonic() + LINE_EVERY_S, state.trouble
            left = time_left(state)
            done = f"{100 * state.share:.0f} % done{left and ', '}{left}"
            say(console, f"{task.verb.value} {task.table}: {done}: {news_of(state)}")


def time_left(state: RunState) -> str:
    """Return the time that is left, as far as that is known."""
    if state.waits_s:
        return f"second look in {state.waits_s:.0f} s"
    return "" if state.eta_s is None else f"{duration(state.eta_s)} left"


def news_of(state: RunState) -> str:
    """Return what is in the way, or else what was counted."""
    if state.trouble:
        return f"{state.trouble}; nothing was read for {span(state.silent_s)}, trying again"
    if state.silent_s > SILENT_S and not state.waits_s:
        return f"nothing was read for {span(state.silent_s)}; {_counts(state)}"
    return _counts(state)


def show(task: Task, state: RunState, out: Console, errors: Console) -> None:
    """Show the result, and what went wrong."""
    if state.is_refused and not state.sums.seen:
        say(errors, f"{task.table}: {state.ending}")
        return
    named = ", ".join(f"{name} {count:,}" for name, count in as_numbers(state.sums).items())
    say(out, f"{task.table}: {state.sums.seen:,} keys: {named}{_money(state)}")
    for error, count in state.errors.items():
        say(errors, f"{count} x {error}")
    if state.ending:
        say(errors, state.ending)


def as_tree(task: Task, state: RunState) -> dict[str, Any]:
    """Return the result of one table."""
    prices = state.bill.prices
    return {
        "verb": task.verb.value,
        "table": str(task.table),
        **task.settings,
        "keys": state.sums.seen,
        **as_numbers(state.sums),
        "ranges": state.ranges,
        "failed_ranges": state.failed,
        "errors": dict(state.errors),
        "unfinished": state.unfinished,
        "seconds": round(state.elapsed_s, 1),
        "usd": state.usd and round(state.usd, 4),
        "prices": prices and f"{prices.region}, {prices.dated}",
        "keys_per_second": round(state.keys / max(state.elapsed_s, 0.001)),
    }


def _counts(state: RunState) -> str:
    shown = [f"{name} {count:,}" for name, count in as_numbers(state.sums).items() if count]
    return (
        f"{state.keys:,} keys, {state.keys_per_s:,.0f}/s{_money(state, in_all=True)};"
        f" {', '.join(shown) or 'nothing final yet'}"
    )


def _money(state: RunState, *, in_all: bool = False) -> str:
    """Return what was spent so far; nothing where no price is known."""
    if state.usd is None:
        return ""
    whole = "" if state.usd_in_all is None or not in_all else f" of about {state.usd_in_all:,.2f}"
    return f"{',' if in_all else ';'} {state.usd:,.2f}{whole} USD"
