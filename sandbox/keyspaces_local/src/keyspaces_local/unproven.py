"""Plays the bad answers to what nobody has proven about the service.

- The DELETE of an absent row leaves nothing: an older INSERT that arrives later shows. A range
  delete is then the deletes of the rows it finds.
- An overwritten collection does not shadow: only the elements that are there are deleted. So an
  older overwrite that arrives later adds its elements.

Only bound collections, and single statements and BATCH frames, are played. A batch as text and
conditional statements pass as they are.
"""

from keyspaces_local import encoding
from keyspaces_local.lookups import Lookups, schema_of, table_name
from keyspaces_local.pieces import Piece, using_value
from keyspaces_local.protocol import INT, LONG, value
from keyspaces_local.results import read_rows
from keyspaces_local.schema import TableSchema
from keyspaces_local.shape import bound
from keyspaces_local.statement import Kind, Term
from keyspaces_local.tokens import quoted


async def leaves_nothing(lookups: Lookups, piece: Piece) -> bool:
    """True when a DELETE has been dealt with and is not to be passed on."""
    statement = piece.plan.statement
    if statement.kind is not Kind.DELETE or statement.picks_columns or statement.conditional:
        return False
    rows = await lookups.check_range(piece)
    if not piece.plan.range_delete:
        return not rows
    schema = schema_of(piece)
    if schema is not None:
        await _delete_statics(lookups, piece, schema)
        equal = " AND ".join(f"{quoted(name)} = ?" for name in schema.key)
        cql = f"DELETE FROM {table_name(piece)} USING TIMESTAMP ? WHERE {equal}"
        for row in rows:
            await lookups.admin.execute(cql, [LONG.pack(piece.time_us), *row])
    return True


async def _delete_statics(lookups: Lookups, piece: Piece, schema: TableSchema) -> None:
    """Deletes the static columns that are there, if the DELETE is of a partition."""
    names = [name for name in schema.columns if schema.is_static(name)]
    where = piece.plan.statement.where
    restricted = {term.column for term in where.equal} | set(where.slices) if where else set()
    if not names or not restricted <= set(schema.partition):
        return
    text, key = _key(piece, schema.partition)
    columns = ", ".join(map(quoted, names))
    rows = read_rows(
        await lookups.admin.execute(
            f"SELECT {columns} FROM {table_name(piece)} WHERE {text} LIMIT 1", key
        )
    )
    present = [name for row in rows for name, cell in zip(names, row, strict=True) if cell]
    if present:
        cql = f"DELETE {', '.join(map(quoted, present))} FROM {table_name(piece)}"
        values = [LONG.pack(piece.time_us), *key]
        await lookups.admin.execute(f"{cql} USING TIMESTAMP ? WHERE {text}", values)


async def merge_collections(lookups: Lookups, piece: Piece) -> set[int]:
    """Overwrites bound collections element by element; the markers that are then not to be set."""
    statement, schema = piece.plan.statement, schema_of(piece)
    if schema is None or statement.conditional or isinstance(piece.values, dict):
        return set()
    found = set()
    for term in statement.assigned:
        column = schema.columns.get(term.column)
        if column is None or term.marker < 0 or not encoding.is_collection(column.type):
            continue
        await _Overwrite(lookups, piece, schema, term).carry_out()
        found.add(term.marker)
    return found


class _Overwrite:
    """One collection's new value, written over what is there."""

    def __init__(self, lookups: Lookups, piece: Piece, schema: TableSchema, term: Term) -> None:
        self._lookups, self._piece, self._term = lookups, piece, term
        column = schema.columns[term.column]
        self._width = 2 if column.type.startswith("map<") else 1
        self._is_list = column.type.startswith("list<")
        self._column, self._table = quoted(term.column), table_name(piece)
        names = schema.partition if schema.is_static(term.column) else schema.key
        self._where, self._key = _key(piece, names)

    async def carry_out(self) -> None:
        new = bound(self._term, self._piece.values)
        added = encoding.elements(new, self._width) if new else []
        stale = [parts[0] for parts in await self._present()]
        if not self._is_list:
            kept = {parts[0] for parts in added}
            stale = [key for key in stale if key not in kept]
        if stale:
            await self._change("-", _packed(stale), self._piece.time_us - 1)
        if new and added:
            await self._change("+", new, self._piece.time_us)

    async def _present(self) -> list[list[bytes]]:
        cql = f"SELECT {self._column} FROM {self._table} WHERE {self._where}"
        rows = read_rows(await self._lookups.admin.execute(cql, self._key))
        wire = rows[0][0] if rows else None
        return [list(parts) for parts in encoding.elements(wire, self._width)] if wire else []

    async def _change(self, sign: str, operand: bytes, time_us: int) -> None:
        using, values = "USING TIMESTAMP ?", [LONG.pack(time_us)]
        ttl = using_value(self._piece.plan.statement.ttl, self._piece.values)
        if ttl and sign == "+":
            using, values = f"{using} AND TTL ?", [*values, INT.pack(ttl)]
        change = f"{self._column} = {self._column} {sign} ?"
        cql = f"UPDATE {self._table} {using} SET {change} WHERE {self._where}"
        await self._lookups.admin.execute(cql, [*values, operand, *self._key])


def _key(piece: Piece, names: tuple[str, ...]) -> tuple[str, list[bytes | None]]:
    """The WHERE text of the row's key and its values; literals stay text."""
    statement = piece.plan.statement
    equal = statement.where.equal if statement.where else ()
    terms = {term.column: term for term in (*statement.assigned, *equal)}
    parts, values = [], []
    for name in names:
        term = terms[name]
        if term.marker >= 0:
            values.append(bound(term, piece.values))
        literal = " ".join(token.text for token in term.tokens)
        parts.append(f"{quoted(name)} = {'?' if term.marker >= 0 else literal}")
    return " AND ".join(parts), values


def _packed(parts: list[bytes]) -> bytes:
    return INT.pack(len(parts)) + b"".join(map(value, parts))
