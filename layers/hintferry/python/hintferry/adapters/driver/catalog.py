"""The target's tables as its `system_schema` describes them, kept until the schema changes.

The source's nodes may differ: `adapters/source/catalog.py`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from struct import unpack
from typing import Any

from cassandra.cqltypes import ListType, UTF8Type

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.session import CqlSession
from hintferry.core.cql_type import parse
from hintferry.core.errors import HintferryError, SideFault, UnknownTable
from hintferry.core.schema import Column, ColumnKind, Table, TableId, UserType, used_types

VERSION_CHECK_S = 0.1
"""Protocol v4 never tells of a new column, so the schema's version is asked for. A hint takes
longer from its write to us: the version was compared after the write that it speaks of."""

REMEMBER_FAILURE_S = 1.0
"""A side that did not answer is not asked again for each record of a batch."""

REMEMBER_ABSENCE_S = 5.0
"""A table that is not there, or a side that did not answer, is asked for again after this."""

_TEXTS = ListType.apply_parameters([UTF8Type])


class Catalog:
    """Looks tables up by name; safe to call from several threads."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session
        self._tables: dict[TableId, Table] = {}
        self._absent: dict[TableId, tuple[float, HintferryError]] = {}
        self._version: bytes | None = None
        self._checked_at = 0.0
        self._failure: tuple[float, HintferryError | None] = (0.0, None)
        self._lock = threading.RLock()

    def table(self, table: TableId) -> Table:
        """The table. Raises UnknownTable, or SideFault where the side did not answer."""
        with self._lock:
            self._drop_what_changed()
            found = self._tables.get(table)
            if found is None:
                found = self._tables[table] = self._describe_once(table)
            return found

    def forget(self, table: TableId) -> None:
        """Ask again for this table."""
        with self._lock:
            self._tables.pop(table, None)
            self._absent.pop(table, None)

    def _drop_what_changed(self) -> None:
        now = time.monotonic()
        if now - self._checked_at < VERSION_CHECK_S:
            return
        failed_at, failure = self._failure
        if failure is not None and now - failed_at < REMEMBER_FAILURE_S:
            raise failure
        try:
            rows = self._session.current().execute(cql.SCHEMA_VERSION).all()
        except Exception as error:
            self._session.doubt(error)
            failure = translate(self._session, error)
            self._failure = time.monotonic(), failure
            raise failure from error
        self._failure = 0.0, None
        self._checked_at = now
        if rows[0][0] != self._version:
            self._version = rows[0][0]
            self._tables.clear()
            self._absent.clear()
            self._session.forget_statements()

    def _describe_once(self, table: TableId) -> Table:
        failed_at, error = self._absent.get(table, (0.0, None))
        if error is not None and time.monotonic() - failed_at < REMEMBER_ABSENCE_S:
            raise error
        try:
            return self._describe(table)
        except (UnknownTable, SideFault) as failure:
            self._absent[table] = (time.monotonic(), failure)
            raise

    def _describe(self, table: TableId) -> Table:
        names = [table.keyspace.encode(), table.name.encode()]
        try:
            rows = execute_raw(self._session, cql.DESCRIBE_COLUMNS, names)
        except Exception as error:
            raise translate(self._session, error) from error
        if not rows:
            raise UnknownTable(f"the {self._session.side.value} has no table {table}")
        return table_of(table, [column_of(row) for row in rows], self._user_types(table))

    def _user_types(self, table: TableId) -> dict[str, UserType]:
        try:
            rows = execute_raw(self._session, cql.DESCRIBE_TYPES, [table.keyspace.encode()])
        except Exception as error:
            raise translate(self._session, error) from error
        return {found.name: found for found in map(user_type_of, rows)}


def execute_raw(session: CqlSession, text: str, values: Sequence[bytes | None]) -> list[Any]:
    """Run a prepared statement with wire bytes and return all rows. Raises the driver's errors."""
    rows: list[Any] = session.current().execute(session.bind(text, values)).all()
    return rows


def column_of(row: tuple[bytes, ...]) -> Column:
    """Return the column that a row of `cql.DESCRIBE_COLUMNS` describes."""
    name, kind, position, order, cql_type = row
    return Column(
        name.decode(),
        str(parse(cql_type.decode())),
        ColumnKind(kind.decode()),
        max(unpack(">i", position)[0], 0),
        order == b"desc",
    )


def user_type_of(row: tuple[bytes, ...]) -> UserType:
    """Return the type that a row of `cql.DESCRIBE_TYPES` describes."""
    name, names, types = row
    kinds = (str(parse(one)) for one in _TEXTS.deserialize(types, 4))
    fields = zip(_TEXTS.deserialize(names, 4), kinds, strict=True)
    return UserType(name.decode(), tuple(fields))


def table_of(
    table: TableId,
    columns: list[Column],
    known: dict[str, UserType],
    altered_us: int = 0,
    masked: tuple[str, ...] = (),
    longest_ttl: int = 0,
    tells_elements: bool = False,
) -> Table:
    """Return the table of these columns, given the user types of its keyspace by name."""

    def of(kind: ColumnKind) -> tuple[Column, ...]:
        chosen = (column for column in columns if column.kind is kind)
        return tuple(sorted(chosen, key=lambda column: (column.position, column.name)))

    used = used_types(columns, known)
    return Table(
        table,
        of(ColumnKind.PARTITION_KEY),
        of(ColumnKind.CLUSTERING),
        of(ColumnKind.STATIC),
        of(ColumnKind.REGULAR),
        tuple(sorted(used, key=lambda user_type: user_type.name)),
        masked,
        altered_us,
        longest_ttl,
        tells_elements,
    )
