"""Refusals that need more than the text of a statement: DDL, and rows that must be looked at."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from keyspaces_local import rules
from keyspaces_local.protocol import ErrorCode, Opcode
from keyspaces_local.reader import Reader
from keyspaces_local.rules import Rule
from keyspaces_local.schema import Column, ColumnKind, TableSchema
from tests.keyspaces_local.wire import VOID, Running, running, text_rows


def play(case: Callable[[Running], Awaitable[None]], state: Path) -> None:
    async def run() -> None:
        async with asyncio.timeout(20), running(state) as proxy:
            kinds = {"p": ColumnKind.PARTITION, "c": ColumnKind.CLUSTERING, "v": ColumnKind.REGULAR}
            columns = {name: Column(name, kind, "int") for name, kind in kinds.items()}
            proxy.add_table("t").schema = TableSchema(columns, ("p",), ("c",))
            await case(proxy)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("ALTER TABLE ks.t DROP v", rules.ALTER_ACTION),
        ("ALTER TABLE ks.t RENAME p TO q", rules.ALTER_ACTION),
        ("ALTER TABLE ks.t ALTER v TYPE text", rules.ALTER_ACTION),
        ("CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy',"
         " 'replication_factor': 1}", rules.REPLICATION),
        ("CREATE KEYSPACE k WITH replication = {'class': 'NetworkTopologyStrategy',"
         " 'us-east-1': '3', 'eu-west-1': '3'}", rules.REPLICATION),
    ],
)  # fmt: skip
def test_ddl_that_the_service_lacks(tmp_path: Path, text: str, rule: Rule) -> None:
    async def case(proxy: Running) -> None:
        client = await proxy.client()
        code, words = (await client.query(text)).error
        assert code == rule.code
        assert words.startswith(rule.text.partition("{")[0])
        assert proxy.stub.sent(Opcode.QUERY) == []

    play(case, tmp_path)


@pytest.mark.parametrize(("rows", "allowed"), [(1000, True), (1001, False)])
def test_a_range_delete_looks_at_its_rows_first(tmp_path: Path, rows: int, allowed: bool) -> None:
    async def case(proxy: Running) -> None:
        proxy.stub.answers["LIMIT 1001"] = text_rows(["p", "c"], [["1", "1"]] * rows)
        client = await proxy.client()
        message = await client.query("DELETE FROM ks.t WHERE p = 1 AND c > 0")
        look, *sent = [Reader(m.body).long_string() for m in proxy.stub.sent(Opcode.QUERY)]
        assert look == 'SELECT "p", "c" FROM "ks"."t" WHERE p = 1 AND c > 0 LIMIT 1001'
        if allowed:
            assert (message.body, len(sent)) == (VOID, 1)
        else:
            assert message.error == (ErrorCode.INVALID, rules.RANGE_DELETE.text)
            assert sent == []

    play(case, tmp_path)
