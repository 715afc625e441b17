"""Whatever names and types a schema has: what we print of it is read again as the same."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from hintferry.adapters.target import ddl
from hintferry.core.capacity import ON_DEMAND
from hintferry.core.cql_type import CqlType, TypeKind, parse
from hintferry.core.schema import Column, ColumnKind, Table, TableId, UserType
from hintferry_ops.fit.misfits import Schema, differences
from hintferry_ops.fit.schema_file import schema_of
from hintferry_ops.names import told_apart

WORDS = ["order", "Order", "select", "int", "frozen", "primary", "vector", "org", "key", "with"]
TABLE_NAMES = st.from_regex(r"[A-Za-z0-9_]{1,48}", fullmatch=True) | st.sampled_from(WORDS)
ANY_NAMES = (
    TABLE_NAMES | st.text(min_size=1, max_size=8) | st.sampled_from(["a;b", 'q"q', "é", "."])
)
NATIVE = st.sampled_from(["int", "text", "uuid", "decimal", "timestamp", "blob"])


def types(known: list[str]) -> st.SearchStrategy[str]:
    """The text of any type that a column may have, of these user types too."""
    inner = NATIVE.map(parse)
    if known:
        inner |= st.sampled_from(known).map(lambda name: CqlType(TypeKind.USER, name))
    of_one = st.sampled_from([TypeKind.LIST, TypeKind.SET, TypeKind.FROZEN])
    nested = st.recursive(
        inner,
        lambda below: st.one_of(
            st.tuples(of_one, below).map(lambda drawn: CqlType(drawn[0], "", (drawn[1],))),
            st.tuples(below, below).map(lambda two: CqlType(TypeKind.MAP, "", two)),
            st.lists(below, min_size=1, max_size=3).map(
                lambda some: CqlType(TypeKind.TUPLE, "", tuple(some))
            ),
        ),
        max_leaves=4,
    )
    # What Cassandra would freeze by itself is so only once it was read.
    return nested.map(lambda drawn: str(parse(str(drawn))))


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    """One keyspace with some types and tables, which may be named alike but for their case."""
    keyspace = draw(TABLE_NAMES)
    made: list[UserType] = []
    for name in draw(st.lists(ANY_NAMES, max_size=3, unique=True)):
        fields = draw(st.lists(ANY_NAMES, min_size=1, max_size=3, unique=True))
        known = types([one.name for one in made])
        made.append(UserType(name, tuple((field, draw(known)) for field in fields)))
    tables = {}
    for name in draw(st.lists(TABLE_NAMES, min_size=1, max_size=3, unique=True)):
        table = draw(tables_of(TableId(keyspace, name), types([one.name for one in made])))
        tables[table.id] = table
    return Schema(tables, {keyspace: tuple(made)} if made else {})


@st.composite
def tables_of(draw: st.DrawFn, id_: TableId, kinds: st.SearchStrategy[str]) -> Table:
    """A table of columns of any name and type."""
    names = draw(st.lists(ANY_NAMES, min_size=1, max_size=8, unique=True))
    partition = draw(st.integers(1, len(names)))
    clustering = draw(st.integers(partition, len(names)))
    statics = draw(st.integers(clustering, len(names))) if clustering > partition else clustering

    def columns(kind: ColumnKind, chosen: list[str]) -> tuple[Column, ...]:
        is_key = kind in (ColumnKind.PARTITION_KEY, ColumnKind.CLUSTERING)
        return tuple(
            Column(
                name,
                draw(kinds),
                kind,
                place if is_key else 0,
                kind is ColumnKind.CLUSTERING and draw(st.booleans()),
            )
            for place, name in enumerate(chosen if is_key else sorted(chosen))
        )

    return Table(
        id_,
        columns(ColumnKind.PARTITION_KEY, names[:partition]),
        columns(ColumnKind.CLUSTERING, names[partition:clustering]),
        columns(ColumnKind.STATIC, names[clustering:statics]),
        columns(ColumnKind.REGULAR, names[statics:]),
    )


@settings(max_examples=50)
@given(schemas())
def test_what_is_printed_is_read_as_the_same(schema: Schema) -> None:
    statements = [
        *(ddl.create_type(name, one) for name, made in schema.types.items() for one in made),
        *(ddl.create_table(table, "", ON_DEMAND) for table in schema.tables.values()),
    ]
    found = schema_of(";\n".join(statements), "printed")
    assert found.types == schema.types
    for table in schema.tables.values():
        assert differences(found, table) == ""
    assert list(found.tables) == list(schema.tables)


@given(schemas())
def test_ids_of_one_stack_never_meet(schema: Schema) -> None:
    named = [str(table) for table in schema.tables]
    named += [f"{name}.{one.name}" for name, made in schema.types.items() for one in made]
    ids = {re.sub("[^0-9a-z]", "", told_apart(name).lower()) for name in named}
    assert len(ids) == len(set(named))
