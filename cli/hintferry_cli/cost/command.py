"""Run `hintferry cost`: its options, and the way to the costs."""

from __future__ import annotations

from typing import Annotated

import typer

from hintferry.adapters.config.settings import Migration, migration_from
from hintferry.core.errors import ConfigurationError
from hintferry_cli.console import console
from hintferry_cli.cost import view
from hintferry_cli.cost.table_cost import TableCost, table_cost
from hintferry_cli.exits import statuses
from hintferry_cli.failures import GlobalOptions, told_plainly
from hintferry_cli.options import CONFIG, Config, Json
from hintferry_cli.tables import table_id
from hintferry_ops import wiring
from hintferry_ops.cost.prices import PriceBook, price_book
from hintferry_ops.cost.sample import sample

HELP = "\n\n".join(
    (
        "Estimate what the migration will cost, in USD, with dated prices.",
        "From a sample of a table's rows it prints the costs of its backfill, one verify pass, a"
        " million changes and a month of storage. A million changes are with their part of client-"
        " side timestamps; storage is with recovery. Then it prints the fixed monthly cost with no"
        " traffic: brokers, pollers, endpoints, alarms, metrics, logs and keys. It reads a few"
        " pages of the source, and changes nothing.",
        "Examples",
        "  hintferry cost",
        "  hintferry cost shop.orders --json",
        statuses("the costs are printed"),
    )
)


def cost(
    context: typer.Context,
    tables: Annotated[
        list[str] | None, typer.Argument(metavar="[KEYSPACE.TABLE]...", help="Only these tables.")
    ] = None,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    with told_plainly(context.find_object(GlobalOptions) or GlobalOptions(debug=False)):
        migration = migration_from(config)
        book = price_book(config.parent)
        costs = _costs(migration, tables or [], book)
        bill = view.CostOverview(migration, costs, book)
    if json:
        typer.echo(view.as_json(bill))
    else:
        view.show(bill, console())


def _costs(migration: Migration, names: list[str], book: PriceBook) -> list[TableCost]:
    known = {settings.id: settings for settings in migration.tables}
    chosen = [table_id(name) for name in names] or list(known)
    strangers = [str(table) for table in chosen if table not in known]
    if strangers or not chosen:
        raise ConfigurationError(
            f"migration.toml does not list {', '.join(strangers) or 'any table'}; add it as"
            ' [tables."keyspace.table"]'
        )
    prices = book.keyspaces(migration.target.region)
    source = wiring.source_inspection(migration.source)
    costs = []
    try:
        for table in chosen:
            settings, described = known[table], source.table(table)
            ttl = settings.ttl and not described.is_counter
            costs.append(table_cost(settings, sample(described, source.scan(), ttl), prices))
    finally:
        source.close()
    return costs
