"""Write the two files of `init` from what the source says of itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from hintferry.core.cql_text import identifier
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import Table, TableId
from hintferry_ops.fit.misfits import Schema, differences
from hintferry_ops.fit.source_facts import SourceFacts

MOST_CONTACT_POINTS = 3
LOGIN = ("tls", "ca_file", "auth", "secret_arn")
"""Keys of the source that are written where they were given."""


def chosen_tables(facts: SourceFacts, names: Sequence[str]) -> list[TableId]:
    """Return the tables that `names` (keyspaces, or keyspace.table) choose; all without any.

    Raises ConfigurationError.
    """
    known = facts.own_tables
    if not names and known:
        return known
    chosen: set[TableId] = set()
    for name in names:
        found = {table for table in known if name in (table.keyspace, str(table))}
        if not found:
            there = ", ".join(map(str, known)) or "no table of an application"
            raise ConfigurationError(f"the source has no keyspace or table {name}; it has {there}")
        chosen |= found
    if not chosen:
        raise ConfigurationError("the source has no application table; check --contact-point")
    return sorted(chosen)


def migration_text(
    source: Mapping[str, Any],
    region: str,
    facts: SourceFacts,
    tables: Iterable[TableId],
    schema: Schema,
) -> str:
    """Return a commented `migration.toml`; `source` has the keys of its section `[source]`."""
    here = [node.address for node in facts.nodes if node.datacenter == facts.datacenter]
    points = list(source["contact_points"])
    points += [address for address in here if address not in points]
    parts = [
        _HEAD.format(
            contact_points=json.dumps(points[:MOST_CONTACT_POINTS]),
            port=source["port"],
            login="".join(f"{key} = {json.dumps(source[key])}\n" for key in LOGIN if key in source),
            datacenter=json.dumps(facts.datacenter),
            nodes=len(here),
            region=region,
            cidrs=json.dumps(_networks(here)),
        ),
        *(_table_text(table, schema) for table in tables),
    ]
    return "\n".join(parts)


def schema_text(facts: SourceFacts, tables: Iterable[TableId]) -> str:
    """Return the text of `schema.cql`."""
    head = "-- Of the source, written by `hintferry init`. Options of storage are not read.\n\n"
    return head + facts.cql(tables)


def masks_text(live: Iterable[Table]) -> str:
    """Return the text for `schema.cql` about masked columns, which the driver does not print."""
    lines = [
        f"ALTER TABLE {'.'.join(map(identifier, table.id))} ALTER {identifier(name)}"
        " MASKED WITH DEFAULT;\n"
        for table in live
        for name in table.masked
    ]
    head = "-- Masked on the source, by whatever function; Keyspaces masks nothing.\n"
    return "".join([head, *lines]) if lines else ""


def refuse_misread(known: Schema, live: Table) -> None:
    """Raise ConfigurationError where `schema.cql` would say other than the live schema tables."""
    if wrong := differences(known, live):
        raise ConfigurationError(
            f"the definition of {live.id} cannot be printed as the source has it: {wrong}; name the"
            " other tables as arguments, and report this with what DESCRIBE prints of the table"
        )


def write(files: dict[Path, str], force: bool) -> None:
    """Write all files, or none where one exists already. Raises ConfigurationError."""
    there = [str(path) for path in files if path.exists()]
    if there and not force:
        raise ConfigurationError(
            f"{' and '.join(there)} exist already; move them away, or overwrite them with --force"
        )
    for path, text in files.items():
        try:
            path.write_text(text)
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error


def _networks(addresses: Iterable[str]) -> list[str]:
    """Return the networks of the nodes: /24, or /64 for IPv6."""
    networks = (
        ip_network(f"{address}/{64 if ':' in address else 24}", strict=False)
        for address in addresses
    )
    return sorted({str(network) for network in networks})


def _table_text(table: TableId, schema: Schema) -> str:
    lines = [f"[tables.{json.dumps(str(table))}]"]
    if schema.tables[table].is_counter:
        lines += ["# Counters never expire.", "ttl = false"]
    elif table in schema.default_ttls:
        seconds = schema.default_ttls[table]
        lines.append(f"# Its default_time_to_live of {seconds} s is set after the cutover.")
    else:
        lines += ["# Set this if no value of the table was ever written with a TTL:"]
        lines += ["# ttl = false"]
    return "\n".join(lines) + "\n"


_HEAD = """\
# The one file that you edit: the functions, the stacks and the command line all read it.
# Written by `hintferry init`; docs/reference/migration-toml.md lists all keys.

[source]
# A few nodes of the datacenter that is read; the rest are found through them.
contact_points = {contact_points}
port = {port}
datacenter = {datacenter}
{login}# How many nodes that datacenter has. An alarm fires when fewer report.
nodes = {nodes}

[target]
endpoint = "cassandra.{region}.amazonaws.com"
port = 9142
region = "{region}"
# The tables as the stacks make them. Write it again after a change at the source.
schema = "schema.cql"

[capture]
# Topics are named <topic_prefix>.<keyspace>.<table>; where the keyspace has a `_`,
# <topic_prefix>.<keyspace>-<table>.
topic_prefix = "hintferry"

# From here to the tables: read only by the stacks (`make synth`).

[network]
# Where the Cassandra nodes live: check it. Without vpc_id a VPC is made; connect it to theirs.
source_cidrs = {cidrs}

[kafka]
# Without cluster_arn an MSK cluster is made.
brokers = 3

[pipeline]
# Invocations at once: this bounds the load on Cassandra and Keyspaces.
concurrency = 50
# One settled row in so many is compared again on both sides: under 0.01 USD a million changes.
validate_one_in = 1000

# The tables to migrate. Remove those that you do not want; schema.cql may keep them.
"""
