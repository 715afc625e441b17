"""The verbs `pause`, `resume` and `throttle`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from hintferry.adapters.config.settings import Migration, migration_from
from hintferry.core.errors import ConfigurationError
from hintferry.core.journal import Entry
from hintferry.core.limits import SWITCHES_HOLD_S
from hintferry.core.switches import ALL, Rates
from hintferry_cli.each import as_trees, for_each, of_all
from hintferry_cli.exits import Status, Unfinished, statuses
from hintferry_cli.failures import GlobalOptions, told_plainly
from hintferry_cli.next_steps import conclude, next_steps
from hintferry_cli.options import CONFIG, Config, Json
from hintferry_cli.switches.caller import caller
from hintferry_cli.tables import Tables, chosen, table_id
from hintferry_ops import wiring
from hintferry_ops.switches.control import Control, HalfDone

_UNFINISHED = "the journal has the entry, and the switch may not be set: run it again"

PAUSE_HELP = "\n\n".join(
    (
        "Pause tables, or the whole pipeline: live changes, replays and passes.",
        f"The functions stop within {SWITCHES_HOLD_S:.0f} s, and finish what they have begun. A"
        " change hint of a paused table stays in its topic, and is applied after `hintferry"
        " resume`. A pause lasts until then, also across a deploy. End it within a day: later the"
        " event source gives hints up into the bucket, from where `hintferry replay` brings them"
        " back.",
        "Examples",
        '  hintferry pause shop.orders --reason "repair of node 3"',
        "  hintferry pause shop other.readings",
        "  hintferry pause --all --json",
        statuses("the table is paused", unfinished=_UNFINISHED),
    )
)

RESUME_HELP = "\n\n".join(
    (
        "Let paused tables go on, or all that were paused with --all.",
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

_All = Annotated[
    bool,
    typer.Option("--all", help="All tables of the pipeline by one switch, also of later deploys."),
]
_Reason = Annotated[str, typer.Option(help="Why; the journal keeps it.")]


@dataclass(frozen=True, slots=True)
class _Call:
    """Hold what the verbs that switch are called with."""

    verb: str
    settings: GlobalOptions
    config: Path
    names: list[str] | None
    every: bool
    json: bool


def pause(
    context: typer.Context,
    tables: Tables = None,
    every: _All = False,
    reason: _Reason = "",
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    settings = context.find_object(GlobalOptions) or GlobalOptions(debug=False)
    call = _Call("pause", settings, config, tables, every, json)
    _set_pause(call, Control.pause, reason, "paused")


def resume(
    context: typer.Context,
    tables: Tables = None,
    every: _All = False,
    reason: _Reason = "",
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    settings = context.find_object(GlobalOptions) or GlobalOptions(debug=False)
    call = _Call("resume", settings, config, tables, every, json)
    _set_pause(call, Control.resume, reason, "resumed")


def _set_pause(
    call: _Call, change: Callable[[Control, str, str], Entry], reason: str, now: str
) -> None:
    """Pause the tables or let them go on, and print that they are so now."""
    with told_plainly(call.settings):
        _switch(
            call,
            migration_from(call.config),
            lambda control, name: change(control, name, reason),
            lambda _: now,
        )


def throttle(
    context: typer.Context,
    tables: Tables = None,
    every: _All = False,
    source: Annotated[int | None, typer.Option(help="Requests a second to Cassandra.")] = None,
    target: Annotated[int | None, typer.Option(help="Requests a second to Keyspaces.")] = None,
    repair: Annotated[int | None, typer.Option(help="Hints a second of a repair.")] = None,
    off: Annotated[bool, typer.Option("--off", help="Take all bounds away.")] = False,
    reason: _Reason = "",
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    settings = context.find_object(GlobalOptions) or GlobalOptions(debug=False)
    with told_plainly(settings):
        migration, change = migration_from(config), Rates(source, target, repair)
        if (change == Rates()) != off:
            raise ConfigurationError("give --source, --target or --repair; or --off alone")

        def set_bounds(control: Control, name: str) -> Entry:
            if off:
                return control.unthrottle(name, reason)
            workers = (
                migration.most_workers
                if name == ALL
                else migration.workers(table_id(name)).of_table
            )
            return control.throttle(name, change, workers, reason)

        call = _Call("throttle", settings, config, tables, every, json)
        _switch(call, migration, set_bounds, lambda entry: f"throttled: {entry.new}")


def _switch(
    call: _Call,
    migration: Migration,
    change: Callable[[Control, str], Entry],
    now: Callable[[Entry], str],
) -> None:
    """Set the switch of each table, or the one of all, print it, and exit by it."""
    meant = chosen(migration, call.config, call.names, every=call.every)
    names = [ALL] if call.every else list(map(str, meant))
    with wiring.control(migration, caller()) as control:

        def switched(name: str) -> tuple[Entry, Status]:
            try:
                entry = change(control, name)
            except HalfDone as error:
                raise Unfinished(str(error)) from error
            if not call.json:
                typer.echo(_told(entry, now(entry)))
            return entry, Status.DONE

        ends = for_each(names, switched, call.settings)
    status = of_all(ends)
    done = status is Status.DONE
    arguments = ["--all"] if call.every else names
    # After a failure the sentences say what to do: the bounds have to be given again.
    steps = next_steps(call.verb, status, arguments, call.config) if done else []
    tree = {"tables": as_trees(ends, asdict), "effective_within_seconds": SWITCHES_HOLD_S}
    conclude(tree if call.json else None, steps)
    if not done:
        raise typer.Exit(status)


def _told(entry: Entry, now: str) -> str:
    named = "all tables" if entry.table == ALL else entry.table
    return f"{named}: {now}. The functions go by it within {SWITCHES_HOLD_S:.0f} s."
