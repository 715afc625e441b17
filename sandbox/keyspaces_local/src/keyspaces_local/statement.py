"""The description of one CQL statement: kinds and values, no reading and no rules."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from keyspaces_local.tokens import Token


class Kind(Enum):
    SELECT = auto()
    INSERT = auto()
    UPDATE = auto()
    DELETE = auto()
    BATCH = auto()
    USE = auto()
    CREATE_KEYSPACE = auto()
    ALTER_KEYSPACE = auto()
    DROP_KEYSPACE = auto()
    CREATE_TABLE = auto()
    ALTER_TABLE = auto()
    DROP_TABLE = auto()
    CREATE_TYPE = auto()
    DROP_TYPE = auto()
    ALTER_TYPE = auto()
    RESTORE_TABLE = auto()
    TRUNCATE = auto()
    INDEX = auto()
    VIEW = auto()
    FUNCTION = auto()
    AGGREGATE = auto()
    TRIGGER = auto()
    ROLE = auto()
    UNKNOWN = auto()


WRITES = frozenset({Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.BATCH})
DDL = frozenset(
    {
        Kind.CREATE_KEYSPACE,
        Kind.ALTER_KEYSPACE,
        Kind.DROP_KEYSPACE,
        Kind.CREATE_TABLE,
        Kind.ALTER_TABLE,
        Kind.DROP_TABLE,
        Kind.CREATE_TYPE,
        Kind.DROP_TYPE,
    }
)


class BatchType(Enum):
    LOGGED = 0
    UNLOGGED = 1
    COUNTER = 2


@dataclass(frozen=True, slots=True)
class Using:
    """A USING TIMESTAMP or TTL: a literal, or the bind marker that holds it."""

    literal: int | None = None
    marker: int = -1
    marker_name: str | None = None


class Marker(NamedTuple):
    """A bind marker within an expression: its number, its name, and the place of its token."""

    number: int
    name: str | None
    place: int

    @property
    def term(self) -> "Term":
        """The marker as if it stood alone."""
        return Term("", self.number, self.name)


@dataclass(frozen=True, slots=True)
class Term:
    """A column and what it is set or compared to: one bind marker, or the tokens of an expression.

    `plain` is False where the column is changed in part (`c = c + ?`, `c[k] = ?`); `markers` are
    those within `tokens`.
    """

    column: str
    marker: int = -1
    marker_name: str | None = None
    tokens: tuple[Token, ...] = ()
    plain: bool = True
    markers: tuple[Marker, ...] = ()


@dataclass(frozen=True, slots=True)
class Where:
    """A WHERE clause: its text's place, its equalities, its first bind marker and their number."""

    span: tuple[int, int]
    equal: tuple[Term, ...]
    marker: int
    markers: int
    lists: tuple[Term, ...] = ()
    """the IN restrictions; the column of one on several columns is empty"""
    slices: tuple[str, ...] = ()
    """the columns compared by inequality"""
    tokens: bool = False
    """Whether something is said of token(…)."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; `keyspace` is None where the text names none."""

    kind: Kind
    text: str
    keyspace: str | None = None
    name: str | None = None
    name_span: tuple[int, int] = (0, 0)
    conditional: bool = False
    in_restriction: bool = False
    timestamp: Using | None = None
    ttl: Using | None = None
    assigned: tuple[Term, ...] = ()
    """The terms that an INSERT or UPDATE writes; an INSERT's key columns are among them."""
    json: Term | None = None
    """The value of an INSERT JSON, in place of `assigned`."""
    where: Where | None = None
    picks_columns: bool = False
    """Whether a DELETE names columns, so that it deletes no row."""
    unequal: tuple[str, ...] = ()
    """The columns that the conditions compare by inequality."""
    markers: int = 0
    functions: frozenset[str] = frozenset()
    batch_type: BatchType | None = None
    children: tuple["Statement", ...] = ()

    @property
    def is_write(self) -> bool:
        return self.kind in WRITES
