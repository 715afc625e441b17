"""A table's columns as the Cassandra behind knows them. Values only; `catalog` reads them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

QUERY = (
    "SELECT keyspace_name, table_name, column_name, kind, position, type FROM system_schema.columns"
)
_PARTS = 2


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


def _schema(columns: list[tuple[int, Column]]) -> TableSchema:
    ordered = [column for _, column in sorted(columns, key=lambda item: item[0])]
    return TableSchema(
        {column.name: column for column in ordered},
        tuple(c.name for c in ordered if c.kind is ColumnKind.PARTITION),
        tuple(c.name for c in ordered if c.kind is ColumnKind.CLUSTERING),
    )


def argument(type_: str) -> str:
    """What stands between the outer angle brackets: `int` of `list<int>`."""
    return type_[type_.index("<") + 1 : -1]


def arguments(type_: str) -> tuple[str, str]:
    """Key and value type of a map."""
    inner, depth = argument(type_), 0
    for index, letter in enumerate(inner):
        depth += (letter == "<") - (letter == ">")
        if letter == "," and depth == 0:
            return inner[:index].strip(), inner[index + 1 :].strip()
    raise ValueError(f"{type_} is no map of {_PARTS} types")
