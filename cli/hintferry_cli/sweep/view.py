"""Show progress to a person or in a log, and the result."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from hintferry.core.tokens import WIDTH_OF_RING
from hintferry.sweep.task import Task
from hintferry_cli.console import say
from hintferry_cli.sweep.bill import duration
from hintferry_cli.sweep.run import RunState
from hintferry_cli.sweep.task import as_numbers

PLAIN_EVERY_S = 5.0


def announce(task: Task, plan: str, console: Console) -> None:
    """Say what is about to be done."""
    say(console, f"{task.verb.value} {task.table}: {plan}")


def follow(steps: Iterable[None], task: Task, state: RunState, console: Console) -> None:
    """Take all steps, and show how far they are: a bar on a terminal, else a line now and then."""
    if console.is_terminal:
        _as_bar(steps, task, state, console)
    else:
        _as_lines(steps, state, console)


def _as_bar(steps: Iterable[None], task: Task, state: RunState, console: Console) -> None:
    columns = (
        TextColumn(f"{task.verb.value} {task.table}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[counts]}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=1.0, counts="")
        for _ in steps:
            progress.update(bar, completed=state.width / WIDTH_OF_RING, counts=_counts(state))


def _as_lines(steps: Iterable[None], state: RunState, console: Console) -> None:
    due = time.monotonic() + PLAIN_EVERY_S
    for _ in steps:
        if time.monotonic() >= due:
            due = time.monotonic() + PLAIN_EVERY_S
            say(console, f"{100 * state.width / WIDTH_OF_RING:.0f} % done: {_counts(state)}")


def show(task: Task, state: RunState, out: Console, errors: Console) -> None:
    """Show the result, and what went wrong."""
    named = ", ".join(f"{name} {count:,}" for name, count in as_numbers(state.sums).items())
    say(out, f"{task.table}: {state.sums.seen:,} keys: {named}{_money(state)}")
    for error, count in state.errors.items():
        say(errors, f"{count} x {error}")
    if state.ending:
        say(errors, state.ending)


def as_json(task: Task, state: RunState) -> str:
    """Return the result as one JSON object."""
    prices = state.bill.prices
    return json.dumps(
        {
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
    )


def _counts(state: RunState) -> str:
    rate = state.keys / max(state.elapsed_s, 0.001)
    shown = [f"{name} {count:,}" for name, count in as_numbers(state.sums).items() if count]
    left = "" if state.eta_s is None else f", {duration(state.eta_s)} left"
    return (
        f"{state.keys:,} keys, {rate:,.0f}/s{left}{_money(state, in_all=True)};"
        f" {', '.join(shown) or 'nothing final yet'}"
    )


def _money(state: RunState, *, in_all: bool = False) -> str:
    """Return the money that was spent so far; nothing where no price is known."""
    if state.usd is None:
        return ""
    whole = "" if state.usd_in_all is None or not in_all else f" of about {state.usd_in_all:,.2f}"
    return f"{',' if in_all else ';'} {state.usd:,.2f}{whole} USD"
