"""CQL text, and nothing else: every statement that Hintferry sends to either side."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from functools import lru_cache

from hintferry.core.cql_text import quoted
from hintferry.core.limits import LEASE_S, OPEN_ITEM_S
from hintferry.core.rows import ColumnOrField
from hintferry.core.schema import Column, Table
from hintferry.core.slices import Piece

_once = lru_cache(1000)
"""A text is made once, and looked up for every further statement."""


class Ttls(Enum):
    """The columns whose remaining TTLs a read asks for."""

    NONE = "of nothing"
    CELLS = "of columns of one cell"
    ELEMENTS = "of those, and of each element of the others"
    """Cassandra 5.0 tells that; earlier releases, and Keyspaces, refuse the question."""


def ttls_asked(table: Table, elements: bool) -> Ttls:
    """Return of what a read of this table asks them; `elements`: of those too, where it may."""
    if table.is_counter or not table.may_expire:
        return Ttls.NONE
    return Ttls.ELEMENTS if elements and table.tells_elements else Ttls.CELLS


def ttl_readable(columns: Iterable[Column], ttls: Ttls = Ttls.CELLS) -> list[Column]:
    """The columns whose remaining TTL such a read asks."""
    if ttls is Ttls.NONE:
        return []
    is_of_all = ttls is Ttls.ELEMENTS
    some = (column for column in columns if column.cql_type != "counter")
    return [column for column in some if is_of_all or not column.multicell]


@_once
def select_rows(table: Table, ttls: Ttls, one: bool) -> str:
    """Rows of one partition by clustering key: partition key, then a key or a list of keys."""
    where = _equals(table.partition_key)
    if table.clustering and one:
        where += " AND " + _equals(table.clustering)
    elif len(table.clustering) == 1:
        where += f" AND {quoted(table.clustering[0].name)} IN ?"
    elif table.clustering:
        where += f" AND ({_names(table.clustering)}) IN ?"
    return f"SELECT {_row_selection(table, ttls)} FROM {_name(table)} WHERE {where}"


def select_piece(table: Table, piece: Piece, ttls: Ttls) -> str:
    """Rows of one piece of a slice: partition key, prefix, then the bounds."""
    fixed = len(piece.prefix)
    where = _equals(table.partition_key + table.clustering[:fixed])
    for bound in (piece.after, piece.before):
        if bound is not None:
            where += f" AND {quoted(table.clustering[fixed].name)} {bound[0]} ?"
    return f"SELECT {_row_selection(table, ttls)} FROM {_name(table)} WHERE {where}"


@_once
def select_statics(table: Table, ttls: Ttls) -> str:
    """The static columns of one partition, there even where it holds no rows."""
    columns = _names(table.partition_key + table.statics)
    columns += "".join(f", {ttl}" for ttl in _ttls(table.statics, ttls))
    return f"SELECT DISTINCT {columns} FROM {_name(table)} WHERE {_equals(table.partition_key)}"


def scan_rows(table: Table, ttls: Ttls) -> str:
    """Rows of a token range (its bounds): token, partition key, then as any row."""
    columns = [_token(table), _names(table.partition_key)]
    if table.clustering or table.regulars:
        columns.append(_row_selection(table, ttls))
    return f"SELECT {', '.join(columns)} FROM {_name(table)} WHERE {_between_tokens(table)}"


def scan_statics(table: Table, ttls: Ttls) -> str:
    """The static columns of the partitions of a token range likewise."""
    columns = [_token(table), _names(table.partition_key + table.statics)]
    columns += _ttls(table.statics, ttls)
    return (
        f"SELECT DISTINCT {', '.join(columns)} FROM {_name(table)} WHERE {_between_tokens(table)}"
    )


def read_nothing(table: Table, restriction: str) -> str:
    """No row at all, by a restriction that none can meet."""
    names = _names(table.partition_key)
    return f"SELECT {names} FROM {_name(table)} WHERE {restriction} ALLOW FILTERING"


def list_unmask(table: Table, role: str) -> str:
    """Return the statement that lists who grants the role the permission UNMASK."""
    return f"LIST UNMASK PERMISSION ON TABLE {_name(table)} OF {quoted(role)}"


def list_roles(role: str | None) -> str:
    """This role and those that it has; without one, those that the login may list."""
    return "LIST ROLES" if role is None else f"LIST ROLES OF {quoted(role)}"


def grant_unmask(table: Table, role: str | None) -> str:
    """Return the statement that grants the role UNMASK."""
    return f"GRANT UNMASK ON TABLE {_name(table)} TO {quoted(role) if role else 'its role'}"


def scan_write_times(table: Table) -> str:
    """The write times of each row of a token range: token, then those that can be read."""
    columns = ttl_readable(table.statics + table.regulars)
    times = [f"WRITETIME({quoted(column.name)})" for column in columns]
    selected = ", ".join([_token(table), *times])
    return f"SELECT {selected} FROM {_name(table)} WHERE {_between_tokens(table)}"


def select_write_times(table: Table) -> str | None:
    """The write times of one row (its primary key) that can be read; None where none can be."""
    times = [f"WRITETIME({quoted(column.name)})" for column in ttl_readable(table.regulars)]
    if not times:
        return None
    return f"SELECT {', '.join(times)} FROM {_name(table)} WHERE {_equals(_primary_key(table))}"


def scan_partitions(table: Table) -> str:
    """The partition keys of a token range."""
    names = _names(table.partition_key)
    return f"SELECT DISTINCT {names} FROM {_name(table)} WHERE {_between_tokens(table)}"


def next_rows(table: Table, most: int) -> str:
    """The first rows of the partitions that follow this one (its key) on the ring."""
    names, marks = _names(_primary_key(table)), ", ".join("?" * len(table.partition_key))
    where = f"{_token(table)} > token({marks})"
    return f"SELECT {names} FROM {_name(table)} WHERE {where} PER PARTITION LIMIT 1 LIMIT {most}"


def first_rows(table: Table, most: int) -> str:
    """The first rows of the ring."""
    return f"SELECT {_names(_primary_key(table))} FROM {_name(table)} LIMIT {most}"


@_once
def put(
    table: Table, columns: tuple[str, ...], with_row: bool, is_static: bool, with_ttl: bool
) -> str:
    """INSERT (which writes the row's marker too) or UPDATE.

    An INSERT binds keys, columns, timestamp, TTL; an UPDATE timestamp, TTL, columns, keys.
    """
    using = "USING TIMESTAMP ?" + (" AND TTL ?" if with_ttl else "")
    keys = table.partition_key if is_static else _primary_key(table)
    if with_row:
        names = [column.name for column in keys] + list(columns)
        marks = ", ".join("?" * len(names))
        listed = ", ".join(map(quoted, names))
        return f"INSERT INTO {_name(table)} ({listed}) VALUES ({marks}) {using}"
    assignments = ", ".join(f"{quoted(name)} = ?" for name in columns)
    return f"UPDATE {_name(table)} {using} SET {assignments} WHERE {_equals(keys)}"


@_once
def extend(table: Table, places: tuple[ColumnOrField, ...], is_static: bool) -> str:
    """Add elements to collections and set fields: timestamp, TTL, values, keys."""
    assignments = ", ".join(map(_extension, places))
    keys = table.partition_key if is_static else _primary_key(table)
    using = "USING TIMESTAMP ? AND TTL ?"
    return f"UPDATE {_name(table)} {using} SET {assignments} WHERE {_equals(keys)}"


def _extension(place: ColumnOrField) -> str:
    name = quoted(place.column)
    return f"{name} = {name} + ?" if place.field is None else f"{name}.{quoted(place.field)} = ?"


def add(table: Table, columns: tuple[str, ...]) -> str:
    """Add to counters: the deltas, then the primary key."""
    changes = ", ".join(f"{quoted(name)} = {quoted(name)} + ?" for name in columns)
    return f"UPDATE {_name(table)} SET {changes} WHERE {_equals(_primary_key(table))}"


@_once
def remove(table: Table) -> str:
    """Delete one row: timestamp (counters take none), then its primary key."""
    using = "" if table.is_counter else "USING TIMESTAMP ? "
    return f"DELETE FROM {_name(table)} {using}WHERE {_equals(_primary_key(table))}"


def _primary_key(table: Table) -> tuple[Column, ...]:
    return table.partition_key + table.clustering


def _row_selection(table: Table, ttls: Ttls) -> str:
    columns = [quoted(column.name) for column in table.clustering + table.regulars]
    columns += _ttls(table.regulars, ttls)
    return ", ".join(columns) or _names(table.partition_key)


def _ttls(columns: Iterable[Column], ttls: Ttls) -> list[str]:
    return [f"TTL({quoted(column.name)})" for column in ttl_readable(columns, ttls)]


def _token(table: Table) -> str:
    return f"token({_names(table.partition_key)})"


def _between_tokens(table: Table) -> str:
    return f"{_token(table)} > ? AND {_token(table)} <= ?"


def _name(table: Table) -> str:
    return f"{quoted(table.id.keyspace)}.{quoted(table.id.name)}"


def _names(columns: Iterable[Column]) -> str:
    return ", ".join(quoted(column.name) for column in columns)


def _equals(columns: Iterable[Column]) -> str:
    return " AND ".join(f"{quoted(column.name)} = ?" for column in columns)


DESCRIBE_COLUMNS = (
    "SELECT column_name, kind, position, clustering_order, type FROM system_schema.columns"
    " WHERE keyspace_name = ? AND table_name = ?"
)
DESCRIBE_TYPES = (
    "SELECT type_name, field_names, field_types FROM system_schema.types WHERE keyspace_name = ?"
)
_OF_TABLE = "WHERE keyspace_name = %s AND table_name = %s"
TABLE_OF_NODE = (
    "SELECT WRITETIME(gc_grace_seconds), default_time_to_live FROM system_schema.tables"
    f" {_OF_TABLE}",
    "SELECT column_name, kind, position, clustering_order, type FROM system_schema.columns"
    f" {_OF_TABLE}",
)
"""When the table was last altered (microseconds) and its default TTL, and its columns: of
one node, not prepared."""

TYPES_OF_NODE = (
    "SELECT type_name, field_names, field_types, WRITETIME(field_names)"
    " FROM system_schema.types WHERE keyspace_name = %s"
)
MASKED_COLUMNS = f"SELECT column_name FROM system_schema.column_masks {_OF_TABLE}"
SCHEMA_VERSION = "SELECT schema_version FROM system.local"
LOCAL_RING = "SELECT partitioner, tokens FROM system.local"
PEERS_RING = "SELECT tokens FROM system.peers"
PARTITIONER = "SELECT partitioner FROM system.local"
SIZES = (
    "SELECT range_start, range_end, mean_partition_size, partitions_count"
    " FROM system.size_estimates WHERE keyspace_name = ? AND table_name = ?"
)
PING = "SELECT key FROM system.local"
TIME = "SELECT toTimestamp(now()) FROM system.local"
TARGET_PROPERTIES = (
    "SELECT status, default_time_to_live, custom_properties FROM system_schema_mcs.tables"
    " WHERE keyspace_name = ? AND table_name = ?"
)

CONTROL_TABLES = (
    "CREATE KEYSPACE IF NOT EXISTS hintferry WITH replication = {'class': 'SingleRegionStrategy'}",
    "CREATE TABLE IF NOT EXISTS hintferry.leases (name blob PRIMARY KEY, owner text)"
    " WITH CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}}",
    "CREATE TABLE IF NOT EXISTS hintferry.open_items (name text, id uuid, due timestamp,"
    " reason text, PRIMARY KEY (name, id))"
    " WITH CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}}",
    "CREATE TABLE IF NOT EXISTS hintferry.fences (name text PRIMARY KEY, set_at timestamp,"
    " stopped_at timestamp, newest_at timestamp, ends_at timestamp,"
    " is_rehearsal boolean)",
    "CREATE TABLE IF NOT EXISTS hintferry.passes (name text, verb text, began timestamp,"
    " ended timestamp, at_all boolean, is_clean boolean, sums text, proof text,"
    " PRIMARY KEY ((name, verb), began)) WITH CLUSTERING ORDER BY (began DESC)",
    "CREATE TABLE IF NOT EXISTS hintferry.switches (name text PRIMARY KEY, paused_at timestamp,"
    " paused_by text, paused_why text, source_per_s int, target_per_s int, repair_per_s int)",
    "CREATE TABLE IF NOT EXISTS hintferry.journal (name text, at timestamp, id uuid, verb text,"
    " who text, old text, new text, reason text, PRIMARY KEY (name, at, id))"
    " WITH CLUSTERING ORDER BY (at DESC, id DESC)",
)
"""The tables that Hintferry keeps for itself on the target."""

STOCK_CONTROL_TABLES = (
    *CONTROL_TABLES,
    "CREATE TABLE IF NOT EXISTS hintferry.markers (name text PRIMARY KEY, written uuid,"
    " number bigint, drawn_at timestamp)"
    " WITH CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}",
)
"""The same for the stock connector, whose marker rows come through like any other."""

SOURCE_TABLES = (
    "CREATE KEYSPACE IF NOT EXISTS hintferry WITH replication = {replication}",
    "CREATE TABLE IF NOT EXISTS hintferry.markers (name text PRIMARY KEY, written uuid,"
    " number bigint, drawn_at timestamp) WITH cdc = true",
    "CREATE TABLE IF NOT EXISTS hintferry.captures (host_id uuid PRIMARY KEY, state text)",
    "CREATE TABLE IF NOT EXISTS hintferry.watermarks (name text, host_id uuid, number bigint,"
    " since bigint, drawn_at timestamp, settled_at timestamp, waits text,"
    " PRIMARY KEY (name, host_id))",
)
"""The tables that Hintferry keeps on the source. `markers` has a row a table, captured like any
other. `captures` has what the connector of each node says that it captures. `watermarks` has the
number of the newest marker before which all has arrived."""

CLUSTER = "SELECT cluster_name, data_center, partitioner FROM system.local"
SETTINGS = "SELECT name, value FROM system_views.settings"
TABLE_NOW = (
    "SELECT id, WRITETIME(gc_grace_seconds) FROM system_schema.tables"
    " WHERE keyspace_name = ? AND table_name = ?"
)
"""The id, and when the table was last altered (microseconds): each ALTER writes this row again."""

NODE_ITSELF = "SELECT host_id, schema_version, truncated_at FROM system.local"
CAPTURES = "SELECT host_id, state FROM hintferry.captures"
NUMBER = "SELECT number FROM hintferry.markers WHERE name = ?"
DRAW_NUMBER = (
    "UPDATE hintferry.markers SET number = ?, written = ?, drawn_at = ? WHERE name = ?"
    " IF number = ?"
)
MARKS = "SELECT host_id, number, since, drawn_at, waits FROM hintferry.watermarks WHERE name = ?"
SET_MARKER = "INSERT INTO hintferry.markers (name, written) VALUES (?, ?)"
MARKER = "SELECT written FROM hintferry.markers WHERE name = ?"
OPEN_ITEM = (
    "INSERT INTO hintferry.open_items (name, id, due, reason) VALUES (?, ?, ?, ?)"
    f" USING TTL {OPEN_ITEM_S}"
)
CLOSE_ITEM = "DELETE FROM hintferry.open_items WHERE name = ? AND id = ?"
OPEN_ITEMS = "SELECT id, due, reason FROM hintferry.open_items WHERE name = ?"
FENCES = "SELECT name, ends_at FROM hintferry.fences"
FENCE = (
    "SELECT set_at, stopped_at, newest_at, ends_at, is_rehearsal FROM hintferry.fences"
    " WHERE name = ?"
)
ANNOUNCE = "INSERT INTO hintferry.fences (name, ends_at) VALUES (?, ?)"
WITHDRAW = "DELETE FROM hintferry.fences WHERE name = ?"
SETTLE_FENCE = "UPDATE hintferry.fences SET newest_at = ?, ends_at = ? WHERE name = ? IF EXISTS"
SET_FENCE = (
    "INSERT INTO hintferry.fences (name, set_at, stopped_at, is_rehearsal) VALUES (?, ?, ?, ?)"
    " IF NOT EXISTS"
)
LIFT_FENCE = "DELETE FROM hintferry.fences WHERE name = ? IF EXISTS"
ENTER_PASS = (
    "INSERT INTO hintferry.passes (name, verb, began, ended, at_all, is_clean, sums, proof)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
PASSES = (
    "SELECT began, ended, at_all, is_clean, sums, proof FROM hintferry.passes"
    " WHERE name = ? AND verb = ? AND began >= ?"
)
SWITCHES = (
    "SELECT name, paused_at, paused_by, paused_why, source_per_s, target_per_s, repair_per_s"
    " FROM hintferry.switches"
)
SET_PAUSE = (
    "UPDATE hintferry.switches SET paused_at = ?, paused_by = ?, paused_why = ? WHERE name = ?"
)
SET_RATES = (
    "UPDATE hintferry.switches SET source_per_s = ?, target_per_s = ?, repair_per_s = ?"
    " WHERE name = ?"
)
ADD_ENTRY = (
    "INSERT INTO hintferry.journal (name, at, id, verb, who, old, new, reason)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
ENTRIES = "SELECT at, verb, who, old, new, reason FROM hintferry.journal WHERE name = ? AND at >= ?"
TAKE_LEASE = (
    f"INSERT INTO hintferry.leases (name, owner) VALUES (?, ?) IF NOT EXISTS USING TTL {LEASE_S}"
)
GIVE_BACK_LEASE = "DELETE FROM hintferry.leases WHERE name = ? IF owner = ?"
