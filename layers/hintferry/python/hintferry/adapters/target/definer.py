"""Makes on Keyspaces what the stacks ask for, and takes over what is there already and fits.

Definitions are asynchronous: a statement is accepted, and its table is ACTIVE some time later.
Nothing is ever dropped, and nothing that a table already has is undone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from cassandra import InvalidRequest

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.catalog import Catalog, execute_raw, user_type_of
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.target import ddl
from hintferry.adapters.target.agreement import column_faults, properties_of
from hintferry.core.capacity import Capacity, Mode
from hintferry.core.errors import SchemaMismatch, UnknownTable
from hintferry.core.schema import Column, ColumnKind, Table, TableId, UserType

POLL_S = 2.0
UNKNOWN_S = 60.0
"""A keyspace that was just accepted is not known everywhere yet: it is asked again for so long."""

_SETTLING = ("CREATING", "UPDATING", "RESTORING")


@dataclass(frozen=True, slots=True)
class TableRequest:
    """One table as a stack asks for it; `create` is the statement that makes it where it lacks."""

    table: Table
    create: str
    ttl: bool
    capacity: Capacity
    tags: Mapping[str, str]

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> TableRequest:
        """Read the properties of a custom resource, whose numbers come as texts."""
        named = TableId(properties["Keyspace"], properties["Table"])
        columns = [
            Column(one["Name"], one["Type"], ColumnKind(one["Kind"]), 0, one["Order"] == "DESC")
            for one in properties["Columns"]
        ]
        partition, clustering, statics, regulars = (
            tuple(column for column in columns if column.kind is kind) for kind in ColumnKind
        )
        units = properties["Capacity"]
        numbers = [int(units[name]) for name in ("Read", "Write", "WarmRead", "WarmWrite")]
        return cls(
            Table(named, partition, clustering, statics, regulars),
            properties["Create"],
            properties["Ttl"] == "on",
            Capacity(Mode(units["Mode"]), *numbers),
            {one["Key"]: one["Value"] for one in properties.get("Tags", [])},
        )


class Definitions(Protocol):
    """The calls of Keyspaces that this module makes."""

    def run(self, statement: str) -> None:
        """Run a statement of definition. Raises what the driver does."""

    def table(self, table: TableId) -> Table | None:
        """The table's columns; None where it is not there."""

    def status(self, table: TableId) -> tuple[str, Mapping[str, Any]]:
        """Return its status (empty where it is not there) and its custom properties."""

    def fields(self, keyspace: str, name: str) -> tuple[tuple[str, str], ...]:
        """The fields of a user type, empty where it is not there."""


class KeyspacesDefinitions:
    """The service itself."""

    def __init__(self, session: CqlSession) -> None:
        self._session, self._catalog = session, Catalog(session)

    def run(self, statement: str) -> None:
        self._session.current().execute(statement, timeout=30.0)

    def table(self, table: TableId) -> Table | None:
        self._catalog.forget(table)
        try:
            return self._catalog.table(table)
        except UnknownTable:
            return None

    def status(self, table: TableId) -> tuple[str, Mapping[str, Any]]:
        status, _, switches = properties_of(self._session, table)
        return status, switches

    def fields(self, keyspace: str, name: str) -> tuple[tuple[str, str], ...]:
        rows = execute_raw(self._session, cql.DESCRIBE_TYPES, [keyspace.encode()])
        found = {one.name: one.fields for one in map(user_type_of, rows)}
        return found.get(name, ())


class Definer:
    """Works until `until`, a time.monotonic()."""

    def __init__(self, target: Definitions, until: float) -> None:
        self._target, self._until = target, until

    def make(self, statements: Sequence[str], tables: Sequence[TableId]) -> None:
        """Run them all, then wait for these tables, and for no other.

        Raises TimeoutError, or what the service says.
        """
        for statement in statements:
            self._run(statement)
        for table in tables:
            self._settled(table)

    def make_types(
        self, statements: Sequence[str], keyspace: str, types: Sequence[UserType]
    ) -> None:
        """A keyspace and its types. Raises SchemaMismatch for one that has other fields there."""
        self.make(statements, [])
        for one in types:
            theirs = self._target.fields(keyspace, one.name)
            if theirs and theirs != one.fields:
                raise SchemaMismatch(
                    f"the type {keyspace}.{one.name} has other fields on Keyspaces, where no type"
                    " can be altered; give the type and its tables another keyspace there"
                )

    def make_table(self, asked: TableRequest, before: TableRequest | None = None) -> None:
        """Make the table or take it over, add the columns that it lacks, and set its properties.

        `before` is what the stack asked for last, None when it asks for the first time. Raises
        SchemaMismatch where the table that is there does not fit; nothing is changed then.
        """
        there = self._target.table(asked.table.id)
        if there is None:
            self._run(asked.create)
        else:
            self._extend(asked.table, there)
        status = self._settled(asked.table.id)
        for switch in _switches(asked, status):
            self._run(ddl.switch_on(asked.table.id, switch))
            self._settled(asked.table.id)
        if there is not None:
            self._set_capacity(asked, before)
            self._set_tags(asked, before)

    def _extend(self, wanted: Table, there: Table) -> None:
        known = {column.name for column in there.columns}
        lacking = [one for one in wanted.statics + wanted.regulars if one.name not in known]
        extended = replace(
            there,
            statics=there.statics + tuple(o for o in lacking if o.kind is ColumnKind.STATIC),
            regulars=there.regulars + tuple(o for o in lacking if o.kind is ColumnKind.REGULAR),
        )
        for fault in column_faults(wanted, extended):
            raise fault
        for column in lacking:
            self._run(ddl.add_column(wanted.id, column))
            self._settled(wanted.id)

    def _set_capacity(self, asked: TableRequest, before: TableRequest | None) -> None:
        """A table that is taken over keeps what it has, unless `migration.toml` says otherwise."""
        old = before.capacity if before is not None else Capacity()
        if asked.capacity != old:
            for properties in ddl.capacity_changes(old, asked.capacity):
                self._run(ddl.set_property(asked.table.id, properties))
                self._settled(asked.table.id)

    def _set_tags(self, asked: TableRequest, before: TableRequest | None) -> None:
        """A table that is taken over keeps its tags; later changes of the file are made."""
        if before is None:
            return
        for statement in ddl.tag_changes(asked.table.id, before.tags, asked.tags):
            self._run(statement)
            self._settled(asked.table.id)

    def _run(self, statement: str) -> None:
        patient_until = min(self._until, time.monotonic() + UNKNOWN_S)
        while True:
            try:
                self._target.run(statement)
                return
            except InvalidRequest:
                if time.monotonic() > patient_until:
                    raise
                time.sleep(POLL_S)

    def _settled(self, table: TableId) -> Mapping[str, Any]:
        """Wait until it is ACTIVE, and return its properties."""
        while True:
            status, properties = self._target.status(table)
            if status and status not in _SETTLING:
                return properties
            if time.monotonic() > self._until:
                raise TimeoutError(f"not ACTIVE in time: {table} is {status or 'not there'}")
            time.sleep(POLL_S)


def _switches(asked: TableRequest, properties: Mapping[str, Any]) -> list[str]:
    """Return those that Hintferry needs and that are off."""
    if asked.table.is_counter:
        return []
    needed = ["client_side_timestamps", *(["ttl"] if asked.ttl else [])]
    return [name for name in needed if dict(properties.get(name, {})).get("status") != "enabled"]
