"""Run `hintferry status`: check every table, once or until all can be cut over."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from hintferry.adapters.config.settings import Migration, migration_from
from hintferry.core.clock_offset import Offsets
from hintferry.core.errors import ConfigurationError, SideFault
from hintferry.core.schema import TableId
from hintferry_cli.console import console, say
from hintferry_cli.exits import Status, statuses
from hintferry_cli.failures import GlobalOptions, sentence, told_plainly
from hintferry_cli.gate import clocks, options, validation, view
from hintferry_cli.gate.view import Standing, TableStatus
from hintferry_cli.next_steps import NextStep, conclude, next_steps
from hintferry_cli.options import CONFIG, Config, Json
from hintferry_cli.pages.page import write_migration
from hintferry_cli.places import Bucket, ParkedQueueUrl, ReplayQueueUrl, places
from hintferry_cli.tables import table_id
from hintferry_ops.cutover.gate.condition import Condition, ConditionState
from hintferry_ops.cutover.gatekeeper import LOOK_EVERY_S, Gatekeeper
from hintferry_ops.wiring import Seat

LONGEST_S = 12 * 3600.0
MARKER_WITHIN_S = 10.0
MARKER_LOOK_S = 0.25

HELP = "\n\n".join(
    (
        "Show for each table whether it can be cut over, why not, and what to type.",
        "It draws a marker of each table: every node settles it once all changes from before it"
        " have arrived. It also checks the queues, the bucket and the recorded passes, and changes"
        " nothing else.",
        "Examples",
        "  hintferry status",
        "  hintferry status shop.orders --watch",
        "  hintferry status shop.orders --writes-stopped now --writers-at-quorum --json",
        "  hintferry status --html migration.html",
        statuses(
            "every table is ready for its cutover once writes stop (or only needs to wait)",
            negative="a condition does not hold, or a fence is not waited out yet",
            unavailable="no condition fails, but a side or AWS did not answer: try again",
        ),
    )
)


def status(
    context: typer.Context,
    table: Annotated[str, typer.Argument(metavar="[KEYSPACE.TABLE]", help="Only this table.")] = "",
    watch: Annotated[
        bool, typer.Option("--watch", help="Check until every table can be cut over.")
    ] = False,
    json: Json = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a status page to share.")
    ] = None,
    writes_stopped: options.WritesStopped = None,
    repaired: options.Repaired = None,
    writers_at_quorum: options.WritersAtQuorum = False,
    config: Config = CONFIG,
    parked_queue_url: ParkedQueueUrl = "",
    replay_queue_url: ReplayQueueUrl = "",
    bucket: Bucket = "",
) -> None:
    with told_plainly(context.find_object(GlobalOptions) or GlobalOptions(debug=False)):
        if html == Path("-"):
            raise ConfigurationError("--html writes a file; name one, such as migration.html")
        migration = migration_from(config)
        where = places(
            config,
            parked_queue_url=parked_queue_url,
            replay_queue_url=replay_queue_url,
            bucket=bucket,
        )
        confirmations = options.confirmations(writes_stopped, repaired, writers_at_quorum)
        tables = _tables(migration, table)
        with options.seat(migration, tables, where) as seat:
            offsets = _clock(seat)
            keepers = [seat.keeper(one, confirmations) for one in tables]
            statuses = _settled(keepers)
            if watch:
                statuses = _watched(keepers, statuses, console(stderr=True))
            pipeline = {
                "clocks": clocks.as_tree(offsets, seat.metrics),
                "validation": validation.as_tree(migration, seat.metrics),
            }
    _tell(statuses, pipeline, html, config, json=json)
    ended = _ended(statuses)
    if ended is not Status.DONE:
        raise typer.Exit(ended)


def _ended(statuses: Sequence[TableStatus]) -> Status:
    """Return the worst of all: what is in the way outweighs what could not be seen."""
    if any(map(_is_in_the_way, statuses)):
        return Status.NEGATIVE
    return Status.DONE if all(status.is_seen for status in statuses) else Status.UNAVAILABLE


def _is_in_the_way(status: TableStatus) -> bool:
    if status.is_seen:
        return status.standing in (Standing.SHUT, Standing.FENCED)
    # The first says that a side is away.
    return any(one.state is ConditionState.FAILS for one in status.conditions[1:])


def _tables(migration: Migration, table: str) -> list[TableId]:
    tables = [table_id(table)] if table else [one.id for one in migration.tables]
    if not tables:
        raise ConfigurationError("the configuration lists no table; give one as keyspace.table")
    return tables


def _clock(seat: Seat) -> Offsets:
    """Return no offsets where the target does not answer: each table says so. Raises ClockFault."""
    try:
        return seat.check_clock()
    except SideFault:
        return Offsets(None, {})


def _status(keeper: Gatekeeper) -> TableStatus:
    """Check a table; if a side does not answer, say that, and check what needs neither side."""
    try:
        return view.read_status(keeper)
    except SideFault as fault:
        away = Condition(
            f"the {fault.side.value} answers",
            ConditionState.FAILS,
            sentence(fault),
            "run this again",
        )
        around = keeper.look_around()
        return TableStatus(keeper.table, keeper.clock.now(), None, conditions=[away, *around])


def _settled(keepers: Sequence[Gatekeeper]) -> list[TableStatus]:
    """Check each table, once its marker had the time to arrive."""
    end = time.monotonic() + MARKER_WITHIN_S
    while True:
        statuses = [_status(keeper) for keeper in keepers]
        waited_for = [one.facts for one in statuses if one.facts is not None]
        if time.monotonic() > end or all(one.arrival.took_s is not None for one in waited_for):
            return statuses
        time.sleep(MARKER_LOOK_S)


def _watched(
    keepers: Sequence[Gatekeeper], statuses: list[TableStatus], errors: Console
) -> list[TableStatus]:
    """Check until every gate is open; a terminal shows each check, a log each change."""
    end = time.monotonic() + LONGEST_S
    with Live(console=errors, auto_refresh=False, transient=True) as live:
        shown = ""
        while not all(status.standing in (Standing.OPEN, Standing.CUTOVER) for status in statuses):
            text = "\n".join(_lines(statuses))
            if errors.is_terminal:
                live.update(Text(text), refresh=True)
            elif text != shown:
                say(errors, text)
            shown = text
            if time.monotonic() > end:
                break
            time.sleep(LOOK_EVERY_S)
            statuses = [_status(keeper) for keeper in keepers]
    return statuses


def _lines(statuses: Sequence[TableStatus]) -> Iterator[str]:
    for status in statuses:
        yield f"{status.table}: {view.standing(view.as_tree(status))}"
        yield from (f"  {one}" for one in view.open_points(status))


def _tell(
    statuses: Sequence[TableStatus],
    pipeline: dict[str, Any],
    html: Path | None,
    config: Path,
    *,
    json: bool,
) -> None:
    trees = [view.as_tree(status) for status in statuses]
    if not json:
        out = console()
        for tree in trees:
            view.show(tree, out)
        if pipeline["validation"] is not None:
            say(out, validation.told(pipeline["validation"]))
        say(out, clocks.told(pipeline["clocks"]))
    if html is not None:
        write_migration(html, trees)
    conclude({"tables": trees, **pipeline} if json else None, _next(statuses, config))


def _next(statuses: Sequence[TableStatus], config: Path) -> list[NextStep]:
    """Return a cutover for each table that only waits for its writers; else a look again."""
    ready = [str(one.table) for one in statuses if one.standing in (Standing.OPEN, Standing.STOP)]
    if ready or all(one.standing is Standing.CUTOVER for one in statuses):
        return next_steps("status", Status.DONE, ready, config)
    names = [str(one.table) for one in statuses] if len(statuses) == 1 else []
    return next_steps("status", Status.NEGATIVE, names, config)
