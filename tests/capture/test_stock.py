"""The stock connector stays usable on the same stack."""

from pathlib import Path

import pytest

from sandbox import tables
from sandbox.parts.endpoints import Capture
from sandbox.stack import Stack
from tests.capture.hints import read, topic
from tools.releases import Release

pytestmark = pytest.mark.stack


def test_the_stock_connector_writes_its_own_envelope(tmp_path: Path, release: Release) -> None:
    with Stack(capture=Capture.STOCK, release=release, root=tmp_path) as stack:
        stack.create_tables(
            "CREATE KEYSPACE stock WITH replication = " + stack.replication,
            "CREATE TABLE stock.t (id int PRIMARY KEY, v text) WITH cdc = true",
        )
        with topic(stack, "stock", "t") as records, tables.session(stack.source) as cql:
            cql.execute("INSERT INTO stock.t (id, v) VALUES (1, 'x')")
            [record] = read(records, 1)
    assert record.key == {"id": 1}
    assert record.value["op"] == "i"
    assert record.value["after"]["v"]["value"] == "x"
