"""Run `hintferry schema`: its options, and what it prints."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from hintferry.adapters.config.settings import Migration, migration_from
from hintferry_cli.exits import Status, statuses
from hintferry_cli.failures import GlobalOptions, told_plainly
from hintferry_cli.next_steps import conclude, next_steps
from hintferry_cli.options import CONFIG, Config, Json
from hintferry_cli.schema.mirror import mirror_of
from hintferry_cli.tables import All, Tables, chosen_or_all
from hintferry_ops import wiring
from hintferry_ops.fit.misfits import Schema
from hintferry_ops.fit.schema_file import schema_from, schema_of

HELP = "\n\n".join(
    (
        "Print the statements that create the tables of migration.toml on Keyspaces.",
        "It adds the custom properties that Hintferry needs (client-side timestamps, TTL), its"
        " control tables, and what to set after the cutover. The stacks of `make synth` create the"
        " same tables. It prints on stderr what Keyspaces cannot hold, with the choices.",
        "Examples",
        "  hintferry schema > keyspaces.cql",
        "  hintferry schema shop --from-source --json",
        "  hintferry schema --kms-key arn:aws:kms:eu-west-1:123456789012:key/my-key",
        statuses("every table can be migrated", negative="one of them cannot be as it is"),
    )
)


def schema(
    context: typer.Context,
    tables: Tables = None,
    every: All = False,
    from_source: Annotated[
        bool, typer.Option("--from-source", help="Read the live source instead of the schema file.")
    ] = False,
    kms_key: Annotated[
        str,
        typer.Option(metavar="ARN", help="Encrypt the tables with this key.", show_default="AWS's"),
    ] = "",
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    with told_plainly(context.find_object(GlobalOptions) or GlobalOptions(debug=False)):
        migration = migration_from(config)
        meant = chosen_or_all(migration, config, tables, every=every)
        migration = replace(
            migration, tables=tuple(one for one in migration.tables if one.id in meant)
        )
        known = _live(migration) if from_source else schema_from(migration.target.schema)
        mirror = mirror_of(migration, known, kms_key)
    if not json:
        typer.echo(mirror.as_cql(), nl=False)
        for misfit in mirror.misfits:
            typer.echo(f"{'FAULT' if misfit.fatal else 'choose'}: {misfit}", err=True)
    status = Status.DONE if mirror.is_complete else Status.NEGATIVE
    steps = next_steps("schema", status, tables or (), config)
    conclude(mirror.as_tree() if json else None, steps)
    if status is not Status.DONE:
        raise typer.Exit(status)


def _live(migration: Migration) -> Schema:
    inspection = wiring.source_inspection(migration.source)
    try:
        facts = inspection.facts(with_settings=False)
    finally:
        inspection.close()
    return schema_of(facts.cql(table.id for table in migration.tables), "the source's schema")
