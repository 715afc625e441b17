"""Try statements on an endpoint that refuses what Keyspaces refuses, on the migrated schema."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from struct import pack
from typing import Any

from cassandra import ConsistencyLevel, InvalidRequest, Unauthorized
from cassandra.protocol import ErrorMessage, SyntaxException
from cassandra.query import BoundStatement

from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.session import DRIVER_ERRORS, CqlSession
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import Table, TableId
from hintferry_ops.fit.target_check import TargetCheck
from hintferry_ops.statements.collection import Found
from hintferry_ops.statements.judge import Answer
from hintferry_ops.statements.shape import Kind

WITHIN_S, DDL_S, POLL_S = 10.0, 120.0, 0.2
"""Seconds for one statement, and for the tables to be ACTIVE."""

_REFUSALS = (InvalidRequest, SyntaxException, Unauthorized)
_PAGE = 10
_LACKING = re.compile(r"Unknown function '(dateof|unixtimestampof)'", re.IGNORECASE)
"""Functions that the service has, and Cassandra 5 no longer."""

_MESSAGE = re.compile(r'message="(.*)"$', re.DOTALL)
_TABLES = "SELECT keyspace_name, table_name FROM system_schema.tables"
_KEYSPACES = "SELECT keyspace_name FROM system_schema.keyspaces"
_STATES = "SELECT keyspace_name, table_name, status FROM system_schema_mcs.tables"


class Trial:
    """Asks through `session`. Every method raises SideFault."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session
        self._before: list[str] | None = None
        self._keyspace = ""

    def make(self, statements: Sequence[str], tables: Iterable[tuple[Table, bool]]) -> None:
        """Make what the statements make, and wait until it is there.

        `tables`: each with whether it has TTL. Raises ConfigurationError where the endpoint holds
        one of them with another definition, or refuses to make it.
        """
        self._before = self._there()
        for statement in statements:
            try:
                self._ask(statement, DDL_S)
            except _REFUSALS as error:
                raise ConfigurationError(
                    f"the endpoint refuses the migrated schema ({said(error)}): {statement}"
                ) from error
            self._wait()
        check = TargetCheck(self._session)
        for table, with_ttl in tables:
            for fault in check.table_faults(table, with_ttl):
                raise ConfigurationError(
                    f"the endpoint holds {table.id} with another definition ({fault}); drop the"
                    " table there, or name another endpoint"
                )

    def answers(
        self, statements: Iterable[Found], progress: Callable[[int], None]
    ) -> Iterator[tuple[tuple[str, str], Answer]]:
        """Yield each statement's key and answer; `progress` gets the number so far."""
        ordered = sorted(statements, key=lambda one: one.keyspace)
        for number, one in enumerate(ordered, 1):
            yield (one.keyspace, one.text), self._try(one)
            progress(number)

    def drop(self) -> None:
        """Drop what `make` made, and nothing else."""
        if self._before is None:
            return
        for one in reversed(self._there()):
            if one not in self._before:
                self._ask(f"DROP {one}", DDL_S)
                self._wait()
        self._before = None

    def close(self) -> None:
        """Close the session."""
        self._session.close()

    def _try(self, one: Found) -> Answer:
        """Prepare the statement as it was found; run a SELECT, of which one page is read."""
        try:
            driver = self._session.current()
            if one.keyspace and one.keyspace != self._keyspace:
                driver.set_keyspace(one.keyspace)
                self._keyspace = one.keyspace
            prepared = driver.prepare(one.example)
            if one.shape.kind is not Kind.SELECT:
                return Answer()
            values = [_neutral(column.name, column.type) for column in prepared.column_metadata]
            bound = BoundStatement(prepared, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
            bound.values = values
            # The Cassandra behind sorts the rows of an IN list without pages only; Keyspaces does
            # so with them.
            unpaged = bool(one.shape.order and one.shape.restricted("in"))
            bound.fetch_size = None if unpaged else _PAGE
            driver.execute(bound, timeout=WITHIN_S)
        except _REFUSALS as error:
            lacking = _LACKING.search(said(error))
            if lacking:
                return Answer(silence=f"keyspaces-local lacks {lacking[1]}, which the guide has")
            return Answer(refusal=said(error))
        except ErrorMessage as error:
            return Answer(silence=f"the endpoint failed at it: {said(error)}")
        except DRIVER_ERRORS as error:
            self._session.doubt(error)
            return Answer(silence=f"the endpoint did not answer: {error}")
        return Answer(ran=True)

    def _ask(self, statement: str, within_s: float) -> list[tuple[Any, ...]]:
        try:
            rows = self._session.current().execute(statement, timeout=within_s)
        except _REFUSALS:
            raise
        except Exception as error:
            self._session.doubt(error)
            raise translate(self._session, error) from error
        return [tuple(row) for row in rows]

    def _there(self) -> list[str]:
        """Return what keyspaces and tables there are, as DROP names them, keyspaces first."""
        keyspaces = [_name(one) for (one,) in self._ask(_KEYSPACES, WITHIN_S)]
        tables = [TableId(_name(one), _name(name)) for one, name in self._ask(_TABLES, WITHIN_S)]
        return [f'KEYSPACE "{one}"' for one in sorted(keyspaces)] + [
            f'TABLE "{one.keyspace}"."{one.name}"' for one in sorted(tables)
        ]

    def _wait(self) -> None:
        end = time.monotonic() + DDL_S
        while waits := [
            f"{_name(keyspace)}.{_name(table)}"
            for keyspace, table, state in self._ask(_STATES, WITHIN_S)
            if _name(state) in ("CREATING", "UPDATING")
        ]:
            if time.monotonic() > end:
                raise ConfigurationError(
                    f"{', '.join(waits)} is not ACTIVE on the endpoint after {DDL_S:.0f} s; see"
                    " what it waits for, and run this again"
                )
            time.sleep(POLL_S)


def said(error: Exception) -> str:
    """Return a server's own words."""
    text = str(getattr(error, "message", "") or error)
    found = _MESSAGE.search(text)
    return " ".join((found[1] if found else text).split())


def _name(cell: Any) -> str:
    return bytes(cell).decode()


_NEUTRAL = {
    "ascii": b"a",
    "blob": b"a",
    "boolean": b"\0",
    "date": pack(">I", 1 << 31),
    "decimal": pack(">i", 0) + b"\0",
    "duration": b"\0\0\0",
    "inet": b"\x7f\0\0\1",
    "smallint": pack(">h", 1),
    "text": b"a",
    "timeuuid": bytes.fromhex("50554d6e29bb11e5b345feff819cdc9f"),
    "tinyint": b"\1",
    "uuid": bytes.fromhex("50554d6e29bb41e5b345feff819cdc9f"),
    "varchar": b"a",
    "varint": b"\1",
    "int": pack(">i", 1),
    "float": pack(">f", 1),
}
_NOW = {"timestamp": pack(">q", 1)}


def _neutral(name: str, cql_type: Any) -> bytes | None:
    """Return the wire bytes of a made-up value of this type."""
    kind = cql_type.typename
    if kind in _NEUTRAL:
        return _NEUTRAL[kind]
    inner = [_neutral(name, one) for one in cql_type.subtypes]
    if kind in ("list", "set", "map") and all(one is not None for one in inner):
        return pack(">i", 1) + b"".join(pack(">i", len(one or b"")) + (one or b"") for one in inner)
    if inner and kind not in ("list", "set", "map"):
        # Tuples and user types.
        return b"".join(pack(">i", len(one or b"")) + (one or b"") for one in inner)
    return pack(">q", 1)
