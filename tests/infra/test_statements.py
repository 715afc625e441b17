"""The function that runs statements for a stack: in order, again without harm, and it answers."""

from __future__ import annotations

import importlib
import json
import time
from typing import Any

import pytest
from cassandra import InvalidRequest

from hintferry.adapters.driver.cql import CONTROL_TABLES

handler = importlib.import_module("infra.stacks.statements.handler")

Rows = list[tuple[Any, ...]]


class Keyspaces:
    """Tables that are CREATING for two looks, and know their switches."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.looks = 0
        self.on: set[str] = set()
        self.refuse = 0

    def execute(self, statement: str, timeout: float = 0.0) -> Rows:
        if statement.startswith("SELECT keyspace_name, table_name, status"):
            self.looks += 1
            return [("shop", "orders", "ACTIVE" if self.looks % 3 == 0 else "CREATING")]
        if statement.startswith("SELECT"):
            switch = {name: {"ttl": {"status": "enabled"}} for name in self.on}
            return [("shop", name, switch.get(name)) for name in ("orders", "visits")]
        if self.refuse:
            self.refuse -= 1
            raise InvalidRequest("keyspace hintferry does not exist")
        self.ran.append(statement)
        return []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda s: now.__setitem__(0, now[0] + s))
    return now


def test_each_table_is_there_before_the_next_and_ttl_comes_last(clock: list[float]) -> None:
    there = Keyspaces()
    handler.run(there, CONTROL_TABLES, ["shop.orders", "shop.visits"], until=100.0)
    assert there.ran[: len(CONTROL_TABLES)] == list(CONTROL_TABLES)
    on = " WITH CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}}"
    assert there.ran[len(CONTROL_TABLES) :] == [
        f'ALTER TABLE "shop"."{name}"{on}' for name in ("orders", "visits")
    ]
    assert there.looks == 3 * (len(CONTROL_TABLES) + 1)


def test_run_again_it_changes_only_what_is_not_so_yet(clock: list[float]) -> None:
    there = Keyspaces()
    there.on = {"orders"}
    handler.run(there, [], ["shop.orders", "shop.visits"], until=100.0)
    (statement,) = there.ran
    assert '"visits"' in statement


def test_a_keyspace_that_is_not_known_everywhere_yet_is_waited_for(clock: list[float]) -> None:
    there = Keyspaces()
    there.refuse = 5
    handler.run(there, CONTROL_TABLES[:1], [], until=100.0)
    assert there.ran == [CONTROL_TABLES[0]]
    there.refuse = 1000
    with pytest.raises(InvalidRequest):
        handler.run(there, CONTROL_TABLES[:1], [], until=1000.0)
    assert clock[0] < 100.0


def test_what_never_becomes_active_ends_in_time(clock: list[float]) -> None:
    class Never(Keyspaces):
        def execute(self, statement: str, timeout: float = 0.0) -> Rows:
            rows = super().execute(statement, timeout)
            return [(*row[:2], "CREATING") for row in rows]

    with pytest.raises(TimeoutError, match=r"shop\.orders is CREATING"):
        handler.run(Never(), CONTROL_TABLES[:1], [], until=100.0)
    assert clock[0] < 110.0


EVENT = {
    "RequestType": "Create",
    "ResponseURL": "https://example.invalid/answer",
    "StackId": "s",
    "RequestId": "r",
    "LogicalResourceId": "l",
    "ResourceProperties": {"Create": [], "TtlOn": []},
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
