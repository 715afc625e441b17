"""Tables that hold every shape, for the source and, derived from them, for Keyspaces."""

from __future__ import annotations

TYPE = "CREATE TYPE {}.address (street text, city text, zip int)"

_TABLES = {
    "users": """CREATE TABLE {}.users (
        id int PRIMARY KEY, name text, mail text, total decimal, tags set<text>,
        scores map<text, int>, seen list<int>, home address, work frozen<address>
    )""",
    "items": """CREATE TABLE {}.items (
        shop text, day int, at int, n int, state text, total decimal, tags set<text>,
        lines list<text>, notes map<int, text>, home address, credit int static,
        memo set<text> static, PRIMARY KEY ((shop, day), at, n)
    ) WITH CLUSTERING ORDER BY (at DESC, n ASC)""",
    "events": """CREATE TABLE {}.events (
        pk int, seq int, v text, raw blob, note text static, PRIMARY KEY (pk, seq)
    ) WITH CLUSTERING ORDER BY (seq DESC)""",
    "edges": "CREATE TABLE {}.edges (a int, b int, PRIMARY KEY (a, b))",
    "mortal": """CREATE TABLE {}.mortal (
        pk int, ck int, base text, a text, b int, s text static, PRIMARY KEY (pk, ck)
    )""",
    "counts": """CREATE TABLE {}.counts (
        pk int, ck int, hits counter, bytes counter, PRIMARY KEY (pk, ck)
    )""",
    "moving": """CREATE TABLE {}.moving (
        pk int, ck int, base text, c0 text, c1 set<text>, c2 int, PRIMARY KEY (pk, ck)
    )""",
}

MOVING_TABLE = "moving"
_FLUSH_MS = 2000
"""A write that races with DROP of its column leaves the column in the memtable: until that is
flushed Cassandra fails to read the row (see docs/explanation/semantics.md)."""

MOVING = {
    "c0": "text",
    "c1": "set<text>",
    "c2": "int",
    "c3": "list<int>",
    "c4": "text",
    "c5": "frozen<list<int>>",
    "c6": "bigint",
    "c7": "map<text, int>",
    "c8": "blob",
}
"""The columns of `moving` that come and go, with their types; at first there are three. None is of
a user type: once dropped, Cassandra knows it as a tuple and does not let it back."""

UNCAPTURED = (
    "CREATE TABLE IF NOT EXISTS {}.uncaptured (pk int, seq int, v text, PRIMARY KEY (pk, seq))"
)
"""A table without cdc, which the target lacks."""

VIEW_NAME = "by_v"
VIEW = f"""CREATE MATERIALIZED VIEW IF NOT EXISTS {{0}}.{VIEW_NAME} AS
    SELECT pk, seq, v FROM {{0}}.events WHERE v IS NOT NULL AND pk IS NOT NULL AND seq IS NOT NULL
    PRIMARY KEY (v, pk, seq)"""
"""A view of a captured table, made and dropped again."""

MARKER_TABLE = "items"
"""The table of marker rows: its partition key begins with a text, so the name tells the row."""

_SWITCHES = (
    "CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'},"
    " 'ttl': {'status': 'enabled'}}"
)


def tables(keyspace: str) -> tuple[str, ...]:
    """The captured tables as `keyspace.table`."""
    return tuple(f"{keyspace}.{name}" for name in _TABLES)


def source_ddl(keyspace: str, replication: str) -> list[str]:
    """The source's statements; `replication` is the keyspace's, as CQL."""
    create = f"CREATE KEYSPACE {keyspace} WITH replication = {replication}"
    made = [_with(ddl.format(keyspace), "cdc = true") for ddl in _TABLES.values()]
    flushed = (
        f"ALTER TABLE {keyspace}.{MOVING_TABLE} WITH memtable_flush_period_in_ms = {_FLUSH_MS}"
    )
    return [create, TYPE.format(keyspace), *made, flushed, UNCAPTURED.format(keyspace)]


def target_ddl(keyspace: str) -> list[str]:
    """The same for Keyspaces: client-side timestamps and TTL, no CDC; bare for counters."""
    create = f"CREATE KEYSPACE {keyspace} WITH replication = {{'class': 'SingleRegionStrategy'}}"
    made = [
        ddl.format(keyspace) if name == "counts" else _with(ddl.format(keyspace), _SWITCHES)
        for name, ddl in _TABLES.items()
    ]
    return [create, TYPE.format(keyspace), *made]


def _with(table: str, option: str) -> str:
    return f"{table} {'AND' if 'WITH' in table else 'WITH'} {option}"
