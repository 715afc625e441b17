"""The function that defines things on Keyspaces: again without harm, and it always answers."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from cassandra import InvalidRequest

from hintferry.adapters.config.settings import migration_from
from hintferry.adapters.driver.cql import CONTROL_TABLES
from hintferry.adapters.target import definer
from hintferry.adapters.target.ddl import create_table, create_type
from hintferry.adapters.target.definer import Definer, TableRequest
from hintferry.core.capacity import Capacity, Mode
from hintferry.core.errors import SchemaMismatch
from hintferry.core.schema import TableId, UserType
from hintferry_ops.fit.schema_file import schema_of
from infra.iam.roles import control
from tests.rehearsal.emulator.keyspaces import Keyspaces
from tools.places import ROOT

CONTROL = control(migration_from(ROOT / "migration.toml"))
handler = importlib.import_module("functions.statements.handler")

ORDERS = TableId("shop", "orders")
BASE = "CREATE TABLE shop.orders (id int, line int, name text, PRIMARY KEY (id, line))"
ON = " WITH CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}}"


class Slow(Keyspaces):
    """Tables are CREATING for two looks; the first statements may be refused."""

    def __init__(self) -> None:
        super().__init__()
        self.refuse = 0
        self.looks: dict[TableId, int] = {}

    def run(self, statement: str) -> None:
        if self.refuse:
            self.refuse -= 1
            raise InvalidRequest("keyspace hintferry does not exist")
        super().run(statement)

    def status(self, table: TableId) -> tuple[str, Mapping[str, Any]]:
        self.looks[table] = self.looks.get(table, 0) + 1
        status, properties = super().status(table)
        return (status if self.looks[table] % 3 == 0 else "CREATING"), properties


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda s: now.__setitem__(0, now[0] + s))
    return now


def asked(
    cql: str = BASE, ttl: bool = True, capacity: Capacity | None = None, **tags: str
) -> TableRequest:
    (table,) = schema_of(cql, "test").tables.values()
    units = capacity or Capacity()
    return TableRequest(table, create_table(table, "", units, tags), ttl, units, tags)


def test_each_table_is_there_at_the_end_and_ttl_comes_last(clock: list[float]) -> None:
    there = Slow()
    work = Definer(there, until=100.0)
    work.make(CONTROL_TABLES, CONTROL)
    assert there.ran == list(CONTROL_TABLES)[1:]
    assert there.keyspaces == {"hintferry"}
    assert set(there.looks) == set(CONTROL), "it waits for its own tables, and for no other"
    work.make_table(asked())
    assert there.ran[len(CONTROL) :] == [asked().create, f'ALTER TABLE "shop"."orders"{ON}']


def test_run_again_it_changes_only_what_is_not_so_yet(clock: list[float]) -> None:
    there = Keyspaces()
    work = Definer(there, until=100.0)
    work.make_table(asked(ttl=False))
    assert len(there.ran) == 1
    work.make_table(asked(), asked(ttl=False))
    work.make_table(asked(), asked())
    assert there.ran[1:] == [f'ALTER TABLE "shop"."orders"{ON}']


def test_a_table_that_was_there_before_us_is_taken_over(clock: list[float]) -> None:
    """It gets what Hintferry needs, and keeps the capacity that it has."""
    there = Keyspaces()
    there.run("CREATE TABLE shop.orders (id int, line int, more blob, PRIMARY KEY (id, line))")
    Definer(there, until=100.0).make_table(asked())
    assert [text.split('orders" ')[1] for text in there.ran[1:]] == [
        'ADD "name" text',
        "WITH CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}",
        "WITH CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}}",
    ]


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ("id int, line int, PRIMARY KEY ((id, line))", "the primary key of shop.orders"),
        ("id int, line bigint, PRIMARY KEY (id, line)", "the primary key of shop.orders"),
        ("id int, line int, name blob, PRIMARY KEY (id, line)", "column name of shop.orders"),
    ],
)
def test_a_table_that_does_not_fit_is_left_as_it_is(
    theirs: str, said: str, clock: list[float]
) -> None:
    there = Keyspaces()
    there.run(f"CREATE TABLE shop.orders ({theirs})")
    with pytest.raises(SchemaMismatch, match=said):
        Definer(there, until=100.0).make_table(asked())
    assert len(there.ran) == 1


def test_a_capacity_is_changed_where_the_file_says_another(clock: list[float]) -> None:
    there = Keyspaces()
    work = Definer(there, until=100.0)
    work.make_table(asked())
    more = Capacity(Mode.PROVISIONED, 50, 60, 70, 0)
    before = len(there.ran)
    work.make_table(asked(capacity=more), asked())
    work.make_table(asked(), asked(capacity=more))
    assert [text.partition("PROPERTIES = ")[2] for text in there.ran[before:]] == [
        "{'capacity_mode': {'throughput_mode': 'PROVISIONED', 'read_capacity_units': 50,"
        " 'write_capacity_units': 60}}",
        "{'warm_throughput': {'read_units_per_second': 70, 'write_units_per_second': 4000}}",
        "{'capacity_mode': {'throughput_mode': 'PAY_PER_REQUEST'}}",
    ]


def test_tags_follow_the_file_and_a_table_taken_over_keeps_its_own(clock: list[float]) -> None:
    there = Keyspaces()
    work = Definer(there, until=100.0)
    work.make_table(asked(team="a", cost="1"))
    assert there.tags[ORDERS] == {"team": "a", "cost": "1"}
    work.make_table(asked(team="b", stage="test"), asked(team="a", cost="1"))
    assert there.tags[ORDERS] == {"team": "b", "stage": "test"}
    before = there.ran[:]
    work.make_table(asked(team="c"))
    work.make_table(asked(team="b"), asked(team="b"))
    assert there.tags[ORDERS] == {"team": "b", "stage": "test"}
    assert there.ran == before


def test_a_type_with_other_fields_is_refused(clock: list[float]) -> None:
    there = Keyspaces()
    work = Definer(there, until=100.0)
    place = UserType("place", (("street", "text"),))
    work.make_types([create_type("shop", place)], "shop", [place])
    work.make_types([create_type("shop", place)], "shop", [place])
    longer = UserType("place", (("street", "text"), ("town", "text")))
    with pytest.raises(SchemaMismatch, match=r"the type shop\.place has other fields"):
        work.make_types([create_type("shop", longer)], "shop", [longer])


def test_a_keyspace_that_is_not_known_everywhere_yet_is_waited_for(clock: list[float]) -> None:
    there = Slow()
    there.refuse = 5
    Definer(there, until=100.0).make(CONTROL_TABLES[:1], [])
    assert there.keyspaces == {"hintferry"}
    there.refuse = 1000
    with pytest.raises(InvalidRequest):
        Definer(there, until=1000.0).make(CONTROL_TABLES[:1], [])
    assert clock[0] < 100.0


def test_what_never_becomes_active_ends_in_time(clock: list[float]) -> None:
    class Never(Slow):
        def status(self, table: TableId) -> tuple[str, Mapping[str, Any]]:
            return "CREATING", {}

    with pytest.raises(TimeoutError, match=r"shop\.orders is CREATING"):
        Definer(Never(), until=100.0).make_table(asked())
    assert clock[0] < 110.0
    assert definer.POLL_S < 10


def test_what_a_stack_asks_for_is_understood() -> None:
    """CloudFormation makes a text of each number."""
    properties = {
        "Keyspace": "shop",
        "Table": "orders",
        "Columns": [
            {"Name": "id", "Type": "int", "Kind": "partition_key", "Order": "ASC"},
            {"Name": "line", "Type": "int", "Kind": "clustering", "Order": "DESC"},
            {"Name": "note", "Type": "text", "Kind": "static", "Order": "ASC"},
            {"Name": "name", "Type": "text", "Kind": "regular", "Order": "ASC"},
        ],
        "Create": "CREATE",
        "Ttl": "on",
        "Capacity": {
            "Mode": "provisioned",
            "Read": "5",
            "Write": "6",
            "WarmRead": "0",
            "WarmWrite": "0",
        },
        "Tags": [{"Key": "team", "Value": "ferries"}],
    }
    found = TableRequest.of(properties)
    assert [column.name for column in found.table.columns] == ["id", "line", "note", "name"]
    assert found.table.clustering[0].descending
    assert found.capacity == Capacity(Mode.PROVISIONED, 5, 6)
    assert found.tags == {"team": "ferries"}


EVENT = {
    "RequestType": "Create",
    "ResponseURL": "https://example.invalid/answer",
    "StackId": "s",
    "RequestId": "r",
    "LogicalResourceId": "l",
    "ResourceType": "Custom::KeyspacesStatements",
    "ResourceProperties": {"Create": [], "Tables": []},
}


@pytest.mark.parametrize(("kind", "status"), [("Create", "FAILED"), ("Delete", "SUCCESS")])
def test_cloudformation_always_gets_an_answer(
    kind: str, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here nothing is configured, so making fails; and deleting does nothing at all."""
    answers: list[dict[str, Any]] = []

    class Answered:
        def __enter__(self) -> None: ...
        def __exit__(self, *_: object) -> None: ...

    def urlopen(request: Any, timeout: float) -> Answered:
        answers.append(json.loads(request.data))
        return Answered()

    monkeypatch.delenv("HINTFERRY_CONFIG", raising=False)
    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    handler.lambda_handler({**EVENT, "RequestType": kind}, None)
    (answer,) = answers
    assert answer["Status"] == status
    assert ("HINTFERRY_CONFIG" in answer["Reason"]) is (status == "FAILED")
