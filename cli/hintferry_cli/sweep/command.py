"""Run `hintferry verify` and `backfill`: their options, and the way from check to result."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hintferry.adapters.config.settings import Migration, migration_from
from hintferry.core.errors import ConfigurationError
from hintferry.core.passes import Verb
from hintferry.core.schema import TableId
from hintferry.sweep.task import Task
from hintferry_cli.console import console, say
from hintferry_cli.each import as_trees, for_each, of_all
from hintferry_cli.exits import Status, statuses
from hintferry_cli.failures import GlobalOptions, told_plainly
from hintferry_cli.next_steps import conclude, next_steps
from hintferry_cli.options import CONFIG, Config, Json
from hintferry_cli.places import Bucket, ParkedQueueUrl, ReplayQueueUrl, places
from hintferry_cli.sweep import report as report_files
from hintferry_cli.sweep import view
from hintferry_cli.sweep.hold import held
from hintferry_cli.sweep.one_pass import begun, check_consent, ended, recorded
from hintferry_cli.sweep.run import Run
from hintferry_cli.sweep.task import Order
from hintferry_cli.sweep.view import ALONE, TablePlace
from hintferry_cli.tables import All, Tables, as_arguments, chosen

MOST_PROCESSES = 64
REPAIRS_PER_S = 100

_RESUME = (
    "If a run is interrupted, run the same command again to resume it. After a finished pass, or"
    " with other options, it begins a new pass. Several tables are gone through one after the"
    " other: a table has worker processes of its own, and both sides one pace. A table that fails"
    " does not hold the others."
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
        "  hintferry verify shop --consistency all",
        "  hintferry verify --all --consistency all --json",
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
        "  hintferry backfill shop.orders other --processes 8",
        "  hintferry backfill --all --json",
        statuses(
            "all rows are written",
            negative="a row is parked, or could not be read",
            unfinished=_UNFINISHED,
        ),
    )
)

Bookmarks = Annotated[
    Path, typer.Option(help="Folder that keeps how far a pass is.", rich_help_panel="Where")
]
_Processes = Annotated[
    int, typer.Option(min=1, max=MOST_PROCESSES, help="Worker processes.", show_default="cores")
]

_Report = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Write a report into this folder, as JSON and as a page."),
]

BOOKMARKS = Path(".hintferry")
_PROCESSES = min(os.cpu_count() or 1, MOST_PROCESSES)


class _Consistency(Enum):
    """Choose how many replicas of the source a verify pass reads."""

    LOCAL_QUORUM = "local_quorum"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class _Call:
    """Hold what both verbs are called with; `options` must stand again in a call that resumes."""

    settings: GlobalOptions
    verb: Verb
    config: Path
    names: list[str] | None
    every: bool
    bookmarks: Path
    report: Path | None
    processes: int
    json: bool
    options: tuple[str, ...] = ()


def verify(
    context: typer.Context,
    tables: Tables = None,
    every: All = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Send a change hint of each key that is not equal.")
    ] = False,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="With --repair: repair also where a cutover was undone."),
    ] = False,
    rate: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="With --repair: change hints a second at most.",
            show_default="100",
        ),
    ] = None,
    consistency: Annotated[
        _Consistency, typer.Option(help="Consistency level of source reads.")
    ] = _Consistency.LOCAL_QUORUM,
    processes: _Processes = _PROCESSES,
    json: Json = False,
    report: _Report = None,
    config: Config = CONFIG,
    bookmarks: Bookmarks = BOOKMARKS,
    replay_queue_url: ReplayQueueUrl = "",
) -> None:
    settings = context.find_object(GlobalOptions) or GlobalOptions(debug=False)
    with told_plainly(settings):
        if not repair and (rate is not None or yes):
            raise ConfigurationError("--rate and --yes go with --repair; add it, or leave them out")
        limit = (rate or REPAIRS_PER_S) if repair else None
        again = _again(consistency, limit)
        call = _Call(
            settings, Verb.VERIFY, config, tables, every, bookmarks, report, processes, json, again
        )
        migration, meant = _meant(call)
        queues = places(config, replay_queue_url=replay_queue_url) if repair else None

        def order(table: TableId) -> Order:
            at_all = consistency is _Consistency.ALL
            task = Task(Verb.VERIFY, table, at_all, limit, processes)
            if repair and not yes:
                check_consent(task, config)
            return Order(task, config, queues)

        _run_all(call, migration, meant, order)


def backfill(
    context: typer.Context,
    tables: Tables = None,
    every: All = False,
    processes: _Processes = _PROCESSES,
    json: Json = False,
    report: _Report = None,
    config: Config = CONFIG,
    bookmarks: Bookmarks = BOOKMARKS,
    parked_queue_url: ParkedQueueUrl = "",
    replay_queue_url: ReplayQueueUrl = "",
    bucket: Bucket = "",
) -> None:
    settings = context.find_object(GlobalOptions) or GlobalOptions(debug=False)
    with told_plainly(settings):
        call = _Call(
            settings, Verb.BACKFILL, config, tables, every, bookmarks, report, processes, json
        )
        migration, meant = _meant(call)
        queues = places(
            config,
            parked_queue_url=parked_queue_url,
            replay_queue_url=replay_queue_url,
            bucket=bucket,
        )

        def order(table: TableId) -> Order:
            return Order(Task(Verb.BACKFILL, table, workers=processes), config, queues)

        _run_all(call, migration, meant, order)


def _again(consistency: _Consistency, rate: int | None) -> tuple[str, ...]:
    """Return the options that a resumed verify must share."""
    at_all = consistency is _Consistency.ALL
    repair = () if rate is None else ("--repair", "--rate", str(rate))
    return (*(("--consistency", "all") if at_all else ()), *repair)


def _meant(call: _Call) -> tuple[Migration, list[TableId]]:
    """Return the tables to go through. Raises ConfigurationError before anything is done."""
    migration = migration_from(call.config)
    tables = chosen(migration, call.config, call.names, every=call.every)
    if call.report is not None:
        report_files.check(call.report)
    return migration, tables


def _run_all(
    call: _Call, migration: Migration, tables: list[TableId], order: Callable[[TableId], Order]
) -> None:
    """Go through the tables, print the result, and exit by it. Raises HintferryError."""

    def pass_over(table: TableId) -> tuple[Run, Status]:
        made = order(table)
        place = TablePlace(tables.index(table) + 1, len(tables))
        with held(call.bookmarks, made.task, call.config) as lost:
            run = begun(made, call.bookmarks, call.processes, lost, _tell)
            return run, _finish(run, call.report, place, json=call.json)

    ends = for_each(tables, pass_over, call.settings)
    status = of_all(ends)
    left = {one.name for one in ends if one.status is not Status.DONE}
    names = as_arguments(migration, [one for one in tables if str(one) in left] or tables)
    steps = next_steps(call.verb.value, status, names, call.config, call.options)
    trees = as_trees(ends, lambda one: view.as_tree(one.order.task, one.state))
    tree = {"verb": call.verb.value, "tables": trees}
    conclude(tree if call.json else None, steps)
    if status is not Status.DONE:
        raise typer.Exit(status)


def _finish(run: Run, report: Path | None, place: TablePlace = ALONE, *, json: bool) -> Status:
    """Take the run to its end, record and show it, and return how it ended."""
    errors, out = console(stderr=True), console()
    task, state = run.order.task, run.state
    try:
        view.follow(run.steps(), task, state, errors, place)
    except KeyboardInterrupt:
        share = f"{100 * state.share:.0f} % of {task.table} is done"
        say(errors, f"stopped; {share}; run the same command again to resume")
        raise
    # The record first: the cutover needs it, and a disk may be full.
    is_recorded = not state.unfinished and recorded(run, _tell)
    if not json:
        view.show(task, state, out, errors)
    if report is not None and not _reported(report, run, errors):
        return Status.UNFINISHED
    return ended(task, state, is_recorded=is_recorded)


def _reported(folder: Path, run: Run, errors: Console) -> bool:
    try:
        report_files.write(folder, run)
    except OSError as error:
        text = f"the report cannot be written: {error.filename or folder}: {error.strerror}"
        say(errors, f"{text}; make room for it; what was done is kept")
        return False
    return True


def _tell(text: str) -> None:
    say(console(stderr=True), text)
