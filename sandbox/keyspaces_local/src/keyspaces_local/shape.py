"""The content of a write statement: its size by column, for the limits and for the meters.

A shape is made once a statement and follows its table: `current` makes it again after an ALTER. For
most requests the length of the frame alone proves that nothing is near a limit and that the row
takes one unit (`one_unit_frame`). Only the others have their values measured.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import ceil
from typing import NamedTuple

from keyspaces_local import encoding, jsonvalues, varints
from keyspaces_local.meters import WRITE_UNIT, write_units
from keyspaces_local.properties import TableSettings
from keyspaces_local.schema import Column, ColumnKind, TableSchema
from keyspaces_local.statement import Kind, Statement, Term
from keyspaces_local.tokens import Token, TokenKind, string_content

Values = list[bytes | None] | dict[str, bytes | None]
"""Bound values in order, or by name; None is null or not set."""

_FRAME_OVERHEAD = 32
"""The least bytes of an EXECUTE besides its values: header, id, consistency, flags and the count of
values."""

_VALUE_OVERHEAD = 4
_KEY_GROWTH, _NUMBER_GROWTH, _TTL_COLLECTION_GROWTH = 2.2, 1.25, 2.25
_PARTITION, _CLUSTERING = ColumnKind.PARTITION, ColumnKind.CLUSTERING
_STATIC, _REGULAR = ColumnKind.STATIC, ColumnKind.REGULAR
_WIDEST = {"tinyint": 3, "smallint": 4, "int": 6, "bigint": 11, "counter": 11}
_FIXED = {"boolean": 1, "float": 4, "double": 8, "date": 4, "time": 8, "timestamp": 8, "uuid": 16}
_FIXED |= {"timeuuid": 16, **_WIDEST}


class Sizes(NamedTuple):
    """Bytes that a statement writes; `row` and `static` are encoded, without row metadata."""

    partition: int
    clustering: int
    row: int
    static: int


@dataclass(frozen=True, slots=True)
class _Cell:
    column: Column
    term: Term


class WriteShape:
    """The shape of one INSERT, UPDATE or DELETE on one table."""

    __slots__ = (
        "_cells",
        "_column_id",
        "_has_static",
        "_measured",
        "_row",
        "_settings",
        "_statement",
        "_varints",
        "base_units",
        "has_varints",
        "one_unit_frame",
        "regular_columns",
        "version",
    )

    def __init__(self, statement: Statement, settings: TableSettings, schema: TableSchema) -> None:
        self._statement, self._settings = statement, settings
        self._build(schema)

    def of(self, values: Values) -> "WriteShape":
        """The shape itself; for an INSERT JSON that of the columns in its value."""
        schema, term = self._settings.schema, self._statement.json
        if term is None or schema is None:
            return self
        if term.marker < 0:
            text = string_content(term.tokens[0])
        else:
            text = (bound(term, values) or b"{}").decode(errors="replace")
        written = replace(self._statement, json=None, assigned=jsonvalues.terms(text, schema))
        return WriteShape(written, self._settings, schema)

    def current(self) -> "WriteShape":
        """The shape for the table as it is now."""
        if self.version != self._settings.version and self._settings.schema is not None:
            self._build(self._settings.schema)
        return self

    def _build(self, schema: TableSchema) -> None:
        self.version = self._settings.version
        self._column_id = encoding.column_id_size(len(schema.columns))
        self._cells = _cells(self._statement, schema)
        self._varints = tuple(
            (
                cell.column.name,
                cell.term,
                varints.bound_in(cell.column.type, cell.term, schema.udts),
            )
            for cell in self._cells
            if varints.contains(cell.column.type, schema.udts)
        )
        self._compile()
        regular = {c.column.name for c in self._cells if c.column.kind is ColumnKind.REGULAR}
        self.regular_columns = len(regular)
        whole = set(schema.key) <= {cell.column.name for cell in self._cells}
        row = self._statement.kind is Kind.DELETE or bool(regular) or whole
        self.base_units = max(1, int(row) + int(self._has_static))
        self.one_unit_frame = self._one_unit_frame()

    def _compile(self) -> None:
        """Work out the size that every row of the statement takes, and how to measure each value's
        share.
        """
        kinds = [cell.column.kind for cell in self._cells]
        self._has_static = _STATIC in kinds
        self.has_varints = bool(self._varints)
        self._row = encoding.TTL_METADATA if self._settings.ttl else 0
        for cell in self._cells:
            if cell.column.kind is _REGULAR:
                self._row += self._column_id + self._metadata(cell.column)
        self._measured = tuple(
            (cell.term, cell.column.kind, encoding.sizer(cell.column.type, self._settings.ttl))
            for cell in self._cells
        )

    def sizes(self, values: Values) -> Sizes:
        """Measures the statement with these bound values."""
        partition = clustering = 0
        prefix, row, static, column_id = 0, self._row, 0, self._column_id
        for term, kind, size_of in self._measured:
            if term.marker < 0:
                size = _expression_size(term, values)
            else:
                wire = bound(term, values)
                size = encoding.NULL_SIZE if wire is None else size_of(wire)
            if kind is _REGULAR:
                row += size
            elif kind is _CLUSTERING:
                clustering += _raw_size(term, values)
                row += encoding.clustering_column(size, column_id)
            elif kind is _PARTITION:
                partition += _raw_size(term, values)
                prefix += encoding.partition_column(size, column_id)
            else:
                static += size
        static += prefix + encoding.STATIC_METADATA if self._has_static else 0
        return Sizes(partition, clustering, prefix + row, static)

    def units(self, sizes: Sizes) -> int:
        """Write units; static data and the row are metered apart."""
        if sizes.static == 0:
            return write_units(sizes.row)
        static = write_units(sizes.static)
        return static if self.base_units == 1 else static + write_units(sizes.row)

    def varints(self, values: Values) -> Iterable[tuple[str, bytes]]:
        """The columns that hold varints, with each that is bound."""
        for column, _, finders in self._varints:
            for term, found_in in finders:
                if wire := bound(term, values):
                    yield from ((column, varint) for varint in found_in(wire))

    def literal_varints(self) -> Iterable[tuple[str, str]]:
        """The columns that hold varints, with the whole numbers that the text gives them."""
        for column, term, _ in self._varints:
            for token in term.tokens:
                if token.kind is TokenKind.NUMBER and token.text.isdigit():
                    yield column, token.text

    def _metadata(self, column: Column) -> int:
        """Return the bytes that the table's switches add to a regular column."""
        size = encoding.TIMESTAMP_METADATA if self._settings.client_timestamps else 0
        if self._settings.ttl and not encoding.is_collection(column.type):
            size += encoding.TTL_METADATA
        return size

    def _one_unit_frame(self) -> int:
        """The longest EXECUTE that is sure to write one unit (each of row and static)."""
        if self.has_varints or self._statement.json is not None:
            return 0
        constant, growth, markers = encoding.TTL_METADATA + encoding.STATIC_METADATA, 1.0, 0
        for cell in self._cells:
            markers += (cell.term.marker >= 0) + len(cell.term.markers)
            constant += self._most(cell)
            growth = max(growth, self._growth(cell))
        room = (WRITE_UNIT - constant) / growth
        return int(room) + _FRAME_OVERHEAD + _VALUE_OVERHEAD * markers if room > 0 else 0

    def _most(self, cell: _Cell) -> int:
        """The most a column can take beyond `_growth` times its bytes on the wire."""
        column, size = cell.column, _literal_size(cell.term.tokens)
        if column.kind in (ColumnKind.PARTITION, ColumnKind.CLUSTERING):
            fixed = size or _FIXED.get(column.type, 0)
            return ceil(_KEY_GROWTH * fixed) + self._column_id + encoding.PARTITION_METADATA + 1
        # Null takes a byte here and none on the wire; a number up to three more than there.
        return size + self._column_id + self._metadata(column) + encoding.COLLECTION_METADATA

    def _growth(self, cell: _Cell) -> float:
        """Return how much larger than on the wire a value can be."""
        column = cell.column
        if column.kind in (ColumnKind.PARTITION, ColumnKind.CLUSTERING):
            return 1.0 if column.type in _FIXED and not cell.term.markers else _KEY_GROWTH
        if not encoding.is_collection(column.type):
            return 1.0
        return _TTL_COLLECTION_GROWTH if self._settings.ttl else _NUMBER_GROWTH


def bound(term: Term, values: Values) -> bytes | None:
    """Return the value bound to the term's marker; None for null, not set, or no marker."""
    if term.marker < 0:
        return None
    if isinstance(values, list):
        return values[term.marker] if term.marker < len(values) else None
    return values.get(term.marker_name or term.column)


def bound_within(term: Term, values: Values) -> list[bytes | None]:
    """Return the values that are bound to the markers within an expression.

    Where values come by name and a marker has none, all values are taken for it.
    """
    if isinstance(values, dict) and any(marker.name is None for marker in term.markers):
        return list(values.values())
    return [bound(marker.term, values) for marker in term.markers]


def partition_terms(statement: Statement, schema: TableSchema) -> tuple[Term, ...] | None:
    """The terms that give the whole partition key, in its order; None where some are missing."""
    terms = {cell.column.name: cell.term for cell in _cells(statement, schema)}
    if not set(schema.partition) <= set(terms):
        return None
    return tuple(terms[name] for name in schema.partition)


def _cells(statement: Statement, schema: TableSchema) -> tuple[_Cell, ...]:
    terms = [*statement.assigned, *(statement.where.equal if statement.where else ())]
    known = ((schema.columns.get(term.column), term) for term in terms)
    return tuple(_Cell(column, term) for column, term in known if column is not None)


def _raw_size(term: Term, values: Values) -> int:
    if term.marker < 0:
        return _expression_size(term, values)
    return len(bound(term, values) or b"")


def _expression_size(term: Term, values: Values) -> int:
    """The size of literals and of the wire bytes bound within an expression: assumed."""
    size = _literal_size(term.tokens)
    if term.markers:
        size += sum(len(wire) for wire in bound_within(term, values) if wire)
    return size


def _literal_size(tokens: Iterable[Token]) -> int:
    """The size of literals, by their text: assumed, as types are not looked at."""
    total = 0
    for token in tokens:
        if token.kind is TokenKind.STRING:
            total += len(string_content(token).encode())
        elif token.kind is TokenKind.NUMBER:
            total += (len(token.text) + 1) // 2 + (0 if token.text[:2] in ("0x", "0X") else 1)
        elif token.kind is TokenKind.NAME:
            total += encoding.NULL_SIZE
    return total
