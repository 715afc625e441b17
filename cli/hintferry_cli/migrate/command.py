"""Run `hintferry migrate`: its options, and the way from the plan to the result."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError

from hintferry.adapters.config.settings import Migration, migration_from
from hintferry.core.errors import HintferryError
from hintferry.core.schema import TableId
from hintferry_cli.console import console, say
from hintferry_cli.each import status_of_all
from hintferry_cli.exits import Status, statuses
from hintferry_cli.failures import GlobalOptions, sentence, told_plainly
from hintferry_cli.gate import options
from hintferry_cli.migrate import dry_run, view
from hintferry_cli.migrate.on_this_machine import OnThisMachine
from hintferry_cli.migrate.scheduler import Runner, Scheduler, Seen
from hintferry_cli.migrate.table_run import TableRun, runs_of
from hintferry_cli.next_steps import NextStep, conclude, next_steps
from hintferry_cli.options import CONFIG, Config, Json
from hintferry_cli.places import Bucket, ParkedQueueUrl, ReplayQueueUrl, places
from hintferry_cli.sweep.command import BOOKMARKS, MOST_PROCESSES, Bookmarks
from hintferry_cli.sweep.one_pass import priced
from hintferry_cli.tables import All, Tables, as_arguments, chosen_or_all
from hintferry_ops.cutover.gate.facts import Confirmations
from hintferry_ops.cutover.gatekeeper import Gatekeeper
from hintferry_ops.plan.stage import Stage, stage_of
from hintferry_ops.wiring import Seat

AT_ONCE = 8
_PROCESSES = max(1, (os.cpu_count() or 1) // 4)

HELP = "\n\n".join(
    (
        "Bring every table to its cutover: backfill, verify, repair, and wait until it is ready.",
        "It reads from both sides how far each table is, and does what comes next. It works on"
        " several tables at once, in the order of the waves of migration.toml. It keeps no state of"
        " its own: run it again, on any machine, to go on. A table that fails does not hold the"
        " others. It sets no fence: `hintferry cutover` does, for the tables, groups or waves that"
        " you name.",
        "A verify pass reads at consistency ALL. What it finds is repaired once, and verified"
        " again.",
        "Examples",
        "  hintferry migrate",
        "  hintferry migrate --dry-run",
        "  hintferry migrate first-wave --until verified",
        "  hintferry migrate shop.orders checkout --at-once 4 --json",
        statuses(
            "every table has reached the stage",
            negative="a table needs a person: the text says what for",
            unfinished="some tables are not there yet: run it again to go on",
        ),
    )
)


class _Until(Enum):
    """The stages at which a run may end."""

    CAPTURED = "captured"
    BACKFILLED = "backfilled"
    VERIFIED = "verified"
    READY = "ready"


def migrate(
    context: typer.Context,
    tables: Tables = None,
    every: All = False,
    until: Annotated[_Until, typer.Option(help="End at this stage.")] = _Until.READY,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the acts in order, and do none.")
    ] = False,
    at_once: Annotated[
        int, typer.Option(min=1, max=MOST_PROCESSES, help="Tables that are worked on at once.")
    ] = AT_ONCE,
    processes: Annotated[
        int,
        typer.Option(
            min=1,
            max=MOST_PROCESSES,
            help="Worker processes of each table.",
            show_default="a quarter of the cores",
        ),
    ] = _PROCESSES,
    json: Json = False,
    config: Config = CONFIG,
    bookmarks: Bookmarks = BOOKMARKS,
    parked_queue_url: ParkedQueueUrl = "",
    replay_queue_url: ReplayQueueUrl = "",
    bucket: Bucket = "",
) -> None:
    settings = context.find_object(GlobalOptions) or GlobalOptions(debug=False)
    with told_plainly(settings):
        migration = migration_from(config)
        meant = chosen_or_all(migration, config, tables, every=every)
        queues = places(
            config,
            parked_queue_url=parked_queue_url,
            replay_queue_url=replay_queue_url,
            bucket=bucket,
        )
        runs = runs_of(migration, meant)
        with options.seat(migration, meant, queues) as seat:
            seat.check_clock()
            if dry_run:
                _plan(runs, Stage(until.value), _look_of(seat), config, at_once, json=json)
                return
            runner = OnThisMachine(config, queues, bookmarks, processes, at_once, _say)
            _drive(migration, runs, Stage(until.value), _look_of(seat), runner, at_once, config,
                   json=json)  # fmt: skip


def _look_of(seat: Seat) -> Callable[[TableId], Seen]:
    """Return the function that reads all that is known of a table. It raises HintferryError."""
    keepers: dict[TableId, Gatekeeper] = {}

    def look(table: TableId) -> Seen:
        keeper = keepers[table] = keepers.get(table) or seat.keeper(table, Confirmations())
        fence = keeper.fences.standing(table)
        if fence is not None:
            now = keeper.clock.now()
            fellows = [keeper.fences.standing(one) for one in keeper.fellows]
            is_half = any(stage_of(None, one, now) is not Stage.CUT_OVER for one in fellows)
            return Seen(now, None, fence, is_half=is_half)
        facts, _ = keeper.check()
        return Seen(facts.now, facts)

    return look


def _plan(
    runs: Sequence[TableRun],
    until: Stage,
    look: Callable[[TableId], Seen],
    config: Path,
    at_once: int,
    *,
    json: bool,
) -> None:
    """Print what a run would do. Raises typer.Exit where a table could not be looked at."""
    plans = []
    for run in runs:
        acts: list[dry_run.Planned] = []
        try:
            acts = dry_run.planned(run, look(run.table), until, lambda table: priced(config, table))
        except (HintferryError, BotoCoreError, ClientError) as error:
            run.end(Status.NEGATIVE, sentence(error))
        plans.append((run, acts))
    if not json:
        dry_run.show(plans, at_once, console())
    trees = [dry_run.as_tree(run, acts) for run, acts in plans]
    steps = [NextStep("migrate", (), "do this")]
    conclude({"until": until.value, "tables": trees} if json else None, steps)
    if any(run.why for run in runs):
        raise typer.Exit(Status.NEGATIVE)


def _drive(
    migration: Migration,
    runs: Sequence[TableRun],
    until: Stage,
    look: Callable[[TableId], Seen],
    runner: Runner,
    at_once: int,
    config: Path,
    *,
    json: bool,
) -> None:
    """Go on until every table has ended, and exit by the result."""
    errors, began = console(stderr=True), time.monotonic()
    scheduler = Scheduler(runs, until, look, runner, at_once)
    try:
        with closing(scheduler.steps()) as steps:
            view.follow(steps, runs, until, errors)
    except KeyboardInterrupt:
        left = [str(run.table) for run in runs if run.status is None]
        say(errors, f"stopped; {view.told(runs)}")
        say(errors, f"not finished: {', '.join(left)}; run the same command again to go on")
        raise
    ends = [run.status for run in runs if run.status is not None]
    assert len(ends) == len(runs), "else the scheduler goes on"
    status = status_of_all(ends)
    seconds = time.monotonic() - began
    if not json:
        view.show(runs, until, seconds, console())
    tree: dict[str, Any] = {
        "until": until.value,
        "seconds": round(seconds, 1),
        "tables": [view.as_tree(run) for run in runs],
    }
    conclude(tree if json else None, _next(migration, runs, until, status, config))
    if status is not Status.DONE:
        raise typer.Exit(status)


def _next(
    migration: Migration, runs: Sequence[TableRun], until: Stage, status: Status, config: Path
) -> list[NextStep]:
    """Return the cutover of each wave that is ready as a whole; and the rest again."""
    steps: list[NextStep] = []
    left = [run.table for run in runs if run.status is not Status.DONE]
    if left:
        again = status if status is not Status.DONE else Status.UNFINISHED
        steps += next_steps("migrate", again, as_arguments(migration, left), config)
    for wave in dict.fromkeys(run.wave for run in runs) if until is Stage.READY else ():
        some = [run for run in runs if run.wave == wave]
        if all(run.status is Status.DONE for run in some):
            ready = [run.table for run in some if run.stage is Stage.READY]
            if ready:
                steps += next_steps("migrate", Status.DONE, as_arguments(migration, ready), config)
    if not left and until is not Stage.READY:
        steps = next_steps(
            "migrate",
            Status.UNFINISHED,
            as_arguments(migration, [run.table for run in runs]),
            config,
        )
    return steps


def _say(text: str) -> None:
    say(console(stderr=True), text)
