"""The verb `journal`: what operators did, the latest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from hintferry.adapters.config.settings import migration_from
from hintferry.core.journal import Entry
from hintferry.core.switches import ALL
from hintferry.ports import Journal
from hintferry_cli.exits import statuses
from hintferry_cli.failures import GlobalOptions, told_plainly
from hintferry_cli.gate.options import moment
from hintferry_cli.next_steps import conclude
from hintferry_cli.options import CONFIG, Config, Json
from hintferry_cli.tables import All, Tables, chosen_or_all
from hintferry_ops import wiring
from hintferry_ops.cutover.gate.condition import clock

HELP = "\n\n".join(
    (
        "Print what operators did: who, when, to which table, and why.",
        "The journal has pauses, bounds, cutovers, replays, backfills and repairs, the latest"
        " first. It lies on the target in hintferry.journal; nothing is ever taken out of it.",
        "Examples",
        "  hintferry journal",
        "  hintferry journal shop.orders --since 2026-11-26T14:03:20Z",
        "  hintferry journal --json",
        statuses("the journal was printed"),
    )
)


def journal(
    context: typer.Context,
    tables: Tables = None,
    every: All = False,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only later entries; a time in UTC.")
    ] = None,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    with told_plainly(context.find_object(GlobalOptions) or GlobalOptions(debug=False)):
        first = moment("--since", since) or 0.0
        migration = migration_from(config)
        meant = chosen_or_all(migration, config, tables, every=every)
        # What happened to all tables happened to each.
        names = [ALL, *map(str, meant)]
        with wiring.journal(migration) as kept:
            found = _found(kept, names, first)
    if not json:
        for line in _lines(found):
            typer.echo(line)
    conclude({"entries": [asdict(one) for one in found]} if json else None, [])


def _found(kept: Journal, names: Sequence[str], since: float) -> list[Entry]:
    found = [entry for name in names for entry in kept.entries(name, since)]
    return sorted(found, key=lambda entry: entry.at, reverse=True)


def _lines(found: Sequence[Entry]) -> Iterator[str]:
    if not found:
        yield "nothing is written down of that"
    for one in found:
        change = f": {one.old} → {one.new}" if one.old else f": {one.new}" if one.new else ""
        why = f" ({one.reason})" if one.reason else ""
        named = "all tables" if one.table == ALL else one.table
        yield f"{clock(one.at)}  {named}  {one.verb}{change}, by {one.who}{why}"
