"""The schema of the shop, for the source and, derived from it, for Keyspaces.

Its tables have composite and single partition keys, clustering in both directions, statics, a
user-defined type, and every kind of collection, frozen and not.
"""

from __future__ import annotations

KEYSPACE = "shop"

_TYPES = ("CREATE TYPE shop.address (street text, city text, zip text)",)

_TABLES = {
    "shop.customers": """CREATE TABLE shop.customers (
        id uuid PRIMARY KEY,
        name text, email text, joined timestamp, balance decimal, photo blob,
        home frozen<address>, tags set<text>, phones map<text, text>, viewed list<int>
    )""",
    "shop.orders": """CREATE TABLE shop.orders (
        customer uuid, month text, placed timestamp, number int,
        state text, total decimal, gift boolean,
        items list<frozen<tuple<text, int>>>, history map<timestamp, text>,
        coupons frozen<set<text>>, credit decimal static, note text static,
        PRIMARY KEY ((customer, month), placed, number)
    ) WITH CLUSTERING ORDER BY (placed DESC, number ASC)""",
    "shop.readings": """CREATE TABLE shop.readings (
        sensor text, day date, at timestamp, channel smallint,
        value double, quality tinyint, flags set<text>, raw blob, unit text static,
        PRIMARY KEY ((sensor, day), at, channel)
    ) WITH CLUSTERING ORDER BY (at DESC, channel ASC)""",
}

TABLES = tuple(_TABLES)
"""The tables as `keyspace.table`."""

_TIMESTAMPS = "CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"


def source_ddl(replication: str) -> list[str]:
    """The source's statements; `replication` is the keyspace's, as CQL."""
    keyspace = f"CREATE KEYSPACE {KEYSPACE} WITH replication = {replication}"
    return [keyspace, *_TYPES, *(_with(table, "cdc = true") for table in _TABLES.values())]


def target_ddl() -> list[str]:
    """Return the DDL for Keyspaces: client-side timestamps, no CDC."""
    keyspace = f"CREATE KEYSPACE {KEYSPACE} WITH replication = {{'class': 'SingleRegionStrategy'}}"
    return [keyspace, *_TYPES, *(_with(table, _TIMESTAMPS) for table in _TABLES.values())]


def _with(table: str, option: str) -> str:
    return f"{table} {'AND' if 'WITH' in table else 'WITH'} {option}"
