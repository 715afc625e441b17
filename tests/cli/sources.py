"""A source cluster for the commands that ask it of itself."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner, Result

from hintferry import wiring
from hintferry.adapters.cqlfile import schema_of
from hintferry.core.source import KeyspaceText, SourceFacts
from hintferry.testing.inspection import ScriptedInspection, facts_of
from hintferry_cli.app import app

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
    [], [], {"markers": "CREATE TABLE hintferry.markers (name text PRIMARY KEY, written uuid);"}
)
TEXT = {"shop": SHOP, "other": OTHER, "hintferry": MARKERS}


def answering(
    monkeypatch: pytest.MonkeyPatch, facts: SourceFacts | Exception | None = None
) -> ScriptedInspection:
    """Let the source answer with these facts; what was asked."""
    tables = schema_of("".join(t for one in TEXT.values() for t in one.tables.values()), "").tables
    inspection = ScriptedInspection(facts or facts_of(TEXT), tables)
    monkeypatch.setattr(wiring, "source_inspection", lambda settings: inspection)
    return inspection


def run(*arguments: str) -> Result:
    """`hintferry` with these arguments."""
    return CliRunner().invoke(app, arguments)
