"""The application's writes on the target, by their write times."""

from __future__ import annotations

from dataclasses import replace
from struct import pack
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hintferry.adapters.driver.session import CqlSession
from hintferry.core.schema import Column, ColumnKind, Table, TableId
from hintferry_ops.cutover import late_writes
from hintferry_ops.cutover.late_writes import CqlLateWrites

TABLE = Table(
    TableId("shop", "orders"),
    (Column("id", "int", ColumnKind.PARTITION_KEY),),
    (),
    (),
    (
        Column("n", "int", ColumnKind.REGULAR),
        Column("tags", "set<text>", ColumnKind.REGULAR),
        Column("v", "text", ColumnKind.REGULAR),
    ),
)
AFTER = 1_764_000_000.0


def at(seconds: float) -> bytes:
    return pack(">q", int(seconds * 1e6))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts: list[str] = []

    def pages(session: Any, text: str, values: Any, stamp: Any) -> Any:
        texts.append(text)
        if len(texts) == 2:
            yield 0, [(b"t", at(AFTER), at(AFTER)), (b"t", None, at(AFTER + 0.001))], False
            yield 0, [(b"t", None, None), (b"t", at(AFTER + 9), None)], True

    monkeypatch.setattr(late_writes, "pages", pages)
    return texts


def looking(monkeypatch: pytest.MonkeyPatch, table: Table) -> CqlLateWrites:
    monkeypatch.setattr(
        late_writes, "Catalog", lambda session: SimpleNamespace(table=lambda name: table)
    )
    return CqlLateWrites(cast(CqlSession, None))


def test_rows_with_a_later_write_are_counted(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = looking(monkeypatch, TABLE)
    steps = list(writes.rows(TABLE.id, AFTER))
    assert steps[-1] == (1.0, 2)
    assert [share for share, _ in steps] == sorted(share for share, _ in steps)
    assert len(asked) == late_writes.RANGES
    assert 'WRITETIME("n"), WRITETIME("v") FROM "shop"."orders" WHERE token' in asked[0]
    assert "tags" not in asked[0]
    assert writes.unseen(TABLE.id) == ["tags"]


def test_where_no_write_time_can_be_read_nothing_is_scanned(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = replace(TABLE, regulars=TABLE.regulars[1:2])
    assert list(looking(monkeypatch, table).rows(TABLE.id, AFTER)) == []
    assert asked == []
