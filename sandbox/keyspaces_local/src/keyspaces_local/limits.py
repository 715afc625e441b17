"""Refuses statements for how much they write or restrict: rows, keys, columns, digits. Pure."""

from collections.abc import Iterable
from math import prod

from keyspaces_local import encoding, rules
from keyspaces_local.protocol import INT
from keyspaces_local.rules import Refusal
from keyspaces_local.shape import Sizes, Values, WriteShape, bound
from keyspaces_local.statement import Statement, Term
from keyspaces_local.tokens import TokenKind

ROW, STATIC = 1024 * 1024, 1024 * 1024
PARTITION_KEY, CLUSTERING_KEY = 2048, 850
COLUMNS, COLUMNS_WITH_TTL = 225, 166
DIGITS = 38
"""A varint is below 10 to that power, either way."""
SUBQUERIES = 100
RANGE_DELETE = 1000

_LONGEST_FITTING_VARINT = 15
"""Bytes that always hold fewer than 38 digits."""


def check_columns(shape: WriteShape, ttl: bool) -> None:
    """Refuses too many regular columns in one INSERT or UPDATE; `ttl` is the table's switch."""
    limit = COLUMNS_WITH_TTL if ttl else COLUMNS
    if shape.regular_columns > limit:
        raise Refusal(rules.COLUMN_COUNT, count=shape.regular_columns, limit=limit)


def check_sizes(sizes: Sizes) -> None:
    for rule, size, limit in (
        (rules.PARTITION_KEY_SIZE, sizes.partition, PARTITION_KEY),
        (rules.CLUSTERING_KEY_SIZE, sizes.clustering, CLUSTERING_KEY),
        (rules.ROW_SIZE, sizes.row + encoding.ROW_METADATA, ROW),
        (rules.STATIC_SIZE, sizes.static, STATIC),
    ):
        if size > limit:
            raise Refusal(rule, size=size, limit=limit)


def check_digits(shape: WriteShape, values: Values) -> None:
    """Refuses a varint of more digits than the service has room for."""
    if not shape.has_varints:
        return
    for column, wire in shape.varints(values):
        if len(wire) > _LONGEST_FITTING_VARINT:
            _check_digits(column, encoding.digits(wire))
    for column, text in shape.literal_varints():
        _check_digits(column, len(text.lstrip("0")))


def check_subqueries(statement: Statement, values: Values) -> None:
    """Refuses a SELECT whose IN restrictions stand for too many reads."""
    count = subqueries(statement, values)
    if count > SUBQUERIES:
        raise Refusal(rules.SUBQUERIES, count=count, limit=SUBQUERIES)


def subqueries(statement: Statement, values: Values) -> int:
    """Return how many reads a statement stands for."""
    lists = statement.where.lists if statement.where else ()
    return prod(_list_length(term, values) for term in lists)


def _check_digits(column: str, digits: int) -> None:
    if digits > DIGITS:
        raise Refusal(rules.VARINT_DIGITS, column=column, digits=digits, limit=DIGITS)


def _list_length(term: Term, values: Values) -> int:
    if term.marker >= 0:
        wire = bound(term, values)
        return int(INT.unpack_from(wire)[0]) if wire and len(wire) >= INT.size else 1
    return max(1, _top_commas(term) + 1)


def _top_commas(term: Term) -> int:
    depth, commas = 0, 0
    for token in _symbols(term):
        depth += (token in "([{") - (token in ")]}")
        commas += token == "," and depth == 1
    return commas


def _symbols(term: Term) -> Iterable[str]:
    return (token.text for token in term.tokens if token.kind is TokenKind.SYMBOL)
