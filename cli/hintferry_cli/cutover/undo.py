"""Undo a cutover: find what the application wrote, ask a person, and remove the fences."""

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
from hintferry_cli.console import say
from hintferry_cli.exits import Unfinished
from hintferry_cli.switches.caller import caller
from hintferry_ops.cutover.cutover import Cutover
from hintferry_ops.ports import LateWrites

_UNSEEN = "Deletes cannot be seen this way"


def undone(
    joint: Cutover, writes: LateWrites, journal: Journal, errors: Console, name: str, *, yes: bool
) -> None:
    """Remove the fences, after saying what that may cost. Raises HintferryError.

    `name`: what a person types to agree, as the tables are named on the command line.
    """
    if not joint.fences:
        tables = ", ".join(str(one.table) for one in joint.keepers)
        are = "is" if len(joint.keepers) == 1 else "are"
        raise ConfigurationError(
            f"{tables} {are} not cut over, so there is nothing to undo; check the table's name"
        )
    if not yes and not errors.is_terminal:
        raise ConfigurationError(
            "--undo asks for the table's name, and there is no terminal; add --yes"
        )
    for keeper in joint.unfenced:
        say(errors, f"{keeper.table} has no fence, and stays as it is")
    for table, fence in joint.fences.items():
        say(errors, _found(table, fence, writes, errors))
    if not yes:
        typed = typer.prompt(f"To remove the fence, type {name}", err=True)
        if typed.strip() != name:
            raise ConfigurationError(
                f"that is not {name}, and nothing was changed; run it again and type the name"
            )
    removed(joint, journal, errors)


def removed(joint: Cutover, journal: Journal, errors: Console) -> None:
    """Remove the fences, and wait until no worker obeys one. Raises Unfinished."""
    for table in joint.fences:
        journal.add(Entry(time.time(), str(table), "cutover --undo", caller()))
    try:
        with errors.status("") as shown:
            for left in joint.take_back():
                shown.update(f"workers may still obey the fence for {left:.0f} s more")
    except SideFault as error:
        raise Unfinished(
            f"the fence may be removed, but --undo did not wait until all workers know it; check"
            f" `hintferry status`: while a fence is set, run this again; once it is"
            f" removed, wait {UNDO_WAIT_S:.0f} s and verify ({error})"
        ) from error


def _found(table: TableId, fence: Fence, writes: LateWrites, errors: Console) -> str:
    """Say what the application wrote to the target since, as far as write times tell."""
    # A write with an earlier time may be one of ours that was under way.
    after = fence.set_at + UNDO_WAIT_S if fence.newest_at is None else fence.newest_at
    found = 0
    with Progress(console=errors, transient=True) as progress:
        bar = progress.add_task(f"scanning the target for writes to {table}", total=1.0)
        for share, so_far in writes.rows(table, after):
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
