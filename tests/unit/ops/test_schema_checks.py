"""Each fault of the source's schema is named with its fix, and a good schema has none."""

from __future__ import annotations

from typing import Any

import pytest

from hintferry.core.schema import TableId
from hintferry_ops.fit.node_checks import Fault
from hintferry_ops.fit.schema_checks import schema_faults, vector_faults


def table(name: str, **options: Any) -> dict[str, Any]:
    keyspace, _, plain = name.partition(".")
    return {
        "keyspace_name": keyspace, "table_name": plain, "cdc": True, "read_repair": "BLOCKING",
        "memtable": None, **options,
    }  # fmt: skip


def faults(*tables: dict[str, Any], durable: bool = True) -> list[Fault]:
    keyspaces = [{"keyspace_name": "shop", "durable_writes": durable}]
    return list(schema_faults(keyspaces, tables, [TableId("shop", "orders")]))


def vectors(kind: str) -> list[Fault]:
    columns = [{"keyspace_name": "other", "table_name": "v", "type": kind}]
    return list(vector_faults(columns))


def test_a_good_schema_has_no_fault() -> None:
    assert faults(table("shop.orders"), table("shop.rest", cdc=None)) == []


@pytest.mark.parametrize(
    ("found", "fix"),
    [
        (faults(table("shop.orders", cdc=None)), "ALTER TABLE shop.orders WITH cdc = true"),
        (faults(table("shop.orders", read_repair="NONE")), "WITH read_repair = 'BLOCKING'"),
        (faults(table("shop.orders", memtable="skiplist")), "check that"),
        (faults(table("shop.orders", extensions={"DSE_RLACA"})), "UNRESTRICT ROWS ON shop.orders"),
        (faults(), "Correct its name"),
        (faults(table("shop.orders"), table("shop.rest")), "shop.rest WITH cdc = false"),
        (faults(table("shop.orders"), durable=False), "ALTER KEYSPACE shop WITH durable_writes"),
        (vectors("frozen<list<vector<float, 3>>>"), "drop it"),
    ],
)  # fmt: skip
def test_a_fault_of_the_schema_is_named(found: list[Fault], fix: str) -> None:
    (fault,) = found
    assert fix in fault.fix
    assert str(fault).startswith("FAULT" if fault.fatal else "advice")


def test_a_statement_quotes_the_names_that_need_it() -> None:
    row = table("Shop.order", cdc=None)
    (fault,) = schema_faults([], [row], [TableId("Shop", "order")])
    assert 'ALTER TABLE "Shop"."order" WITH cdc = true' in fault.fix


@pytest.mark.parametrize("kind", ["frozen<vector>", '"vector<float, 3>"', "'vector<'"])
def test_only_a_vector_is_one(kind: str) -> None:
    assert vectors(kind) == []


def test_a_table_of_3_11_has_no_read_repair_to_set() -> None:
    old = table("shop.orders")
    del old["read_repair"], old["memtable"]
    assert faults(old) == []
