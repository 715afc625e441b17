"""A table's columns as the Cassandra behind knows them. Values only; `catalog` reads them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from keyspaces_local.reader import Reader

QUERY = (
    "SELECT keyspace_name, table_name, column_name, kind, position, type FROM system_schema.columns"
)
TYPES_QUERY = "SELECT keyspace_name, type_name, field_types FROM system_schema.types"


class ColumnKind(Enum):
    PARTITION = "partition_key"
    CLUSTERING = "clustering"
    STATIC = "static"
    REGULAR = "regular"


@dataclass(frozen=True, slots=True)
class Column:
    """`type` is CQL text in lower case, as `system_schema.columns` has it."""

    name: str
    kind: ColumnKind
    type: str


@dataclass(frozen=True, slots=True)
class TableSchema:
    """All columns by name; the names of the key columns in their order."""

    columns: dict[str, Column]
    partition: tuple[str, ...]
    clustering: tuple[str, ...]
    udts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """the types of the fields of the keyspace's UDTs, by their name"""

    @property
    def key(self) -> tuple[str, ...]:
        return self.partition + self.clustering

    def is_regular(self, name: str) -> bool:
        column = self.columns.get(name)
        return column is not None and column.kind is ColumnKind.REGULAR

    def is_static(self, name: str) -> bool:
        column = self.columns.get(name)
        return column is not None and column.kind is ColumnKind.STATIC


def schemas(rows: Iterable[Sequence[bytes | None]]) -> dict[tuple[str, str], TableSchema]:
    """The tables in rows of `QUERY`, by (keyspace, table)."""
    found: dict[tuple[str, str], list[tuple[int, Column]]] = {}
    for row in rows:
        keyspace, table, name, kind, position, type_ = (cell or b"" for cell in row)
        column = Column(name.decode(), ColumnKind(kind.decode()), type_.decode())
        place = int.from_bytes(position, "big", signed=True)
        found.setdefault((keyspace.decode(), table.decode()), []).append((place, column))
    return {key: _schema(columns) for key, columns in found.items()}


def udts(rows: Iterable[Sequence[bytes | None]]) -> dict[str, dict[str, tuple[str, ...]]]:
    """The types of the fields in rows of `TYPES_QUERY`, by keyspace and name."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for keyspace, name, types in ((cell or b"" for cell in row) for row in rows):
        reader = Reader(types)
        fields = tuple((reader.value() or b"").decode() for _ in range(reader.i32()))
        found.setdefault(keyspace.decode(), {})[name.decode()] = fields
    return found


def _schema(columns: list[tuple[int, Column]]) -> TableSchema:
    ordered = [column for _, column in sorted(columns, key=lambda item: item[0])]
    return TableSchema(
        {column.name: column for column in ordered},
        tuple(c.name for c in ordered if c.kind is ColumnKind.PARTITION),
        tuple(c.name for c in ordered if c.kind is ColumnKind.CLUSTERING),
    )


def argument(type_: str) -> str:
    """Return the text between the outer angle brackets: `int` of `list<int>`."""
    return type_[type_.index("<") + 1 : -1]


def arguments(type_: str) -> tuple[str, ...]:
    """The types between the outer angle brackets: key and value of a map, all of a tuple."""
    inner, depth, start, found = argument(type_), 0, 0, list[str]()
    for index, letter in enumerate(inner):
        depth += (letter == "<") - (letter == ">")
        if letter == "," and depth == 0:
            found.append(inner[start:index].strip())
            start = index + 1
    return (*found, inner[start:].strip())
