"""The statements of each kind, over the tables of `schema.py`."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.workload.draw import Draw
from sandbox.workload.kinds import Kind
from sandbox.workload.mutation import Statement

Maker = Callable[[Draw], Statement]

_ORDER = "customer = ? AND month = ?"
_ORDER_ROW = f"{_ORDER} AND placed = ? AND number = ?"
_SERIES = "sensor = ? AND day = ?"
_READING_ROW = f"{_SERIES} AND at = ? AND channel = ?"
_CUSTOMER_INSERT = (
    "INSERT INTO shop.customers (id, name, email, joined, balance, photo, home, tags, phones)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def _insert_customer(draw: Draw) -> Statement:
    return Statement(_CUSTOMER_INSERT, (draw.customer(), *_customer_values(draw)))


def _insert_new_customer(draw: Draw) -> Statement:
    cql = f"{_CUSTOMER_INSERT} IF NOT EXISTS"
    return Statement(cql, (draw.uuid(), *_customer_values(draw)))


def _customer_values(draw: Draw) -> tuple[object, ...]:
    return (
        draw.word(), f"{draw.word()}@example.org", draw.moment(), draw.money(), draw.blob(),
        draw.address(), draw.words(), {draw.word(): draw.word()},
    )  # fmt: skip


def _insert_order(draw: Draw) -> Statement:
    return Statement(
        "INSERT INTO shop.orders"
        " (customer, month, placed, number, state, total, gift, items, history, coupons)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *draw.order_row(), draw.state(), draw.money(), draw.one((True, False, None)),
            draw.items(), {draw.moment(): draw.state()}, draw.words(),
        ),
    )  # fmt: skip


def _insert_order_and_statics(draw: Draw) -> Statement:
    return Statement(
        "INSERT INTO shop.orders (customer, month, placed, number, state, credit, note)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*draw.order_row(), draw.state(), draw.money(), draw.word()),
    )


def _insert_reading(draw: Draw) -> Statement:
    return reading(draw, draw.reading_row())


def reading(draw: Draw, row: tuple[object, ...]) -> Statement:
    """One reading of the given primary key."""
    return Statement(
        "INSERT INTO shop.readings (sensor, day, at, channel, value, quality, flags, raw)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*row, draw.number(), draw.below(100), draw.words(), draw.blob()),
    )


def update_state(draw: Draw, row: tuple[object, ...]) -> Statement:
    """A new state for an order."""
    cql = f"UPDATE shop.orders SET state = ?, total = ? WHERE {_ORDER_ROW}"
    return Statement(cql, (draw.state(), draw.money(), *row))


def set_note(draw: Draw, order: tuple[object, ...]) -> Statement:
    """Statics of a partition of orders, and nothing else."""
    cql = f"UPDATE shop.orders SET note = ?, credit = ? WHERE {_ORDER}"
    return Statement(cql, (draw.word(), draw.money(), *order))


def _on_customer(cql: str, value: Callable[[Draw], object] | None = None) -> Maker:
    return _on(f"{cql} WHERE id = ?", lambda draw: (draw.customer(),), value)


def _on_order(cql: str, value: Callable[[Draw], object] | None = None) -> Maker:
    return _on(f"{cql} WHERE {_ORDER_ROW}", Draw.order_row, value)


def _on_reading(cql: str, value: Callable[[Draw], object] | None = None) -> Maker:
    return _on(f"{cql} WHERE {_READING_ROW}", Draw.reading_row, value)


def _on(
    cql: str,
    key: Callable[[Draw], tuple[object, ...]],
    value: Callable[[Draw], object] | None = None,
) -> Maker:
    def make(draw: Draw) -> Statement:
        values = (value(draw),) if value else ()
        return Statement(cql, (*values, *key(draw)))

    return make


def _delete_span(draw: Draw) -> Statement:
    cql = f"DELETE FROM shop.readings WHERE {_SERIES} AND at >= ? AND at <= ?"
    return Statement(cql, (*draw.series(), *draw.span()))


MAKERS: dict[Kind, tuple[Maker, ...]] = {
    Kind.INSERT: (
        _insert_customer,
        _insert_order,
        _insert_order,
        _insert_order_and_statics,
        _insert_reading,
        _insert_reading,
    ),
    Kind.UPDATE: (
        lambda draw: update_state(draw, draw.order_row()),
        _on_customer("UPDATE shop.customers SET balance = ?", Draw.money),
        _on_customer("UPDATE shop.customers SET tags = ?", Draw.words),
        _on_customer("UPDATE shop.customers SET home = ?", Draw.address),
        _on_order("UPDATE shop.orders SET items = ?", Draw.items),
        _on_reading("UPDATE shop.readings SET value = ?", Draw.number),
    ),
    Kind.COLUMN_DELETE: (
        _on_customer("DELETE email, photo FROM shop.customers"),
        _on_customer("DELETE phones FROM shop.customers"),
        _on_order("DELETE items, coupons FROM shop.orders"),
        _on_reading("DELETE value FROM shop.readings"),
        _on(f"DELETE credit FROM shop.orders WHERE {_ORDER}", Draw.order),
    ),
    Kind.COLLECTION_APPEND: (
        _on_customer("UPDATE shop.customers SET tags = tags + ?", lambda draw: {draw.word()}),
        _on_customer("UPDATE shop.customers SET viewed = viewed + ?", lambda draw: [draw.below(9)]),
        _on_customer("UPDATE shop.customers SET viewed = ? + viewed", lambda draw: [draw.below(9)]),
        _on_order(
            "UPDATE shop.orders SET history = history + ?",
            lambda draw: {draw.moment(): draw.state()},
        ),
        _on_order("UPDATE shop.orders SET items = items + ?", Draw.items),
        _on_reading("UPDATE shop.readings SET flags = flags + ?", Draw.words),
    ),
    Kind.COLLECTION_REMOVE: (
        _on_customer("UPDATE shop.customers SET tags = tags - ?", lambda draw: {draw.word()}),
        _on_customer("UPDATE shop.customers SET viewed = viewed - ?", lambda draw: [draw.below(9)]),
        _on_reading("UPDATE shop.readings SET flags = flags - ?", Draw.words),
    ),
    Kind.ELEMENT_DELETE: (
        _on_customer("DELETE phones[?] FROM shop.customers", Draw.word),
        _on_order("DELETE history[?] FROM shop.orders", Draw.moment),
    ),
    Kind.STATIC_WRITE: (
        lambda draw: set_note(draw, draw.order()),
        _on(
            f"UPDATE shop.readings SET unit = ? WHERE {_SERIES}",
            Draw.series,
            lambda draw: draw.one(("°C", "°F", None)),
        ),
    ),
    Kind.ROW_DELETE: (
        _on_customer("DELETE FROM shop.customers"),
        _on_order("DELETE FROM shop.orders"),
        _on_reading("DELETE FROM shop.readings"),
    ),
    Kind.RANGE_DELETE: (
        _delete_span,
        _on(
            f"DELETE FROM shop.readings WHERE {_SERIES} AND at < ?",
            lambda draw: (*draw.series(), draw.moment()),
        ),
        _on(
            f"DELETE FROM shop.orders WHERE {_ORDER} AND placed = ?",
            lambda draw: (*draw.order(), draw.moment()),
        ),
    ),
    Kind.PARTITION_DELETE: (
        _on(f"DELETE FROM shop.orders WHERE {_ORDER}", Draw.order),
        _on(f"DELETE FROM shop.readings WHERE {_SERIES}", Draw.series),
    ),
    Kind.LWT: (
        _insert_new_customer,
        lambda draw: Statement(
            f"UPDATE shop.orders SET state = 'paid' WHERE {_ORDER_ROW} IF state = 'new'",
            draw.order_row(),
        ),
    ),
}
"""The statements of the single kinds; what is listed twice comes twice as often."""


def day_of_readings(draw: Draw) -> tuple[Statement, ...]:
    """Several readings of one partition, for an unlogged batch."""
    series = draw.series()
    moments = [draw.moment() for _ in range(2 + draw.below(6))]
    return tuple(reading(draw, (*series, moment, draw.below(3))) for moment in moments)


def purchase(draw: Draw) -> tuple[Statement, ...]:
    """Return the statements of one purchase to two tables, for a logged batch."""
    row = draw.order_row()
    return update_state(draw, row), set_note(draw, row[:2]), _insert_customer(draw)
