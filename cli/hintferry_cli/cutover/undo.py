"""A cut-over taken back: the application's writes are looked for, and a person is asked."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import typer
from rich.console import Console
from rich.progress import Progress

from hintferry.core.errors import ConfigurationError, SideFault
from hintferry.core.journal import Entry
from hintferry.core.limits import UNDO_WAIT_S
from hintferry.core.schema import TableId
from hintferry.ports import Fence, Journal
from hintferry_cli.exits import Unfinished
from hintferry_cli.switches.caller import caller
from hintferry_ops.cutover.gatekeeper import Gatekeeper
from hintferry_ops.ports import LateWrites

_UNSEEN = "Deletes cannot be seen this way"


def undone(
    keeper: Gatekeeper, writes: LateWrites, journal: Journal, errors: Console, *, yes: bool
) -> None:
    """Take the fence away, once it is known what that may cost. Raises HintferryError."""
    table, fence = keeper.table, keeper.fences.standing(keeper.table)
    if fence is None:
        raise ConfigurationError(f"{table} is not cut over; there is nothing to take back")
    if not yes and not errors.is_terminal:
        raise ConfigurationError("--undo asks for the table's name; without a terminal add --yes")
    _say(errors, _found(table, fence, writes, errors))
    if not yes:
        typed = typer.prompt("To take the fence away type the table's name", err=True)
        if typed.strip() != str(table):
            raise ConfigurationError(f"that is not {table}: nothing was changed")
    journal.add(Entry(time.time(), str(table), "cutover --undo", caller()))
    try:
        with errors.status("") as shown:
            for left in keeper.take_back():
                shown.update(f"workers may go by the fence for {left:.0f} s more")
    except SideFault as error:
        raise Unfinished(
            f"the fence may be gone, but was not waited out: look with `hintferry status {table}`;"
            f" while it stands, run this again; once it is gone, wait {UNDO_WAIT_S:.0f} s and"
            f" verify ({error})"
        ) from error


def _found(table: TableId, fence: Fence, writes: LateWrites, errors: Console) -> str:
    """What the application has written to the target since, as far as that can be seen."""
    # Until then a write may be one of ours that was under way.
    found = 0
    with Progress(console=errors, transient=True) as progress:
        bar = progress.add_task(f"looking for writes to {table} on the target", total=1.0)
        for share, so_far in writes.rows(table, fence.set_at + UNDO_WAIT_S):
            found = so_far
            progress.update(bar, completed=share)
    unseen = writes.unseen(table)
    besides = f", nor can writes of {', '.join(unseen)}" if unseen else ""
    since = f"since the fence of {datetime.fromtimestamp(fence.set_at, UTC):%Y-%m-%d %H:%M:%SZ}"
    if found:
        return (
            f"{found:,} rows of {table} were written on the target {since}, and not by Hintferry."
            f" A later `verify --repair` deletes or overwrites them. {_UNSEEN}{besides}."
        )
    return f"No row of {table} was written on the target {since}. {_UNSEEN}{besides}."


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
