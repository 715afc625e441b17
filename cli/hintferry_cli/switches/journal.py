"""The verb `journal`: what operators did, the latest first."""

from __future__ import annotations

import json as json_text
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from hintferry.adapters.config.settings import Migration, migration_from
from hintferry.core.journal import Entry
from hintferry.core.switches import ALL
from hintferry.ports import Journal
from hintferry_cli.exits import statuses
from hintferry_cli.failures import GlobalOptions, told_plainly
from hintferry_cli.gate.options import moment
from hintferry_cli.options import CONFIG, Config, Json
from hintferry_cli.tables import table_id
from hintferry_ops import wiring
from hintferry_ops.cutover.gate.condition import clock

HELP = "\n\n".join(
    (
        "Print what operators did: who, when, to which table, and why.",
        "The journal has pauses, bounds, cutovers, replays, backfills and repairs, the latest"
        " first. It lies on the target in hintferry.journal; nothing is ever taken out of it.",
        "Examples",
        "  hintferry journal",
        "  hintferry journal --table shop.orders --since 2026-11-26T14:03:20Z",
        "  hintferry journal --json",
        statuses("the journal was printed"),
    )
)


def journal(
    context: typer.Context,
    table: Annotated[
        str | None, typer.Option(metavar="KEYSPACE.TABLE", help="Only entries of this table.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only later entries; a time in UTC.")
    ] = None,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    with told_plainly(context.find_object(GlobalOptions) or GlobalOptions(debug=False)):
        first = moment("--since", since) or 0.0
        migration = migration_from(config)
        names = _names(migration, table)
        with wiring.journal(migration) as kept:
            found = _found(kept, names, first)
    if json:
        typer.echo(json_text.dumps([asdict(one) for one in found]))
        return
    for line in _lines(found):
        typer.echo(line)


def _names(migration: Migration, table: str | None) -> list[str]:
    """Return the names to look for: what happened to all tables happened to each."""
    tables = [str(one.id) for one in migration.tables]
    return [ALL, *(tables if table is None else [str(table_id(table))])]


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
