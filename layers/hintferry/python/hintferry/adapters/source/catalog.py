"""The source's tables, as described by the node that knows the latest change of the schema.

A node that missed a change reads and describes a table as it was. What was read by its description
may lack a column that other nodes take already. So the latest description counts, whichever node
answers next. What is known of a table only grows older where all nodes agree on it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hintferry.adapters.config.settings import TableSettings
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.source.masking import Masking
from hintferry.adapters.source.node_schema import NodeAnswer, NodeSchema
from hintferry.core.errors import HintferryError, Side, SideFault, Unavailable, UnknownTable
from hintferry.core.schema import Table, TableId

VERSION_CHECK_S = 0.1
"""Protocol v4 never tells of a new column, so the schema's version is asked for. A hint takes
longer from its write to us: the version was compared after the write that it speaks of."""

REMEMBER_FAILURE_S = 1.0
"""How long a failure of the nodes to answer counts for every record, so that none asks again."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A table, with the versions of the schema at which nodes described it so or as it was before.

    Its alterations are known up to a time.
    """

    table: Table
    versions: frozenset[bytes]
    upto_us: int


@dataclass(frozen=True, slots=True)
class _Failure:
    """The reason why a table could not be read at this version of the schema, as of a time."""

    at: float
    version: bytes
    error: HintferryError


class SourceCatalog:
    """Looks tables up by name; safe to call from several threads.

    Every method raises UnknownTable where all nodes agree that there is no such table. It raises
    SideFault where they do not tell or do not agree, and Masked for a table that is shown to this
    login masked.
    """

    def __init__(self, session: CqlSession, settings: Iterable[TableSettings] = ()) -> None:
        """`settings`: what migration.toml says of tables."""
        self._session = session
        self._settings = {one.id: one for one in settings}
        self._nodes, self._masking = NodeSchema(session), Masking(session)
        self._known: dict[TableId, _Known] = {}
        self._failures: dict[TableId, _Failure] = {}
        self._asked_all: dict[TableId, tuple[float, bytes]] = {}
        """When all nodes were asked for a table, and at which version of the node in turn."""
        self._looked_at, self._host, self._version = float("-inf"), None, b""
        self._silent: tuple[float, SideFault | None] = (0.0, None)
        self._lock = threading.RLock()

    def table(self, table: TableId, altered_us: int = 0) -> Table:
        """Return the table, altered no earlier than `altered_us` (microseconds)."""
        with self._lock:
            self._look()
            known = self._known.get(table)
            if known is None or not self._is_up_to_date(table, known):
                known = self._remembered(table, lambda: self._learned(table))
            if known.upto_us < altered_us:
                known = self._remembered(table, lambda: self._caught_up(table, altered_us))
            self._masking.check(known.table)
            return known.table

    def agreed(self, table: TableId) -> Table:
        """Return the table as all nodes have it now that answer."""
        with self._lock:
            self._look()
            told, silent = self._told_by_all(table)
            newest = _newest(told)
            if newest is None:
                self._caught_up(table, 0)
            if newest is None or any(one.table != newest for one in told):
                raise _late(table, silent)
            known = self._accept(table, newest, {one.version for one in told}, newest.altered_us)
            self._masking.check(known.table)
            return known.table

    def _is_up_to_date(self, table: TableId, known: _Known) -> bool:
        """Return whether what the node in turn says is known, or all nodes were asked lately."""
        at, version = self._asked_all.get(table, (float("-inf"), b""))
        is_asked = version == self._version and time.monotonic() - at < REMEMBER_FAILURE_S
        return is_asked or self._version in known.versions

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < VERSION_CHECK_S:
            return
        failed_at, failure = self._silent
        if failure is not None and now - failed_at < REMEMBER_FAILURE_S:
            raise failure
        try:
            self._host, self._version = self._nodes.any_version()
        except SideFault as error:
            self._silent = time.monotonic(), error
            raise
        self._silent, self._looked_at = (0.0, None), now

    def _remembered(self, table: TableId, ask: Callable[[], _Known]) -> _Known:
        failed = self._failures.get(table)
        if (
            failed is not None
            and failed.version == self._version
            and time.monotonic() - failed.at < REMEMBER_FAILURE_S
        ):
            raise failed.error
        try:
            known = ask()
        except (UnknownTable, SideFault) as error:
            self._failures[table] = _Failure(time.monotonic(), self._version, error)
            raise
        self._failures.pop(table, None)
        return known

    def _learned(self, table: TableId) -> _Known:
        """Ask the node in turn for the table, and all nodes where that one may be late."""
        told, known = self._nodes.told(self._host, table), self._known.get(table)
        if told.table is None or (known and told.table.altered_us < known.table.altered_us):
            return self._caught_up(table, 0)
        return self._accept(table, told.table, {told.version}, told.table.altered_us)

    def _caught_up(self, table: TableId, altered_us: int) -> _Known:
        """The latest that any node says; where it is older than wanted, all must agree on it."""
        (told, silent), known = self._told_by_all(table), self._known.get(table)
        self._asked_all[table] = time.monotonic(), self._version
        newest = _newest(told)
        is_agreed = not silent and len({one.version for one in told}) == 1
        if is_agreed and newest is None:
            self._known.pop(table, None)
            raise UnknownTable(f"the source has no table {table}")
        if newest and (is_agreed or known is None or newest.altered_us >= known.table.altered_us):
            # A version at which the table is not there may be that of its end.
            versions = {one.version for one in told if one.table is not None}
            upto_us = max(newest.altered_us, altered_us if is_agreed else 0)
            known = self._accept(table, newest, versions, upto_us)
        if known is None or known.upto_us < altered_us:
            raise _late(table, silent)
        return known

    def _told_by_all(self, table: TableId) -> tuple[list[NodeAnswer], list[Any]]:
        """Ask one node for each version of the schema; return the answers, and the nodes that do
        not answer.
        """
        by_version: dict[bytes, Any] = {}
        silent: list[Any] = []
        for host, version in self._nodes.versions(self._host).items():
            if version is None:
                silent.append(host)
            else:
                by_version.setdefault(version, host)
        return [self._nodes.told(host, table) for host in by_version.values()], silent

    def _accept(self, table: TableId, found: Table, versions: set[bytes], upto_us: int) -> _Known:
        known = self._known.get(table)
        found = self._settings.get(table, TableSettings(table)).applied_to(found)
        if known is None:
            made = _Known(found, frozenset(versions), upto_us)
        else:
            kept = known.table if known.table == found else found
            made = _Known(kept, known.versions | versions, max(known.upto_us, upto_us))
        if known is None or made.table is not known.table:
            self._session.forget_statements()
        self._known[table] = made
        return made


def _newest(told: list[NodeAnswer]) -> Table | None:
    tables = [one.table for one in told if one.table is not None]
    return max(tables, key=lambda one: one.altered_us, default=None)


def _late(table: TableId, silent: Sequence[Any]) -> Unavailable:
    text = f"its nodes do not have the same schema of {table} yet"
    if silent:
        nodes = ", ".join(str(host.address) for host in silent)
        text = f"which schema of {table} it has, {nodes} does not say"
    return Unavailable(Side.SOURCE, f"{text}; if it stays so: nodetool describecluster")
