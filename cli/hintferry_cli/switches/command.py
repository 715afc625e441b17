"""The verbs `pause`, `resume` and `throttle`."""

from __future__ import annotations

import json as json_text
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from hintferry.adapters.config.settings import MARKERS, Migration, migration_from
from hintferry.core.errors import ConfigurationError
from hintferry.core.journal import Entry
from hintferry.core.limits import SWITCHES_HOLD_S
from hintferry.core.switches import ALL, Rates
from hintferry_cli.exits import Unfinished, statuses
from hintferry_cli.failures import GlobalOptions, told_plainly
from hintferry_cli.options import CONFIG, Config, Json
from hintferry_cli.switches.caller import caller
from hintferry_cli.tables import table_id
from hintferry_ops import wiring
from hintferry_ops.switches.control import Control, HalfDone

_UNFINISHED = "the journal has the entry, and the switch may not be set: run it again"

PAUSE_HELP = "\n\n".join(
    (
        "Pause a table, or everything: live changes, replays and passes.",
        f"The functions stop within {SWITCHES_HOLD_S:.0f} s, and finish what they have begun. A"
        " change hint of a paused table stays in its topic, and is applied after `hintferry"
        " resume`. A pause lasts until then, also across a deploy. End it within a day: later the"
        " event source gives hints up into the bucket, from where `hintferry replay` brings them"
        " back.",
        "Examples",
        '  hintferry pause shop.orders --reason "repair of node 3"',
        "  hintferry pause --all --json",
        statuses("the table is paused", unfinished=_UNFINISHED),
    )
)

RESUME_HELP = "\n\n".join(
    (
        "Let a paused table go on, or all that were paused with --all.",
        f"The functions go on within {SWITCHES_HOLD_S:.0f} s of their next invocation.",
        "Examples",
        "  hintferry resume shop.orders",
        '  hintferry resume --all --reason "the repair is done"',
        statuses("the table goes on", unfinished=_UNFINISHED),
    )
)

THROTTLE_HELP = "\n\n".join(
    (
        "Bound the requests a second to either side, and set the rate of repairs.",
        "A bound is for all functions together that follow a table at once, or, with --all, that"
        " follow any table; each gets its share. Replays and a pass keep the same bound, each for"
        " itself. --repair stands in place of the rate that a pass was started with. What is not"
        f" named stays as it is. It takes effect within {SWITCHES_HOLD_S:.0f} s, and stays until"
        " --off, also across a deploy.",
        "Examples",
        "  hintferry throttle shop.orders --source 200 --target 100",
        "  hintferry throttle --all --source 2000 --reason 'peak hours'",
        "  hintferry throttle shop.orders --repair 20 --json",
        "  hintferry throttle shop.orders --off",
        statuses("the bounds are set", unfinished=_UNFINISHED),
    )
)

_Table = Annotated[str, typer.Argument(metavar="[KEYSPACE.TABLE]", help="The table.")]
_All = Annotated[bool, typer.Option("--all", help="All tables together.")]
_Reason = Annotated[str, typer.Option(help="Why; the journal keeps it.")]


def pause(
    context: typer.Context,
    table: _Table = "",
    every: _All = False,
    reason: _Reason = "",
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    with told_plainly(context.find_object(GlobalOptions) or GlobalOptions(debug=False)):
        entry = _set_pause(Control.pause, config, table, reason, every=every)
    _tell(entry, "paused", json=json)


def resume(
    context: typer.Context,
    table: _Table = "",
    every: _All = False,
    reason: _Reason = "",
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    with told_plainly(context.find_object(GlobalOptions) or GlobalOptions(debug=False)):
        entry = _set_pause(Control.resume, config, table, reason, every=every)
    _tell(entry, "resumed", json=json)


def _set_pause(
    change: Callable[[Control, str, str], Entry],
    config: Path,
    table: str,
    reason: str,
    *,
    every: bool,
) -> Entry:
    """Pause or resume the table, or all. Raises HintferryError."""
    migration = migration_from(config)
    name = _name(migration, config, table, every=every)
    return _switched(migration, lambda control: change(control, name, reason))


def throttle(
    context: typer.Context,
    table: _Table = "",
    every: _All = False,
    source: Annotated[int | None, typer.Option(help="Requests a second to Cassandra.")] = None,
    target: Annotated[int | None, typer.Option(help="Requests a second to Keyspaces.")] = None,
    repair: Annotated[int | None, typer.Option(help="Hints a second of a repair.")] = None,
    off: Annotated[bool, typer.Option("--off", help="Take all bounds away.")] = False,
    reason: _Reason = "",
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    with told_plainly(context.find_object(GlobalOptions) or GlobalOptions(debug=False)):
        migration, change = migration_from(config), Rates(source, target, repair)
        if (change == Rates()) != off:
            raise ConfigurationError("give --source, --target or --repair; or --off alone")
        name = _name(migration, config, table, every=every)
        workers = migration.workers(MARKERS.id if every else table_id(name))

        def set_bounds(control: Control) -> Entry:
            if off:
                return control.unthrottle(name, reason)
            return control.throttle(name, change, workers, reason)

        entry = _switched(migration, set_bounds)
    _tell(entry, f"throttled: {entry.new}", json=json)


def _name(migration: Migration, config: Path, table: str, *, every: bool) -> str:
    """Return the name of the switch that is meant. Raises ConfigurationError."""
    if bool(table) == every:
        raise ConfigurationError("give either a table as keyspace.table, or --all")
    if every:
        return ALL
    known = [str(one.id) for one in migration.tables]
    if str(table_id(table)) not in known:
        raise ConfigurationError(
            f"{table} is not a table of {config}; it lists {', '.join(known) or 'none'}"
        )
    return table


def _switched(migration: Migration, change: Callable[[Control], Entry]) -> Entry:
    """Return the journal's entry of a change that was made. Raises HintferryError."""
    with wiring.control(migration, caller()) as control:
        try:
            return change(control)
        except HalfDone as error:
            raise Unfinished(str(error)) from error


def _tell(entry: Entry, now: str, *, json: bool) -> None:
    if json:
        tree = asdict(entry) | {"effective_within_seconds": SWITCHES_HOLD_S}
        typer.echo(json_text.dumps(tree))
        return
    named = "all tables" if entry.table == ALL else entry.table
    typer.echo(f"{named}: {now}. The functions go by it within {SWITCHES_HOLD_S:.0f} s.")
