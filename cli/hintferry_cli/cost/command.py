"""Run `hintferry cost`: its options, and the way to the costs."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from hintferry.adapters.config.settings import Migration, migration_from
from hintferry.core.schema import TableId
from hintferry_cli.console import console
from hintferry_cli.cost import view
from hintferry_cli.cost.table_cost import table_cost
from hintferry_cli.exits import Status, statuses
from hintferry_cli.failures import GlobalOptions, told_plainly
from hintferry_cli.next_steps import conclude, next_steps
from hintferry_cli.options import CONFIG, Config, Json
from hintferry_cli.tables import All, Tables, chosen_or_all
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
        "  hintferry cost shop other.readings --json",
        statuses("the costs are printed"),
    )
)


def cost(
    context: typer.Context,
    tables: Tables = None,
    every: All = False,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    with told_plainly(context.find_object(GlobalOptions) or GlobalOptions(debug=False)):
        migration = migration_from(config)
        book = price_book(config.parent)
        meant = chosen_or_all(migration, config, tables, every=every)
        bill = overview(migration, meant, book)
        tree = view.as_tree(bill) if json else None
    if not json:
        view.show(bill, console())
    conclude(tree, next_steps("cost", Status.DONE, config=config))


def overview(migration: Migration, tables: Sequence[TableId], book: PriceBook) -> view.CostOverview:
    """Return the costs of these tables, from a sample of each. Raises HintferryError."""
    prices = book.keyspaces(migration.target.region)
    source = wiring.source_inspection(migration.source)
    costs = []
    try:
        for table in tables:
            settings, described = migration.settings_of(table), source.table(table)
            ttl = settings.ttl and not described.is_counter
            costs.append(table_cost(settings, sample(described, source.scan(), ttl), prices))
    finally:
        source.close()
    return view.CostOverview(migration, costs, book)
