"""The description of a table, as far as the rules need it: names, kinds and order of columns.

Types are kept as the one text that `core/cql_type.py` has for each. They are looked into only for
two questions: may a key component have this length, and can the TTL of this column be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import NamedTuple

from hintferry.core.cql_text import identifier
from hintferry.core.cql_type import NATIVES, parse

Key = tuple[bytes, ...]
"""The CQL wire bytes of the components of a partition key or of a clustering key, in key order."""

_WIDTHS = {
    "bigint": 8,
    "boolean": 1,
    "counter": 8,
    "date": 4,
    "double": 8,
    "float": 4,
    "int": 4,
    "smallint": 2,
    "time": 8,
    "timestamp": 8,
    "timeuuid": 16,
    "tinyint": 1,
    "uuid": 16,
}
_ONE_FORM = NATIVES - {"boolean", "decimal", "double", "duration", "float", "varint"}
"""Types of which two values are equal to the server only if their bytes are."""


class ColumnKind(Enum):
    """The kinds of column in a table; the values are those of `system_schema.columns`."""

    PARTITION_KEY = "partition_key"
    CLUSTERING = "clustering"
    STATIC = "static"
    REGULAR = "regular"


class TableId(NamedTuple):
    """The unquoted, case-kept names of a keyspace and a table in it."""

    keyspace: str
    name: str

    def __str__(self) -> str:
        return f"{self.keyspace}.{self.name}"

    @property
    def cql(self) -> str:
        """Return it as a statement has it, with quotes where CQL needs them."""
        return f"{identifier(self.keyspace)}.{identifier(self.name)}"


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `position` counts within the key, `descending` is the clustering order."""

    name: str
    cql_type: str
    kind: ColumnKind
    position: int = 0
    descending: bool = False

    @property
    def multicell(self) -> bool:
        """True for a non-frozen collection or user type: many cells, each of which has a TTL."""
        return parse(self.cql_type).multicell

    def accepts(self, component: bytes) -> bool:
        """Return whether a key component of this many bytes can be of this type (an empty one
        may).
        """
        width = _WIDTHS.get(self.cql_type)
        return width is None or len(component) in (0, width)


@dataclass(frozen=True, slots=True)
class UserType:
    """A user-defined type: its name and its fields in order, each a name and a type."""

    name: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """One table's columns by kind: keys by position, the rest by name as the server lists them.

    `user_types` are those that its columns use, by name. `masked`: columns that a login without the
    permission UNMASK is shown masked. `altered_us`: when the table, or a type of its keyspace, was
    last altered, as the node knew it that described it (microseconds; 0: not known).
    `longest_ttl`: within so many seconds of its write whatever may expire has expired of which the
    source tells no TTL; 0: not known. `tells_elements`: whether it tells that of each
    element of a non-frozen collection or user type. `may_expire`: False where migration.toml says
    that no value has a TTL, so no read asks for one.
    """

    id: TableId
    partition_key: tuple[Column, ...]
    clustering: tuple[Column, ...] = ()
    statics: tuple[Column, ...] = ()
    regulars: tuple[Column, ...] = ()
    user_types: tuple[UserType, ...] = ()
    masked: tuple[str, ...] = ()
    altered_us: int = 0
    longest_ttl: int = 0
    tells_elements: bool = False
    may_expire: bool = True

    def __hash__(self) -> int:
        # What is made of a table once is looked up for every statement.
        return hash(self.id)

    @property
    def columns(self) -> tuple[Column, ...]:
        """Return all columns, those of the keys first."""
        return self.partition_key + self.clustering + self.statics + self.regulars

    @cached_property
    def regular_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.regulars)

    @cached_property
    def static_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.statics)

    def is_bounded(self, column: Column) -> bool:
        """Return whether nothing tells when the column's elements expire but `longest_ttl`."""
        return bool(self.longest_ttl) and column.multicell and not self.tells_elements

    @cached_property
    def is_counter(self) -> bool:
        return any(column.cql_type == "counter" for column in self.regulars + self.statics)

    @cached_property
    def has_synonyms(self) -> bool:
        """Return whether clustering keys of different bytes may be one row, as decimals 1.0 and
        1.00.
        """
        return any(column.cql_type not in _ONE_FORM for column in self.clustering)


def used_types(columns: Iterable[Column], known: Mapping[str, UserType]) -> set[UserType]:
    """Return the user types that the columns name, and those that their fields name in turn."""
    used: set[UserType] = set()
    open_texts = [column.cql_type for column in columns]
    while open_texts:
        for name in parse(open_texts.pop()).user_types():
            user_type = known.get(name)
            if user_type is not None and user_type not in used:
                used.add(user_type)
                open_texts += [text for _, text in user_type.fields]
    return used
