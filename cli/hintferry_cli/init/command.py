"""Run `hintferry init`: its options, and what it writes and prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import boto3
import typer
from botocore.exceptions import UnknownRegionError

from hintferry.adapters.config.source_settings import Auth, SourceSettings, source_settings
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import TableId
from hintferry_cli.exits import Status, statuses
from hintferry_cli.failures import GlobalOptions, told_plainly
from hintferry_cli.init.files import (
    chosen_tables,
    masks_text,
    migration_text,
    refuse_misread,
    schema_text,
    write,
)
from hintferry_cli.next_steps import conclude, next_steps
from hintferry_cli.options import CONFIG, Config, Json
from hintferry_ops import wiring
from hintferry_ops.fit.schema_file import schema_of
from hintferry_ops.fit.source_facts import SourceFacts

_LOGIN = "Login to the source"
_SCHEMA = "the source's schema"

HELP = "\n\n".join(
    (
        "Read the live source's schema, and write a commented migration.toml and schema.cql.",
        "Choose tables by keyspace or by name. Without any it takes all but Cassandra's own. It"
        " changes nothing at the source, and overwrites no file without --force.",
        "Examples",
        "  hintferry init --contact-point 10.0.1.11",
        "  hintferry init shop other.readings --contact-point 10.0.1.11 --region eu-west-1",
        "  hintferry init shop --contact-point 10.0.1.11 --datacenter dc1 --force --json",
        "  hintferry init --contact-point 10.0.1.11 --tls --auth password --secret-arn"
        " arn:aws:secretsmanager:eu-west-1:123456789012:secret:cassandra-AbCdEf",
        statuses("both files are written"),
    )
)


def init(
    context: typer.Context,
    contact_point: Annotated[
        list[str], typer.Option(metavar="HOST", help="A node of the source; may be repeated.")
    ],
    tables: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEYSPACE | KEYSPACE.TABLE]...",
            help="Tables or whole keyspaces to migrate. Default: all but Cassandra's own.",
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="CQL port of the source.")] = 9042,
    datacenter: Annotated[
        str, typer.Option(help="The datacenter to read.", show_default="the node's own")
    ] = "",
    tls: Annotated[
        bool, typer.Option("--tls", help="Connect with TLS.", rich_help_panel=_LOGIN)
    ] = False,
    ca_file: Annotated[
        str,
        typer.Option(
            help="PEM file beside migration.toml with the authorities that signed the nodes'"
            " certificates.",
            show_default="public authorities",
            rich_help_panel=_LOGIN,
        ),
    ] = "",
    auth: Annotated[
        Auth, typer.Option(help="Authentication: none, password or mtls.", rich_help_panel=_LOGIN)
    ] = (Auth.NONE),
    secret_arn: Annotated[
        str,
        typer.Option(
            metavar="ARN",
            help="Secret in Secrets Manager that holds the login.",
            rich_help_panel=_LOGIN,
        ),
    ] = "",
    region: Annotated[
        str,
        typer.Option(
            help="AWS Region of the target Keyspaces.", show_default="that of the AWS tools"
        ),
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the files.")] = False,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    with told_plainly(context.find_object(GlobalOptions) or GlobalOptions(debug=False)):
        region = region or boto3.Session().region_name or ""
        if not region:
            raise ConfigurationError("the AWS Region is not set; give --region")
        _check_region(region)
        source: dict[str, Any] = {
            "contact_points": contact_point,
            "port": port,
            "datacenter": datacenter,
        }
        login = {"tls": tls, "ca_file": ca_file, "auth": auth.value, "secret_arn": secret_arn}
        source |= {key: value for key, value in login.items() if value and value != "none"}
        facts, chosen, cql = _seen(source_settings(source, config), tables or [])
        schema_file = config.parent / "schema.cql"
        text = migration_text(source, region, facts, chosen, schema_of(cql, _SCHEMA))
        write({config: text, schema_file: cql}, force)
    if not json:
        _tell(facts, len(chosen), config, schema_file)
    told = {"config": str(config), "schema": str(schema_file), "datacenter": facts.datacenter}
    tree = told | {"tables": [str(table) for table in chosen]}
    conclude(tree if json else None, next_steps("init", Status.DONE, config=config))


def _check_region(region: str) -> None:
    """Raise ConfigurationError for what no Region of AWS is called."""
    try:
        boto3.Session().get_partition_for_region(region)
    except UnknownRegionError as error:
        raise ConfigurationError(
            f"{region} is no Region of AWS; give --region one such as eu-west-1"
        ) from error


def _seen(settings: SourceSettings, names: list[str]) -> tuple[SourceFacts, list[TableId], str]:
    """Return the facts of the source, the chosen tables, and their definitions."""
    inspection = wiring.source_inspection(settings)
    try:
        facts = inspection.facts(with_settings=False)
        chosen = chosen_tables(facts, names)
        live = [inspection.table(table) for table in chosen]
        cql = schema_text(facts, chosen) + masks_text(live)
        known = schema_of(cql, _SCHEMA)
        for table in live:
            refuse_misread(known, table)
    finally:
        inspection.close()
    return facts, chosen, cql


def _tell(facts: SourceFacts, count: int, config: Path, schema_file: Path) -> None:
    others = sorted({node.datacenter for node in facts.nodes} - {facts.datacenter})
    typer.echo(f"{config}: {_counted(count)} of {facts.cluster}, read in {facts.datacenter}")
    typer.echo(f"{schema_file}: their definitions")
    if others:
        typer.echo(
            f"other datacenters: {', '.join(others)}; choose one with --datacenter", err=True
        )


def _counted(tables: int) -> str:
    return "1 table" if tables == 1 else f"{tables} tables"
