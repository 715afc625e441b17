"""Check whether the target is ready: the application's tables, and those of Hintferry."""

from __future__ import annotations

from collections.abc import Iterator

from hintferry.adapters.driver.catalog import Catalog
from hintferry.adapters.driver.cql import CONTROL_TABLES, STOCK_CONTROL_TABLES
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.target.agreement import Agreement, column_faults
from hintferry.core.errors import HintferryError, SchemaMismatch, UnknownTable
from hintferry.core.schema import Table
from hintferry_ops.fit.schema_file import schema_of


class TargetCheck:
    """Asks through `session`. Every method raises SideFault; nothing is changed."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session
        self._agreement, self._catalog = Agreement(session), Catalog(session)

    def table_faults(self, table: Table, with_ttl: bool) -> list[HintferryError]:
        """Return the reasons that forbid to write the table, each with its fix."""
        return self._agreement.faults(table, with_ttl)

    def control_faults(self, *, stock: bool) -> list[HintferryError]:
        """The control tables that are not there, or lack a column."""
        tables = STOCK_CONTROL_TABLES if stock else CONTROL_TABLES
        return [fault for statement in tables for fault in self._control(statement)]

    def close(self) -> None:
        """Close the sessions."""
        self._session.close()

    def _control(self, statement: str) -> Iterator[SchemaMismatch]:
        for table in schema_of(statement, "our own").tables.values():
            try:
                on_target = self._catalog.table(table.id)
            except UnknownTable as unknown:
                yield SchemaMismatch(f"{unknown}; run: {statement}")
            else:
                yield from column_faults(table, on_target)
