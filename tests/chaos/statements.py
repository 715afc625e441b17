"""The statements of each kind, over the tables of `schema.py`, their names unqualified.

A row of `mortal` always has its marker and `base` written together and equally long-lived, so that
it has a marker of its own only while it has a value: a marker's TTL cannot be read, and a
row that is nothing but an immortal marker is left to the sweep (see docs/reference/limits.md).

A row of `moving` has `base` written with every column that comes and goes: no row vanishes with its
last column, and when a row was last written can be asked of `base` (`moved.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable

from sandbox.workload.mutation import Statement
from tests.chaos.draw import Draw
from tests.chaos.kinds import Kind
from tests.chaos.schema import MOVING

Maker = Callable[[Draw], Statement]

_ITEM = "shop = ? AND day = ?"
_ITEM_ROW = f"{_ITEM} AND at = ? AND n = ?"
_EVENT_ROW = "pk = ? AND seq = ?"
_ROW = "pk = ? AND ck = ?"


def insert_user(draw: Draw) -> Statement:
    cql = "INSERT INTO users (id, name, mail, total, tags, scores, seen, home, work)"
    values = (draw.word(), draw.word(), draw.money(), draw.words(), {draw.word(): 1}, [1, 2])
    row = (draw.user(), *values, draw.address(), draw.address())
    return Statement(f"{cql} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def insert_item(draw: Draw) -> Statement:
    cql = "INSERT INTO items (shop, day, at, n, state, total, tags, lines, notes)"
    values = (draw.word(), draw.money(), draw.words(), [draw.word()], {1: draw.word()})
    return Statement(f"{cql} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*draw.item_row(), *values))


def insert_event(draw: Draw) -> Statement:
    cql = "INSERT INTO events (pk, seq, v, raw) VALUES (?, ?, ?, ?)"
    return Statement(cql, (*draw.row(), draw.word(), draw.blob()))


def insert_uncaptured(draw: Draw) -> Statement:
    return Statement(
        "INSERT INTO uncaptured (pk, seq, v) VALUES (?, ?, ?)", (*draw.row(), draw.word())
    )


def _write_moving(draw: Draw) -> Statement:
    name = draw.one(tuple(MOVING))
    cql = f"UPDATE moving SET base = ?, {name} = ? WHERE {_ROW}"
    return Statement(cql, (draw.word(), _MOVING_VALUES[MOVING[name]](draw), *draw.row()))


def _insert_moving(draw: Draw) -> Statement:
    one, other = draw.shuffled(tuple(MOVING))[:2]
    cql = f"INSERT INTO moving (pk, ck, base, {one}, {other}) VALUES (?, ?, ?, ?, ?)"
    values = (_MOVING_VALUES[MOVING[name]](draw) for name in (one, other))
    return Statement(cql, (*draw.row(), draw.word(), *values))


_MOVING_VALUES: dict[str, Callable[[Draw], object]] = {
    "text": Draw.word,
    "int": lambda draw: draw.number_below(9999),
    "set<text>": Draw.words,
    "list<int>": lambda draw: [draw.number_below(9999)],
    "frozen<list<int>>": lambda draw: [draw.number_below(9999)],
    "bigint": lambda draw: draw.number_below(2**40),
    "map<text, int>": lambda draw: {draw.word(): 1},
    "blob": Draw.blob,
}


def _insert_mortal(draw: Draw) -> Statement:
    cql = "INSERT INTO mortal (pk, ck, base, a, b) VALUES (?, ?, ?, ?, ?)"
    return Statement(cql, (*draw.row(), draw.word(), draw.word(), draw.number_below(9999)))


def _insert_user_nulls(draw: Draw) -> Statement:
    cql = "INSERT INTO users (id, name, mail, tags, seen, home) VALUES (?, ?, ?, ?, ?, ?)"
    return Statement(cql, (draw.user(), draw.word(), None, None, [], None))


def _insert_event_nulls(draw: Draw) -> Statement:
    cql = "INSERT INTO events (pk, seq, v, raw) VALUES (?, ?, ?, ?)"
    return Statement(cql, (*draw.row(), None, draw.one((None, draw.blob()))))


def _insert_json(draw: Draw) -> Statement:
    pk, seq = draw.row()
    return Statement(
        "INSERT INTO events JSON ?", (json.dumps({"pk": pk, "seq": seq, "v": draw.word()}),)
    )


def _update_user(draw: Draw) -> Statement:
    cql = "UPDATE users SET mail = ?, total = ? WHERE id = ?"
    return Statement(cql, (draw.word(), draw.money(), draw.user()))


def _update_item(draw: Draw) -> Statement:
    cql = f"UPDATE items SET state = ? WHERE {_ITEM_ROW}"
    return Statement(cql, (draw.word(), *draw.item_row()))


def _update_event(draw: Draw) -> Statement:
    return Statement(f"UPDATE events SET v = ? WHERE {_EVENT_ROW}", (draw.word(), *draw.row()))


def _timed(draw: Draw) -> Statement:
    """The first value is the timestamp, known when it is sent."""
    cql = "UPDATE users USING TIMESTAMP ? SET name = ? WHERE id = ?"
    return Statement(cql, (None, draw.word(), draw.user()))


def _update_if(draw: Draw) -> Statement:
    cql = "UPDATE users SET name = ? WHERE id = ? IF name > ?"
    return Statement(cql, (draw.word(), draw.user(), ""))


def _insert_if(draw: Draw) -> Statement:
    cql = "INSERT INTO users (id, name) VALUES (?, ?) IF NOT EXISTS"
    return Statement(cql, (draw.user(), draw.word()))


def _ttl_insert(draw: Draw) -> Statement:
    made = _insert_mortal(draw)
    return Statement(f"{made.cql} USING TTL ?", (*made.values, draw.ttl()))


def _item(cql: str, *values: Callable[[Draw], object]) -> Maker:
    """A statement on one row of items; its own values come first."""
    return lambda draw: Statement(
        f"{cql} WHERE {_ITEM_ROW}", (*(value(draw) for value in values), *draw.item_row())
    )


def _item_partition(cql: str, *values: Callable[[Draw], object]) -> Maker:
    return lambda draw: Statement(
        f"{cql} WHERE {_ITEM}", (*(value(draw) for value in values), *draw.item())
    )


def _user(cql: str, *values: Callable[[Draw], object]) -> Maker:
    return lambda draw: Statement(
        f"{cql} WHERE id = ?", (*(value(draw) for value in values), draw.user())
    )


def _mortal(cql: str, *values: Callable[[Draw], object]) -> Maker:
    return lambda draw: Statement(
        f"{cql} WHERE {_ROW}", (*(value(draw) for value in values), *draw.row())
    )


def _partition(cql: str, *values: Callable[[Draw], object]) -> Maker:
    """A statement on a whole partition of a table with `pk`, or on its statics."""
    return lambda draw: Statement(
        f"{cql} WHERE pk = ?", (*(value(draw) for value in values), draw.partition())
    )


def _one(draw: Draw) -> object:
    return draw.number_below(3)


MAKERS: dict[Kind, tuple[Maker, ...]] = {
    Kind.INSERT: (insert_user, insert_item, insert_event, _insert_mortal),
    Kind.INSERT_NULLS: (_insert_user_nulls, _insert_event_nulls),
    Kind.INSERT_JSON: (_insert_json,),
    Kind.UPDATE: (
        _update_user,
        _update_item,
        _update_event,
        lambda draw: Statement(
            f"UPDATE moving SET base = ? WHERE {_ROW}", (draw.word(), *draw.row())
        ),
    ),
    Kind.COLUMN_DELETE: (
        _user("DELETE mail, work FROM users"),
        _item("DELETE state FROM items"),
        _mortal("DELETE a, b FROM mortal"),
        _user("DELETE home FROM users"),
    ),
    Kind.COLLECTION_REPLACE: (
        _user("UPDATE users SET tags = ?", lambda draw: draw.words()),
        _user("UPDATE users SET seen = ?", lambda draw: [draw.number_below(99)]),
        _item("UPDATE items SET lines = ?", lambda draw: [draw.word(), draw.word()]),
        _user("UPDATE users SET home = ?", lambda draw: draw.address()),
    ),
    Kind.COLLECTION_APPEND: (
        _item("UPDATE items SET lines = lines + ?", lambda draw: [draw.word()]),
        _user("UPDATE users SET seen = seen + ?", lambda draw: [draw.number_below(99)]),
        _item("UPDATE items SET tags = tags + ?", lambda draw: {draw.word()}),
        _user("UPDATE users SET scores = scores + ?", lambda draw: {draw.word(): 2}),
    ),
    Kind.LIST_PREPEND: (_item("UPDATE items SET lines = ? + lines", lambda draw: [draw.word()]),),
    Kind.COLLECTION_REMOVE: (
        _user("UPDATE users SET seen = seen - ?", lambda draw: [1]),
        _item("UPDATE items SET notes = notes - ?", lambda draw: {draw.number_below(3)}),
    ),
    Kind.ELEMENT_WRITE: (
        _item("UPDATE items SET notes[?] = ?", _one, lambda draw: draw.word()),
        _user("UPDATE users SET scores[?] = ?", lambda draw: "a", lambda draw: 7),
    ),
    Kind.ELEMENT_DELETE: (
        _item("DELETE notes[?] FROM items", _one),
        _user("DELETE scores[?] FROM users", lambda draw: "a"),
    ),
    Kind.FIELD_WRITE: (
        _user("UPDATE users SET home.city = ?", lambda draw: draw.word()),
        _item("UPDATE items SET home.zip = ?", lambda draw: draw.number_below(9999)),
        _user("UPDATE users SET home.street = ?", lambda draw: None),
    ),
    Kind.STATIC_WRITE: (
        _item_partition("UPDATE items SET credit = ?", lambda draw: draw.number_below(9999)),
        _item_partition("UPDATE items SET memo = memo + ?", lambda draw: {draw.word()}),
        _partition("UPDATE events SET note = ?", lambda draw: draw.word()),
    ),
    Kind.STATIC_DELETE: (
        _item_partition("DELETE credit, memo FROM items"),
        _partition("DELETE note FROM events"),
    ),
    Kind.ROW_DELETE: (
        _user("DELETE FROM users"),
        _item("DELETE FROM items"),
        lambda draw: Statement(f"DELETE FROM events WHERE {_EVENT_ROW}", draw.row()),
        _mortal("DELETE FROM mortal"),
        lambda draw: Statement(f"DELETE FROM moving WHERE {_ROW}", draw.row()),
    ),
    Kind.RANGE_DELETE: (
        lambda draw: Statement(
            f"DELETE FROM items WHERE {_ITEM} AND at >= ? AND at < ?",
            (*draw.slice_item(), *draw.span()),
        ),
        lambda draw: Statement(
            f"DELETE FROM items WHERE {_ITEM} AND at = ? AND n > ?",
            (*draw.slice_item(), draw.clustering(), 0),
        ),
        lambda draw: Statement(
            "DELETE FROM events WHERE pk = ? AND seq > ? AND seq <= ?",
            (draw.slice_partition(), *draw.span()),
        ),
        lambda draw: Statement(
            "DELETE FROM events WHERE pk = ? AND seq < ?",
            (draw.slice_partition(), draw.clustering()),
        ),
    ),
    Kind.PREFIX_DELETE: (
        lambda draw: Statement(
            f"DELETE FROM items WHERE {_ITEM} AND at = ?", (*draw.slice_item(), draw.clustering())
        ),
    ),
    Kind.PARTITION_DELETE: (
        lambda draw: Statement(f"DELETE FROM items WHERE {_ITEM}", draw.slice_item()),
        lambda draw: Statement("DELETE FROM events WHERE pk = ?", (draw.slice_partition(),)),
        lambda draw: Statement("DELETE FROM mortal WHERE pk = ?", (draw.slice_partition(),)),
        lambda draw: Statement("DELETE FROM edges WHERE a = ?", (draw.slice_partition(),)),
    ),
    Kind.LWT: (_insert_if, _update_if),
    Kind.OWN_TIMESTAMP: (_timed,),
    Kind.TTL_INSERT: (_ttl_insert,),
    Kind.TTL_UPDATE: (
        _mortal("UPDATE mortal USING TTL ? SET a = ?", Draw.ttl, lambda draw: draw.word()),
        _mortal("UPDATE mortal USING TTL ? SET b = ?", Draw.ttl, _one),
    ),
    Kind.TTL_STATIC: (
        _partition("UPDATE mortal USING TTL ? SET s = ?", Draw.ttl, lambda draw: draw.word()),
    ),
    Kind.KEY_INSERT: (
        lambda draw: Statement("INSERT INTO edges (a, b) VALUES (?, ?)", draw.row()),
    ),
    Kind.KEY_DELETE: (
        lambda draw: Statement("DELETE FROM edges WHERE a = ? AND b = ?", draw.row()),
    ),
    Kind.COUNTER_ADD: (
        lambda draw: Statement(
            f"UPDATE counts SET hits = hits + ?, bytes = bytes + ? WHERE {_ROW}",
            (1, draw.number_below(999) - 300, draw.todays_partition(), draw.clustering()),
        ),
    ),
    Kind.COUNTER_DELETE: (
        lambda draw: Statement(
            f"DELETE FROM counts WHERE {_ROW}", (draw.retired_partition(), draw.clustering())
        ),
    ),
    Kind.UNCAPTURED_WRITE: (insert_uncaptured,),
    Kind.MOVING_WRITE: (_write_moving, _insert_moving),
}
