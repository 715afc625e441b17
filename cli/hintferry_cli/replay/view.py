"""Show progress to a person or in a log, and the result."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from hintferry_cli.console import say
from hintferry_cli.replay.tally import Tally

PLAIN_EVERY_S = 5.0


def follow(steps: Iterable[None], tally: Tally, about: int, console: Console) -> None:
    """Take all steps, and show how far they are: a bar on a terminal, else a line now and then."""
    if console.is_terminal:
        _as_bar(steps, tally, about, console)
    else:
        _as_lines(steps, tally, about, console)


def _as_bar(steps: Iterable[None], tally: Tally, about: int, console: Console) -> None:
    columns = (
        TextColumn("replaying"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[counts]}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=about, counts="")
        for _ in steps:
            seen = tally.looked_at
            progress.update(
                task, completed=seen, total=max(about, seen), counts=_counts(tally), refresh=True
            )


def _as_lines(steps: Iterable[None], tally: Tally, about: int, console: Console) -> None:
    due = time.monotonic() + PLAIN_EVERY_S
    for _ in steps:
        if time.monotonic() >= due:
            due = time.monotonic() + PLAIN_EVERY_S
            say(console, f"{tally.looked_at} of about {about}: {_counts(tally)}")


def show(tally: Tally, out: Console, errors: Console, *, dry_run: bool) -> None:
    """Show the result by reason, and what went wrong."""
    if tally.by_reason:
        out.print(_table(tally, dry_run=dry_run))
    else:
        say(out, "Nothing to replay: the parked queue and the on-failure bucket are empty.")
    for error, count in tally.errors.items():
        say(errors, f"{count} x {error}")
    if tally.unfinished:
        say(errors, f"{tally.unfinished}; run it again for the rest")


def as_tree(tally: Tally, *, dry_run: bool) -> dict[str, Any]:
    """Return the result for JSON."""
    return {
        "dry_run": dry_run,
        "reasons": {reason: asdict(counts) for reason, counts in tally.by_reason.items()},
        "total": asdict(tally.total),
        "errors": dict(tally.errors),
        "unfinished": tally.unfinished,
    }


def _table(tally: Tally, *, dry_run: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("reason")
    for name in ("would send" if dry_run else "sent", "left", "failed"):
        table.add_column(name, justify="right")
    for reason, counts in sorted(tally.by_reason.items()):
        failed = Text(str(counts.failed), style="red" if counts.failed else "")
        table.add_row(reason, str(counts.sent), str(counts.left), failed)
    return table


def _counts(tally: Tally) -> str:
    total = tally.total
    return f"sent {total.sent}, left {total.left}, failed {total.failed}"
