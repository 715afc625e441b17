"""A log that is written by direct I/O: what is not yet whole is read a moment later, in silence."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cassandra.concurrent import execute_concurrent_with_args

from sandbox import tables
from sandbox.stack import Stack
from tests.capture.hints import b64, read, topic
from tools.releases import CASSANDRA_4, Release

pytestmark = [pytest.mark.stack, pytest.mark.slow]

KEYSPACE = "direct"
ROWS = 3_000


@pytest.fixture
def direct(release: Release, tmp_path: Path) -> Iterator[Stack]:
    if release is CASSANDRA_4:
        pytest.skip("it has no such setting")
    yaml = f"{release.yaml}\ncommitlog_disk_access_mode: auto"
    with Stack(release=replace(release, yaml=yaml), root=tmp_path) as stack:
        yield stack


def test_every_row_is_hinted_and_nothing_is_said_of_what_is_not_whole_yet(direct: Stack) -> None:
    direct.create_tables(
        f"CREATE KEYSPACE {KEYSPACE} WITH replication = {direct.replication}",
        f"CREATE TABLE {KEYSPACE}.t (id int PRIMARY KEY, v blob) WITH cdc = true",
    )
    with tables.session(direct.source) as cql, topic(direct, KEYSPACE, "t") as hints:
        insert: Any = cql.prepare(f"INSERT INTO {KEYSPACE}.t (id, v) VALUES (?, ?)")
        rows = [(number, b"x" * 2_000) for number in range(ROWS)]
        execute_concurrent_with_args(cql, insert, rows, concurrency=50)
        seen = {tuple(hint.value["pk"]) for hint in read(hints, ROWS)}
    assert seen == {tuple(b64(number.to_bytes(4, "big"))) for number in range(ROWS)}
    said = direct.captures[0].output()
    assert "bad header" not in said
    assert "LOST" not in said
