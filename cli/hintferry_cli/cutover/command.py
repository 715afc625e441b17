"""Run `hintferry cutover`: wait until the gate opens, set the fence, and wait it out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console

from hintferry.adapters.config.settings import migration_from
from hintferry.core.errors import ConfigurationError, SideFault
from hintferry.core.journal import Entry
from hintferry.core.limits import CUTOVER_WAIT_S
from hintferry.ports import Journal
from hintferry_cli.console import console, say
from hintferry_cli.cutover.undo import undone
from hintferry_cli.exits import Status, Unfinished, statuses
from hintferry_cli.failures import GlobalOptions, told_plainly
from hintferry_cli.gate import options, view
from hintferry_cli.gate.view import Standing, TableStatus
from hintferry_cli.next_steps import NextStep, conclude, next_steps
from hintferry_cli.options import CONFIG, Config, Json
from hintferry_cli.places import Bucket, ParkedQueueUrl, ReplayQueueUrl, places
from hintferry_cli.spans import span
from hintferry_cli.switches.caller import caller
from hintferry_cli.tables import table_id
from hintferry_ops.cutover.gate.fence import downtime
from hintferry_ops.cutover.gatekeeper import Gatekeeper

HELP = "\n\n".join(
    (
        "Cut a table over to Keyspaces. After this, Hintferry never writes to it again.",
        "Stop the writers, then run it. It checks the conditions until all hold (`hintferry"
        " status` shows them), and sets the table's fence. Then it waits"
        f" {CUTOVER_WAIT_S:.0f} s until no write of Hintferry's can still be in flight. Where a"
        " condition fails, it changes nothing and says which. After an interruption run it again.",
        "--undo removes the fence, as long as the application has not written the target. It scans"
        " the target for such writes (by their write times), and asks for the table's name; --yes"
        " answers. Afterwards run `hintferry verify --repair` to copy the changes that were"
        " skipped.",
        "Examples",
        "  hintferry cutover shop.orders --writes-stopped now --writers-at-quorum",
        "  hintferry cutover shop.orders --writes-stopped 2026-11-26T14:03:20Z --json",
        "  hintferry cutover shop.orders --undo",
        "  hintferry cutover shop.orders --undo --yes",
        statuses(
            "the table is cut over (or the cutover is undone)",
            negative="a condition does not hold, and nothing was changed",
            unfinished="the fence may be set, but not waited out: run it again, or with --undo",
        ),
    )
)


def cutover(
    context: typer.Context,
    table: Annotated[str, typer.Argument(metavar="KEYSPACE.TABLE", help="The table.")],
    writes_stopped: options.WritesStopped = None,
    repaired: options.Repaired = None,
    writers_at_quorum: options.WritersAtQuorum = False,
    undo: Annotated[bool, typer.Option("--undo", help="Undo a cutover: remove the fence.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --undo: do not ask.")] = False,
    json: Json = False,
    config: Config = CONFIG,
    parked_queue_url: ParkedQueueUrl = "",
    replay_queue_url: ReplayQueueUrl = "",
    bucket: Bucket = "",
) -> None:
    errors, out = console(stderr=True), console()
    with told_plainly(context.find_object(GlobalOptions) or GlobalOptions(debug=False)):
        name = table_id(table)
        confirmations = options.confirmations(writes_stopped, repaired, writers_at_quorum)
        if undo and (writes_stopped or repaired or writers_at_quorum):
            raise ConfigurationError(
                "--undo cannot be combined with --writes-stopped, --repaired or"
                " --writers-at-quorum; call it without them"
            )
        if yes and not undo:
            raise ConfigurationError("--yes answers --undo only; leave it out, or add --undo")
        migration = migration_from(config)
        where = places(
            config,
            parked_queue_url=parked_queue_url,
            replay_queue_url=replay_queue_url,
            bucket=bucket,
        )
        with options.seat(migration, [name], where) as seat:
            # This machine's clock decides how long to wait, and dates the pass.
            seat.check_clock()
            keeper = seat.keeper(name, confirmations)
            if undo:
                undone(keeper, seat.late_writes(), seat.journal(), errors, yes=yes)
                _tell_undone(str(name), out, json=json)
                return
            status = _cutover(keeper, seat.journal(), errors)
    _tell(status, out, json=json)
    if status.standing is not Standing.CUTOVER:
        raise typer.Exit(_ended(status))


def _cutover(keeper: Gatekeeper, journal: Journal, errors: Console) -> TableStatus:
    """Return the last status of the table: after the fence, if the gate opened or it was set."""
    is_fenced = keeper.fences.standing(keeper.table) is not None
    status = view.read_status(keeper) if is_fenced else _watched(keeper, errors)
    if status.standing not in (Standing.OPEN, Standing.CUTOVER, Standing.FENCED):
        return status
    try:
        if status.fence is None:
            journal.add(Entry(time.time(), str(keeper.table), "cutover", caller()))
        # The last run may have ended before all of it was waited out, or written down.
        steps = keeper.hand_over() if status.fence is None else keeper.wait_out(status.fence)
        _count_down(steps, "the fence is set; in-flight writes expire in", errors)
        return view.read_status(keeper)
    except KeyboardInterrupt:
        left = view.read_status(keeper).fence_left_s
        say(
            errors,
            f"stopped: the fence is set, and in-flight writes may land for {left:.0f} s more. The"
            " application must not write yet: run this again, or with --undo",
        )
        raise
    except SideFault as error:
        raise Unfinished(
            f"the fence may be set, but cutover did not wait it out; run it again, or with --undo"
            f" ({error})"
        ) from error
    except ConfigurationError as error:
        raise Unfinished(str(error)) from error


def _watched(keeper: Gatekeeper, errors: Console) -> TableStatus:
    """Return the last status of the table; print each change of the conditions that do not hold."""
    said = ""
    for seen in keeper.watch():
        status = view.status_from_gate(*seen)
        text = "; ".join(view.open_points(status))
        if text != said:
            say(errors, text or "the gate is open")
        said = text
    return status


def _count_down(steps: Iterator[float], text: str, errors: Console) -> None:
    """Show the seconds that are left: each of them on a terminal, the first in a log."""
    with errors.status("") as shown:
        for number, left in enumerate(steps):
            shown.update(f"{text} {left:.0f} s")
            if not number:
                say(errors, f"{text} {left:.0f} s")


def _tell(status: TableStatus, out: Console, *, json: bool) -> None:
    downtime_s = None if status.fence is None else downtime(status.fence)
    if json:
        tree: dict[str, Any] = view.as_tree(status)
        tree["downtime_seconds"] = downtime_s and round(downtime_s, 1)
        conclude(tree, _next(status))
        return
    view.show(view.as_tree(status), out)
    if status.standing is Standing.CUTOVER:
        took = "" if downtime_s is None else f" Downtime until then: {span(downtime_s)}."
        say(out, f"Hintferry no longer writes to this table.{took} Let the application write.")
    elif status.fence is None:
        say(out, "Nothing was changed.")
    else:
        say(out, "The fence is set, but not waited out yet: run this again, or with --undo.")
    conclude(None, _next(status))


def _next(status: TableStatus) -> list[NextStep]:
    """Return nothing after a cutover: it is the last stage."""
    ended = _ended(status)
    again = "status" if ended is Status.NEGATIVE else "cutover"
    return next_steps(again, ended, [str(status.table)])


def _ended(status: TableStatus) -> Status:
    if status.standing is Standing.CUTOVER:
        return Status.DONE
    return Status.NEGATIVE if status.fence is None else Status.UNFINISHED


def _tell_undone(table: str, out: Console, *, json: bool) -> None:
    # What was skipped meanwhile is found by a pass over both sides.
    steps = next_steps("backfill", Status.DONE, [table])
    if json:
        conclude({"table": table, "cut_over": False}, steps)
    else:
        say(out, f"{table} is no longer cut over")
        conclude(None, steps)
