"""Questions about stored rows, asked of the Cassandra behind before a write is passed on."""

from collections.abc import Sequence

from keyspaces_local import limits, rules
from keyspaces_local.admin import AdminSession, Values
from keyspaces_local.pieces import Piece
from keyspaces_local.results import read_rows
from keyspaces_local.rules import Refusal
from keyspaces_local.schema import TableSchema
from keyspaces_local.shape import WriteShape
from keyspaces_local.statement import Kind, Statement, Term
from keyspaces_local.tokens import quoted

Row = list[bytes | None]


class Lookups:
    """Reads over a connection that nothing else uses."""

    def __init__(self, admin: AdminSession) -> None:
        self.admin = admin

    async def check_range(self, piece: Piece) -> list[Row]:
        """The keys of the rows that a range delete would delete; refuses too many."""
        rows = await self.keys(piece, limits.RANGE_DELETE + 1)
        if len(rows) > limits.RANGE_DELETE:
            raise Refusal(rules.RANGE_DELETE)
        return rows

    async def units_beyond_one(self, piece: Piece) -> int:
        """The write units of the rows that a DELETE finds, less one a row."""
        schema, settings = schema_of(piece), piece.plan.settings
        if schema is None or settings is None:
            return 0
        names = [name for name in schema.columns if not schema.is_static(name)]
        terms = tuple(Term(name, marker) for marker, name in enumerate(names))
        shape = WriteShape(Statement(Kind.INSERT, "", assigned=terms), settings, schema)
        rows = await self._rows(piece, names, limits.RANGE_DELETE)
        return sum(shape.units(shape.sizes(row)) - 1 for row in rows)

    async def keys(self, piece: Piece, limit: int) -> list[Row]:
        """The primary keys of the rows that the piece's WHERE clause finds."""
        schema = schema_of(piece)
        if schema is None:
            return []
        # A partition of nothing but statics shows one row without clustering values.
        rows = await self._rows(piece, schema.key, limit)
        return [row for row in rows if all(cell is not None for cell in row)]

    async def _rows(self, piece: Piece, names: Sequence[str], limit: int) -> list[Row]:
        """These columns of the rows that the piece's WHERE clause finds."""
        where = piece.plan.statement.where
        if where is None:
            return []
        start, end = where.span
        columns = ", ".join(map(quoted, names))
        text = piece.plan.statement.text[start:end]
        values: Values = piece.values
        if isinstance(values, list):
            values = values[where.marker : where.marker + where.markers]
        cql = f"SELECT {columns} FROM {table_name(piece)} WHERE {text} LIMIT {limit}"
        return read_rows(await self.admin.execute(cql, values))


def schema_of(piece: Piece) -> TableSchema | None:
    return None if piece.plan.settings is None else piece.plan.settings.schema


def table_name(piece: Piece) -> str:
    keyspace, table = piece.plan.table
    return f"{quoted(keyspace or '')}.{quoted(table or '')}"
