"""Tell whether a table of the target can hold what the source's does, checked before it is written.

Protocol v4 tells neither side of the other's new columns. A target without client-side timestamps
would let a late, old write win. Both are refused with the statement that fixes them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cassandra.cqltypes import MapType, UTF8Type

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.catalog import Catalog, execute_raw
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.target import ddl
from hintferry.core.errors import HintferryError, SchemaMismatch, Side, Unavailable, UnknownTable
from hintferry.core.schema import Column, Table, TableId

ASK_AGAIN_S = 1.0
"""A table that was refused is looked at again after this: somebody may have fixed it."""

_PROPERTIES = MapType.apply_parameters([UTF8Type, MapType.apply_parameters([UTF8Type, UTF8Type])])


@dataclass(frozen=True, slots=True)
class _Checked:
    """The result of one check of a table: why nothing may be written, and why no TTL may."""

    table: Table
    error: HintferryError | None
    ttl_error: HintferryError | None
    at: float


class Agreement:
    """Compares the target's tables with the source's, once a table and version of it."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session
        self._catalog = Catalog(session)
        self._verdicts: dict[TableId, _Checked] = {}

    def check(self, table: Table, with_ttl: bool = False) -> None:
        """Refuse a table that may not be written, with TTLs where there are any.

        Raises SchemaMismatch with the fix, or SideFault where the target did not tell.
        """
        known = self._verdicts.get(table.id)
        if known is None or _is_due(known) or known.table is not table:
            known = self._verdicts[table.id] = self._judge(table)
        error = known.error or (known.ttl_error if with_ttl else None)
        if error is not None:
            raise error

    def forget(self, table: Table) -> None:
        """The target refused a statement: look at the table again before the next."""
        self._verdicts.pop(table.id, None)

    def faults(self, table: Table, with_ttl: bool) -> list[HintferryError]:
        """All that forbids to write the table, each with its fix. Raises SideFault."""
        errors, ttl_error = self._find(table)
        return [*errors, ttl_error] if with_ttl and ttl_error is not None else errors

    def _judge(self, table: Table) -> _Checked:
        errors: list[HintferryError] = []
        ttl_error: HintferryError | None = None
        try:
            errors, ttl_error = self._find(table)
        except HintferryError as failure:
            errors = [failure]
        return _Checked(table, errors[0] if errors else None, ttl_error, time.monotonic())

    def _find(self, table: Table) -> tuple[list[HintferryError], HintferryError | None]:
        """Find the reasons that forbid any write, and those that forbid a write with a TTL."""
        self._catalog.forget(table.id)
        try:
            on_target = self._catalog.table(table.id)
        except UnknownTable as unknown:
            fix = "what `hintferry schema` prints for it, or deploy the stacks"
            return [SchemaMismatch(f"{unknown}; run: {fix}")], None
        errors: list[HintferryError] = list(column_faults(table, on_target))
        if errors:
            return errors, None
        default_ttl, switches = self._properties(table)
        if not table.is_counter and not _is_on(switches, "client_side_timestamps"):
            errors.append(_switch_off(table, "client_side_timestamps"))
        if default_ttl:
            errors.append(
                SchemaMismatch(
                    f"the target's {table.id} has a default TTL, which would expire rows"
                    f" that the source keeps; run: {ddl.set_default_ttl(table.id, 0)}"
                )
            )
        return errors, None if _is_on(switches, "ttl") else _switch_off(table, "ttl")

    def _properties(self, table: Table) -> tuple[int, dict[str, Any]]:
        try:
            status, default_ttl, switches = properties_of(self._session, table.id)
        except Exception as error:
            raise Unavailable(Side.TARGET, f"cannot read its table properties: {error}") from error
        if status != "ACTIVE":
            raise Unavailable(Side.TARGET, f"table {table.id} is not ACTIVE yet")
        return default_ttl, switches


def properties_of(session: CqlSession, table: TableId) -> tuple[str, int, dict[str, Any]]:
    """A table's status (empty: not there), default TTL in seconds, custom properties.

    Raises the driver's errors.
    """
    names = [table.keyspace.encode(), table.name.encode()]
    rows = execute_raw(session, cql.TARGET_PROPERTIES, names)
    if not rows:
        return "", 0, {}
    status, default_ttl, properties = rows[0]
    switches = _PROPERTIES.deserialize(properties, 4) if properties else {}
    return (status or b"").decode(), int.from_bytes(default_ttl or b""), dict(switches or {})


def _is_due(verdict: _Checked) -> bool:
    has_error = verdict.error is not None or verdict.ttl_error is not None
    return has_error and time.monotonic() - verdict.at > ASK_AGAIN_S


def _is_on(switches: dict[str, Any], name: str) -> bool:
    return dict(switches.get(name, {})).get("status") == "enabled"


def _switch_off(table: Table, name: str) -> SchemaMismatch:
    return SchemaMismatch(
        f"the target's {table.id} has {name} off; run: {ddl.switch_on(table.id, name)}"
    )


def column_faults(source: Table, target: Table) -> Iterator[SchemaMismatch]:
    """Yield where the target's columns and types cannot take the source's; it may have more."""
    if [_kinds(source.partition_key), _kinds(source.clustering)] != [
        _kinds(target.partition_key),
        _kinds(target.clustering),
    ]:
        yield SchemaMismatch(
            f"the primary key of {source.id}, or its order, differs on the target; drop the"
            " table there and create it again"
        )
        return
    yield from _type_faults(source, target)
    on_target = {column.name: column for column in target.statics + target.regulars}
    # Columns that only the target has are left alone: a column cannot be dropped there.
    for column in source.statics + source.regulars:
        other = on_target.get(column.name)
        if other is None:
            yield SchemaMismatch(
                f"the target's {source.id} lacks a column; run: {ddl.add_column(source.id, column)}"
            )
        elif (other.kind, other.cql_type) != (column.kind, column.cql_type):
            yield SchemaMismatch(
                f"column {column.name} of {source.id} is {column.kind.value} {column.cql_type} on"
                f" the source and {other.kind.value} {other.cql_type} on the target"
            )


def _type_faults(source: Table, target: Table) -> Iterator[SchemaMismatch]:
    on_target = {user_type.name: user_type.fields for user_type in target.user_types}
    for user_type in source.user_types:
        if on_target.get(user_type.name, user_type.fields) != user_type.fields:
            yield SchemaMismatch(
                f"the type {source.id.keyspace}.{user_type.name} has other fields on the target,"
                " where a type cannot be altered: create it again there under another table"
            )


def _kinds(columns: tuple[Column, ...]) -> list[tuple[str, str, bool]]:
    return [(column.name, column.cql_type, column.descending) for column in columns]
