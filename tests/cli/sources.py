"""A source cluster for the commands that ask it of itself."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest
from typer.testing import CliRunner, Result

from hintferry.core.rows import Row
from hintferry.core.schema import Key, TableId
from hintferry.testing.scan import MemoryScan
from hintferry_cli.app import app
from hintferry_ops import wiring
from hintferry_ops.fit.schema_file import schema_of
from hintferry_ops.fit.source_facts import KeyspaceText, SourceFacts
from hintferry_ops.testing.inspection import ScriptedInspection, facts_of

SHOP = KeyspaceText(
    ["CREATE TYPE shop.address (street text, city text);"],
    ["CREATE FUNCTION shop.twice (x int) RETURNS int LANGUAGE java AS $$ return 2 * x; $$;"],
    {
        "orders": "CREATE TABLE shop.orders (id uuid PRIMARY KEY, to_ frozen<address>, n int)"
        " WITH default_time_to_live = 86400;\nCREATE INDEX by_n ON shop.orders (n);",
        "visits": "CREATE TABLE shop.visits (page text PRIMARY KEY, n counter);",
    },
)
OTHER = KeyspaceText(
    [], [], {"Readings": 'CREATE TABLE other."Readings" (id int PRIMARY KEY, v float);'}
)
MARKERS = KeyspaceText(
    [],
    [],
    {
        "markers": "CREATE TABLE hintferry.markers (name text PRIMARY KEY, written uuid,"
        " number bigint, drawn_at timestamp);",
        "captures": "CREATE TABLE hintferry.captures (host_id uuid PRIMARY KEY, state text);",
        "watermarks": "CREATE TABLE hintferry.watermarks (name text, host_id uuid, number bigint,"
        " since bigint, drawn_at timestamp, settled_at timestamp, waits text,"
        " PRIMARY KEY (name, host_id));",
    },
)
TEXT = {"shop": SHOP, "other": OTHER, "hintferry": MARKERS}


LOOK = "check its address and port, and the network in between"
"""What is to be done where a side does not answer."""

Rows = Mapping[TableId, Mapping[Key, Mapping[Key, Row]]]
"""The rows of a table, by partition and by clustering key."""


def scan_of(rows: Rows) -> MemoryScan:
    """Return what reads these rows, a few at a time."""
    return MemoryScan(
        lambda table: rows.get(table.id, {}),
        lambda table, partition: dict(rows[table.id][partition]),
        lambda table, partition: {},
        lambda: 0,
        Random(1),
    )


def answering(
    monkeypatch: pytest.MonkeyPatch,
    facts: SourceFacts | Exception | None = None,
    rows: Rows | None = None,
) -> ScriptedInspection:
    """Let the source answer with these facts, and hold these rows; what was asked."""
    held = facts if isinstance(facts, SourceFacts) else facts_of(TEXT)
    tables = schema_of(held.cql(held.own_tables), "the test's").tables
    inspection = ScriptedInspection(facts or held, tables, scan_of(rows or {}))
    monkeypatch.setattr(wiring, "source_inspection", lambda settings: inspection)
    return inspection


def run(*arguments: str) -> Result:
    """`hintferry` with these arguments."""
    return CliRunner().invoke(app, arguments)
