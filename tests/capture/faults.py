"""Test what a connector loses when it, or the broker, dies at the wrong moment."""

from __future__ import annotations

import json
import time
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer

from sandbox.parts.capture import Connector
from sandbox.parts.endpoints import Capture
from sandbox.parts.waiting import until
from tests.capture.hints import topic
from tests.capture.holes import ARRIVES, KEYSPACE, Scene

_ROWS = 1_000
# How long the broker answers before the connector dies.
_SENT_FOR_S = (0.0, 0.02, 0.06, 0.15)
_SECONDS = 60
# Longer than a producer by default keeps what it cannot send.
_BROKER_AWAY_S = 130
# The stock one writes them behind the acknowledgement, ours each five seconds.
_SETTLED_S = 7
_SOON_S = 8
_BOTH = ("plain", "other")


def killed_in_a_batch(scene: Scene, number: int) -> str:
    """The connector dies when it has sent some of a batch's rows, and is started again."""
    lost = cut = 0
    for partition, sent_for in enumerate(_SENT_FOR_S, number * 10):
        with topic(scene.stack, KEYSPACE, "wide") as own:
            scene.stack.broker.pause()
            scene.cql.execute(f"BEGIN UNLOGGED BATCH {_inserts(partition)}; APPLY BATCH")
            time.sleep(_SETTLED_S)
            scene.stack.broker.resume()
            time.sleep(sent_for)
            scene.stack.captures[0].kill()
            seen = _rows(scene, own, partition, seconds=_SETTLED_S)
            cut += len(seen) < _ROWS
            scene.stack.captures[0].start()
            seen |= _rows(scene, own, partition, seconds=_SECONDS / 2)
        lost += _ROWS - len(seen)
    assert cut, "it never died in the middle"
    return f"**lost**: {lost} of {len(_SENT_FOR_S) * _ROWS} rows" if lost else ARRIVES


def one_table_of_two_was_sent(scene: Scene, number: int) -> str:
    """A batch over two tables, of which one's hint was acknowledged when the connector died."""
    outcomes = {_again(scene, number * 10 + turn, table) for turn, table in enumerate(_BOTH)}
    return ARRIVES if outcomes == {True} else "**lost**"


def broker_away(scene: Scene, number: int) -> str:
    """Stop the broker for minutes, while rows are written."""
    wanted = set(range(number * 10, number * 10 + 20))
    with topic(scene.stack, KEYSPACE, "plain") as own:
        scene.stack.broker.kill()
        for row in wanted:
            scene.cql.execute("INSERT INTO plain (id, v) VALUES (%s, 'v')", [row])
        time.sleep(_BROKER_AWAY_S)
        scene.stack.broker.start()
        seen = scene.seen_ids(own, _SECONDS, wanted)
    return ARRIVES if wanted <= seen else f"**lost**: {len(wanted - seen)} of {len(wanted)} rows"


def _inserts(partition: int) -> str:
    return ";".join(f"INSERT INTO wide (id, a) VALUES ({partition}, {a})" for a in range(_ROWS))


def _again(scene: Scene, number: int, table: str) -> bool:
    """Is the hint of `table` sent again when it was not known to be acknowledged?"""
    capture = scene.stack.captures[0]
    inserts = ";".join(f"INSERT INTO {name} (id, v) VALUES ({number}, 'v')" for name in _BOTH)
    with topic(scene.stack, KEYSPACE, table) as own:
        forget = _forgets(scene, table)
        scene.cql.execute(f"BEGIN BATCH {inserts}; APPLY BATCH")
        assert scene.seen_ids(own, _SECONDS, {number}) == {number}
        forget()
        capture.start()
        return number in scene.seen_ids(own, _SECONDS / 2, {number})


def _forgets(scene: Scene, table: str) -> Callable[[], None]:
    """To be called later: end the connector as if the table's hint were not acknowledged yet.

    The stock one keeps a place a table; ours one for all, which then is before that hint.
    """
    capture = scene.stack.captures[0]
    folder = capture.log.parent / "offsets"
    if scene.kind is Capture.STOCK:
        return _forgets_offset(capture, folder / "commitlog_offset.properties", table)
    before = capture.state()["acknowledged"]

    def forget() -> None:
        time.sleep(_SETTLED_S)
        capture.kill()
        state = capture.state() | {"acknowledged": before}
        (folder / "capture_state.json").write_text(json.dumps(state))

    return forget


def _forgets_offset(capture: Connector, offsets: Path, table: str) -> Callable[[], None]:
    before = _offset(offsets, table)

    def forget() -> None:
        until(lambda: _offset(offsets, table) not in ([], before), _SECONDS, "it is written")
        time.sleep(_SETTLED_S)
        capture.kill()
        lines = offsets.read_text().splitlines(keepends=True)
        offsets.write_text("".join(line for line in lines if line not in _offset(offsets, table)))

    return forget


def undecodable_without_cdc(scene: Scene, number: int) -> str:
    """A backlog with writes of a table without cdc that was dropped since."""
    return _backlog(
        scene,
        number,
        "CREATE TABLE short (id int PRIMARY KEY)",
        f"INSERT INTO short (id) VALUES ({number})",
        "DROP TABLE short",
        f"INSERT INTO plain (id, v) VALUES ({number}, 'v')",
    )


def column_dropped_and_added(scene: Scene, number: int) -> str:
    """A backlog with writes of a column that was dropped, and added again, since."""
    return _backlog(
        scene,
        number,
        f"INSERT INTO plain (id, v) VALUES ({number}, 'v')",
        "ALTER TABLE plain DROP v",
        "ALTER TABLE plain ADD v text",
    )


def _backlog(scene: Scene, number: int, *statements: str) -> str:
    """Is partition `number` of plain hinted soon, of what was done while the connector was down?

    Hints of before may come again: their acknowledgement was not written when it died.
    """
    with topic(scene.stack, KEYSPACE, "plain") as own:
        scene.stack.captures[0].kill()
        for statement in statements:
            scene.cql.execute(statement)
        scene.stack.captures[0].start()
        found = scene.seen_ids(own, _SOON_S, {number})
        return ARRIVES if number in found else "**lost** or late"


def _offset(offsets: Path, table: str) -> list[str]:
    """The table's line of the file, which is empty for a moment whenever it is written."""
    lines = offsets.read_text().splitlines(keepends=True)
    return [line for line in lines if line.startswith(f"{KEYSPACE}.{table}=")]


def _rows(scene: Scene, own: Consumer, partition: int, seconds: float) -> set[int]:
    """The rows (`a`) of a partition hinted within `seconds`, at once when all are there."""
    seen: set[int] = set()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and len(seen) < _ROWS:
        message = own.poll(0.1)
        if message is not None and not message.error():
            key, value = json.loads(message.key() or b"{}"), json.loads(message.value() or b"{}")
            seen |= _row(scene.kind, key, value, partition)
    return seen


def _row(kind: Capture, key: Any, value: Any, partition: int) -> set[int]:
    if kind is Capture.STOCK:
        return {key["a"]} if key["id"] == partition else set()
    if value["pk"] != key["pk"] or _number(key["pk"][0]) != partition:
        return set()
    return {_number(value["ck"][0])} if value["ck"] else set()


def _number(part: str) -> int:
    return int.from_bytes(b64decode(part), "big", signed=True)


FAULTS: dict[str, Callable[[Scene, int], str]] = {
    "connector killed in a batch of 1,000 rows": killed_in_a_batch,
    "connector killed when one of a batch's two tables was sent": one_table_of_two_was_sent,
    "broker away": broker_away,
    "backlog with writes of a dropped table without cdc": undecodable_without_cdc,
    "backlog with writes of a column dropped and added": column_dropped_and_added,
}
