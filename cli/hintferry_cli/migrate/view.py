"""Show a migration that goes on: bars on a terminal, lines in a log, and the result."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.text import Text

from hintferry_cli.console import say
from hintferry_cli.exits import Status
from hintferry_cli.migrate.table_run import TableRun
from hintferry_cli.spans import span
from hintferry_cli.sweep.view import FIRST_LINE_S, LINE_EVERY_S, Bars, news_of, time_left
from hintferry_ops.plan.stage import Stage


def follow(steps: Iterable[None], runs: Sequence[TableRun], until: Stage, console: Console) -> None:
    """Take all steps, and show how far the tables are."""
    if console.is_terminal:
        _as_bars(steps, runs, until, console)
    else:
        _as_lines(steps, runs, console)


def _as_bars(
    steps: Iterable[None], runs: Sequence[TableRun], until: Stage, console: Console
) -> None:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}", markup=False),
    )
    shown = _Changes(runs)
    with Bars(*columns, console=console, transient=True, expand=True) as bars:
        every = bars.add_task("all tables", total=float(len(runs)), left="")
        working: dict[int, TaskID] = {}
        for _ in steps:
            for line in shown.lines():
                say(console, line)
            for number, run in enumerate(runs):
                _bar(bars, working, number, run)
            done = sum(_share(run, until) for run in runs)
            bars.update(every, completed=done, left=f"{_ended(runs)} of {len(runs)}")
            bars.news = Text(_waiting(runs), overflow="ellipsis", no_wrap=True)


def _bar(bars: Progress, working: dict[int, TaskID], number: int, run: TableRun) -> None:
    """Show a bar for as long as somebody works on the table."""
    if run.is_working and run.act is not None:
        name = f"{run.act.value} {run.table}"
        if number not in working:
            working[number] = bars.add_task(name, total=1.0, left="")
        left = "" if run.state is None else time_left(run.state)
        bars.update(working[number], description=name, completed=run.share, left=left)
    elif number in working:
        bars.remove_task(working.pop(number))


def _as_lines(steps: Iterable[None], runs: Sequence[TableRun], console: Console) -> None:
    due, shown = time.monotonic() + FIRST_LINE_S, _Changes(runs)
    for _ in steps:
        for line in shown.lines():
            say(console, line)
        if time.monotonic() >= due:
            due = time.monotonic() + LINE_EVERY_S
            say(console, told(runs))
            for run in runs:
                if run.is_working and run.act is not None and run.state is not None:
                    share = f"{100 * run.share:.0f} % done"
                    say(console, f"  {run.act.value} {run.table}: {share}: {news_of(run.state)}")


class _Changes:
    """Tells each stage that a table reaches, each trouble, and each end before the stage."""

    def __init__(self, runs: Sequence[TableRun]) -> None:
        self._runs = runs
        self._told: dict[int, tuple[Stage | None, str, Status | None]] = {}
        self._ends: Counter[int] = Counter()

    def lines(self) -> list[str]:
        """Return a line for each table of which something new is known."""
        found = []
        for number, run in enumerate(self._runs):
            for end in run.ends[self._ends[number] :]:
                self._ends[number] += 1
                if end.status is not Status.DONE:
                    sums = ", ".join(f"{name} {n:,}" for name, n in end.numbers.items() if n)
                    found.append(f"{run.table}: {end.act.value} was not clean: {sums}")
            before = self._told.get(number, (None, "", None))
            trouble = run.news if run.news.endswith("trying again") else ""
            now = (run.stage, trouble, run.status)
            self._told[number] = now
            if now == before or (run.stage is None and not trouble and run.status is None):
                continue
            why = run.why or trouble
            if run.status not in (None, Status.DONE):
                why = f"stopped: {why}"
            if run.stage is not before[0] or why:
                stage = "" if run.stage is None else f" {run.stage.value}"
                found.append(f"{run.table}:{stage}{': ' if why else ''}{why}")
        return found


def told(runs: Sequence[TableRun]) -> str:
    """Return where all tables are, in one line."""
    stages = Counter(run.stage for run in runs)
    some = [f"{stages[one]} {one.value}" for one in reversed(Stage) if stages[one]]
    if stages[None]:
        some.append(f"{stages[None]} not looked at yet")
    acts = Counter(run.act.value for run in runs if run.is_working and run.act is not None)
    under_way = [f"{count} in {name}" for name, count in sorted(acts.items())]
    waiting = _waiting(runs)
    return "; ".join(
        [f"{len(runs)} tables: {', '.join(some)}", *under_way, *filter(None, [waiting])]
    )


def _waiting(runs: Sequence[TableRun]) -> str:
    """Return how many tables wait, and what the first of them waits for."""
    queued = sum(run.act is not None and not run.is_working for run in runs)
    waits = [run for run in runs if run.news and run.status is None]
    parts = [f"{queued} for a free worker"] if queued else []
    if waits:
        parts.append(f"{len(waits)} for time ({waits[0].table}: {waits[0].news})")
    return f"waiting: {', '.join(parts)}" if parts else ""


def _ended(runs: Sequence[TableRun]) -> int:
    return sum(run.status is not None for run in runs)


def _share(run: TableRun, until: Stage) -> float:
    """Return the share of its way that a table has gone, from 0 to 1."""
    if run.status is not None:
        return 1.0
    number = 0 if run.stage is None else run.stage.number
    return min(1.0, (number + run.share) / max(1, until.number))


def show(runs: Sequence[TableRun], until: Stage, seconds: float, out: Console) -> None:
    """Show the result: a line for each wave, and each table that is not where it should be."""
    for wave in dict.fromkeys(run.wave for run in runs):
        some = [run for run in runs if run.wave == wave]
        done = sum(run.status is Status.DONE for run in some)
        say(out, f"wave {wave}: {done} of {len(some)} {until.value}")
        for run in some:
            if run.status is not Status.DONE:
                stage = "not seen" if run.stage is None else run.stage.value
                say(out, f"  {run.table}: {stage}: {run.why or 'not finished'}")
    usd = [end.usd for run in runs for end in run.ends]
    price = f", {sum(filter(None, usd)):,.2f} USD on the target" if any(usd) else ""
    say(out, f"took {span(seconds)}{price}")


def as_tree(run: TableRun) -> dict[str, Any]:
    """Return the result of one table."""
    return {
        "table": str(run.table),
        "wave": run.wave,
        "group": run.group,
        "stage_before": run.first and run.first.value,
        "stage": run.stage and run.stage.value,
        "acts": [
            {
                "act": end.act.value,
                "clean": end.status is Status.DONE,
                "seconds": round(end.seconds, 1),
                "usd": end.usd and round(end.usd, 4),
                "sums": dict(end.numbers),
            }
            for end in run.ends
        ],
        "error": run.why or None,
        "status": None if run.status is None else run.status.value,
    }
