"""Run `hintferry verify` and `backfill`: their options, and the way from check to result."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hintferry.adapters.config.settings import migration_from
from hintferry.core.capture import Proof, gaps, proof, void
from hintferry.core.errors import ConfigurationError, HintferryError
from hintferry.core.passes import PASSES_OF_S, Pass, Verb, refusal, unfenced
from hintferry.sweep.task import Task
from hintferry.wiring import sweep
from hintferry_cli.console import console, say
from hintferry_cli.exits import Status, statuses
from hintferry_cli.failures import GlobalOptions, told_plainly
from hintferry_cli.options import CONFIG, Config, Json
from hintferry_cli.places import Bucket, ParkedQueueUrl, ReplayQueueUrl, places
from hintferry_cli.sweep import bookmark, view
from hintferry_cli.sweep import report as report_files
from hintferry_cli.sweep.bill import pass_price
from hintferry_cli.sweep.bookmark import Bookmark
from hintferry_cli.sweep.run import Run, RunState
from hintferry_cli.sweep.task import Order, as_numbers
from hintferry_cli.switches.caller import caller
from hintferry_cli.tables import table_id
from hintferry_ops.cost.estimate import estimate

MOST_PROCESSES = 64

_RESUME = (
    "If a run is interrupted, run the same command again to resume it. After a finished pass, or"
    " with other options, it begins a new pass."
)

_UNFINISHED = "the pass is not finished, or not recorded: run it again to resume"

VERIFY_HELP = "\n\n".join(
    (
        "Compare a table completely, and with --repair repair what differs.",
        "It judges every row and every static column of both sides: equal, missing, different,"
        " extra or expiring. Extra is what only the target has. Expiring is what only the target"
        " has, for no longer than the longest_ttl of the table. It checks a suspected difference"
        " again after the time that a change needs to arrive, and counts the second result. With"
        " --repair it sends a change hint of each key that is not equal to the replay queue. The"
        " replay function repairs the key.",
        _RESUME,
        "Examples",
        "  hintferry verify shop.orders",
        "  hintferry verify shop.orders --repair --rate 50",
        "  hintferry verify shop.orders --repair --yes",
        "  hintferry verify shop.orders --consistency all --json",
        "  hintferry verify shop.orders --report reports",
        statuses("all keys are equal", negative="a key is not equal", unfinished=_UNFINISHED),
    )
)

BACKFILL_HELP = "\n\n".join(
    (
        "Copy what a table holds, while live changes go on.",
        "It reads each row once, and writes it with the time of its read as its timestamp, so newer"
        " values on the target stay. Capture must run: every node has to settle a marker first.",
        _RESUME,
        "Examples",
        "  hintferry backfill shop.orders",
        "  hintferry backfill shop.orders --processes 8 --json",
        statuses(
            "all rows are written",
            negative="a row is parked, or could not be read",
            unfinished=_UNFINISHED,
        ),
    )
)

_Table = Annotated[str, typer.Argument(metavar="KEYSPACE.TABLE", help="The table.")]
_Bookmarks = Annotated[
    Path, typer.Option(help="Folder that keeps how far a pass is.", rich_help_panel="Where")
]
_Processes = Annotated[
    int, typer.Option(min=1, max=MOST_PROCESSES, help="Worker processes.", show_default="cores")
]

_Report = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Write a report into this folder, as JSON and as a page."),
]

_BOOKMARKS = Path(".hintferry")
_PROCESSES = min(os.cpu_count() or 1, MOST_PROCESSES)


def verify(
    context: typer.Context,
    table: _Table,
    repair: Annotated[
        bool, typer.Option("--repair", help="Send a change hint of each key that is not equal.")
    ] = False,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="With --repair: repair also where a cutover was undone."),
    ] = False,
    rate: Annotated[int, typer.Option(min=1, help="Change hints a second at most.")] = 100,
    consistency: Annotated[
        str, typer.Option(help="Consistency level of source reads: local_quorum or all.")
    ] = "local_quorum",
    processes: _Processes = _PROCESSES,
    json: Json = False,
    report: _Report = None,
    config: Config = CONFIG,
    bookmarks: _Bookmarks = _BOOKMARKS,
    replay_queue_url: ReplayQueueUrl = "",
) -> None:
    with told_plainly(context.find_object(GlobalOptions) or GlobalOptions(debug=False)):
        if consistency not in ("local_quorum", "all"):
            raise ConfigurationError(f"--consistency {consistency}: choose local_quorum or all")
        task = Task(
            Verb.VERIFY,
            table_id(table),
            at_all=consistency == "all",
            repair_rate=rate if repair else None,
            workers=processes,
        )
        queues = places(config, replay_queue_url=replay_queue_url) if repair else None
        if repair and not yes:
            _check_consent(task, config)
        run = _begun(Order(task, config, queues), bookmarks, processes)
        _finish(run, report, json=json)


def backfill(
    context: typer.Context,
    table: _Table,
    processes: _Processes = _PROCESSES,
    json: Json = False,
    report: _Report = None,
    config: Config = CONFIG,
    bookmarks: _Bookmarks = _BOOKMARKS,
    parked_queue_url: ParkedQueueUrl = "",
    replay_queue_url: ReplayQueueUrl = "",
    bucket: Bucket = "",
) -> None:
    with told_plainly(context.find_object(GlobalOptions) or GlobalOptions(debug=False)):
        queues = places(
            config,
            parked_queue_url=parked_queue_url,
            replay_queue_url=replay_queue_url,
            bucket=bucket,
        )
        task = Task(Verb.BACKFILL, table_id(table), workers=processes)
        run = _begun(Order(task, config, queues), bookmarks, processes)
        _finish(run, report, json=json)


def _check_consent(task: Task, config: Path) -> None:
    """Raise ConfigurationError where a repair may delete what the application wrote."""
    sweeper = sweep.sweeper(migration_from(config), task.table)
    try:
        sweeper.check_table()
        found = unfenced(sweeper.passes().of(task.table, time.time() - PASSES_OF_S))
    finally:
        sweeper.close()
    if found is not None:
        raise ConfigurationError(refusal(task.table, found))


def _begun(order: Order, folder: Path, processes: int) -> Run:
    """Start a run; a wrong call fails here, before anything is written."""
    task, migration = order.task, migration_from(order.config)
    bill, errors = pass_price(migration, task.table, order.config.parent), console(stderr=True)
    sweeper = sweep.sweeper(migration, task.table)
    try:
        sweeper.check_table()
        sweeper.check_clock()
        mark = bookmark.opened(folder, task)
        proved = _proved(sweeper, task, mark)
        if proved is None:
            say(errors, "this pass will not count for a cutover: capture is not proved")
        if task.verb is Verb.BACKFILL:
            found = estimate(sweeper.source_table(), sweeper.source_scan(), sweeper.table.ttl)
            view.announce(task, bill.plan(found), errors)
        if task.writes:
            sweeper.journal().add(task.entry(time.time(), caller()))
        if mark is None:
            mark = bookmark.begun(folder, task, sweeper.ranges(), proved)
    finally:
        sweeper.close()
    return Run(order, mark, RunState(task.verb.sums, bill), processes)


def _proved(sweeper: sweep.Sweeper, task: Task, mark: Bookmark | None) -> Proof | None:
    """Return the proof that the table was captured when the pass began; a verify runs without."""
    if task.verb is Verb.BACKFILL:
        return sweeper.check_capture()
    if mark is not None:
        return mark.proof
    seen = sweeper.witness()
    for gap in gaps(seen):
        say(console(stderr=True), f"{task.table} is not captured on {gap}; {gap.fix}")
    return proof(seen)


def _finish(run: Run, report: Path | None, *, json: bool) -> None:
    errors, out = console(stderr=True), console()
    task, state = run.order.task, run.state
    try:
        view.follow(run.steps(), task, state, errors)
    except KeyboardInterrupt:
        say(errors, "stopped; run the same command again to resume")
        raise
    if json:
        typer.echo(view.as_json(task, state))
    else:
        view.show(task, state, out, errors)
    if report is not None:
        report_files.write(report, run)
    is_recorded = not state.unfinished and _recorded(run, errors)
    ended = _ended(state, is_recorded=is_recorded)
    if ended is not Status.DONE:
        raise typer.Exit(ended)


def _ended(state: RunState, *, is_recorded: bool) -> Status:
    if state.is_refused and not state.keys:
        return Status.UNUSABLE
    if not is_recorded:
        return Status.UNFINISHED
    return Status.DONE if state.sums.is_clean else Status.NEGATIVE


def _recorded(run: Run, errors: Console) -> bool:
    """Record the finished pass for the gate of cutover; return whether that worked."""
    try:
        broken = _entered(run)
    except HintferryError as error:
        say(
            errors,
            f"the pass finished, but could not be recorded in hintferry.passes: {error}; run the"
            " same command again: `cutover` needs the record",
        )
        return False
    if broken is not None:
        say(errors, f"this pass does not count for a cutover: {broken}")
    return True


def _entered(run: Run) -> str | None:
    """Enter the pass; return why it does not count for a cutover, or None."""
    task, mark, sums = run.order.task, run.bookmark, run.state.sums
    sweeper = sweep.sweeper(migration_from(run.order.config), task.table)
    one = Pass(
        task.table,
        task.verb,
        mark.began,
        time.time(),
        task.at_all,
        sums.is_clean,
        as_numbers(sums),
        mark.proof,
    )
    try:
        sweeper.passes().enter(one)
        return void(mark.proof, sweeper.witness())
    finally:
        sweeper.close()
