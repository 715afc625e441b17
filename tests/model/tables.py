"""The tables of the model, one for each shape that the rules treat differently."""

from __future__ import annotations

from dataclasses import replace

from hintferry.core.schema import Column, ColumnKind, Key, Table, TableId, UserType

PK, CK = ColumnKind.PARTITION_KEY, ColumnKind.CLUSTERING
STATIC, REGULAR = ColumnKind.STATIC, ColumnKind.REGULAR

WIDE = Table(
    TableId("model", "wide"),
    (Column("pk", "blob", PK),),
    (Column("c1", "blob", CK, 0), Column("c2", "blob", CK, 1)),
    (Column("s", "blob", STATIC), Column("sl", "list<blob>", STATIC)),
    (
        Column("a", "blob", REGULAR),
        Column("b", "blob", REGULAR),
        Column("l", "list<blob>", REGULAR),
    ),
)
"""Rows of two clustering columns, static columns, a list in both places."""

PLAIN = Table(
    TableId("model", "plain"),
    (Column("pk", "blob", PK),),
    regulars=(Column("a", "blob", REGULAR), Column("b", "blob", REGULAR)),
)
"""One row a partition."""

BARE = Table(TableId("model", "bare"), (Column("pk", "blob", PK),), (Column("c1", "blob", CK, 0),))
"""A primary key and nothing else."""

COUNTS = Table(
    TableId("model", "counts"),
    (Column("pk", "blob", PK),),
    (Column("c1", "blob", CK, 0),),
    regulars=(Column("m", "counter", REGULAR), Column("n", "counter", REGULAR)),
)
"""Counters."""

ELEMENTS = Table(
    TableId("model", "elements"),
    (Column("pk", "blob", PK),),
    (Column("c1", "blob", CK, 0),),
    (Column("sm", "map<blob, blob>", STATIC),),
    (
        Column("a", "blob", REGULAR),
        Column("l", "list<blob>", REGULAR),
        Column("m", "map<blob, blob>", REGULAR),
        Column("s", "set<blob>", REGULAR),
        Column("u", "pair", REGULAR),
    ),
    (UserType("pair", (("x", "blob"), ("y", "blob"))),),
    tells_elements=True,
)
"""Collections of all kinds, on a source that tells when each element expires."""

KEYED = replace(
    ELEMENTS,
    id=TableId("model", "keyed"),
    regulars=tuple(one for one in ELEMENTS.regulars if not one.cql_type.startswith("list")),
    tells_elements=False,
    may_expire=False,
)
"""The same without a list and without TTLs: each element of a collection has its own key."""

LONGEST_TTL_S = 300

BOUNDED = replace(
    ELEMENTS, id=TableId("model", "bounded"), longest_ttl=LONGEST_TTL_S, tells_elements=False
)
"""On one that does not; all that may expire does so within a time that is known."""

LATER = Column("x", "blob", REGULAR)
"""A column that ALTER adds, and drops."""

TABLES = {table.id.name: table for table in (WIDE, PLAIN, BARE, COUNTS, ELEMENTS, KEYED, BOUNDED)}

PARTITIONS: tuple[Key, ...] = ((b"p",), (b"q",))

CLUSTERINGS: dict[str, tuple[Key, ...]] = {
    "wide": ((b"1", b"x"), (b"1", b"y"), (b"2", b"x"), (b"2", b"y")),
    "plain": ((),),
    "bare": ((b"1",), (b"2",), (b"3",)),
    "counts": ((b"1",), (b"2",)),
    "elements": ((b"1",), (b"2",)),
    "keyed": ((b"1",), (b"2",)),
    "bounded": ((b"1",), (b"2",)),
}

TOO_LARGE: Key = (b"3", b"!")
"""A row of `wide` that the target refuses for what it is."""
