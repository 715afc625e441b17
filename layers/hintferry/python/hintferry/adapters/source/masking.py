"""Tell whether the source shows this login the stored values of a table with masked columns.

Cassandra 5 shows a login without the permission UNMASK other values, also of key columns. Grants
alone do not tell: each node believes for a while what it read of them, and masks until then. So
each node is asked to read nothing, restricted by a masked column. It refuses that to a login that
may neither see nor query masked columns.
"""

from __future__ import annotations

import time
from typing import Any

from cassandra import InvalidRequest, Unauthorized

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.source.node_schema import NodeSchema
from hintferry.core.cql_text import quoted
from hintferry.core.errors import Masked, Side
from hintferry.core.schema import Table, TableId

KEEPS_NONE = ("AllowAllAuthorizer", "not anonymous")
"""The words of LIST where the source keeps no permissions."""

COLLECTIONS = ("list<", "map<", "set<")
NO_ELEMENT = "Unsupported null value"
"""The error of a `CONTAINS null` that the node lets in: no collection holds a null."""

PROOF_HOLDS_S = 1.0
"""A permission that is taken back is seen after this."""


class Masking:
    """Asks through `session`, once in a while for each table with a mask."""

    def __init__(self, session: CqlSession) -> None:
        self._session, self._nodes = session, NodeSchema(session)
        self._proved: dict[TableId, tuple[float, Table]] = {}

    def check(self, table: Table) -> None:
        """Raise Masked where its values are shown to us masked, SideFault where nobody tells."""
        if not table.masked:
            return
        proved_at, proved = self._proved.get(table.id, (0.0, None))
        if proved is table and time.monotonic() - proved_at < PROOF_HOLDS_S:
            return
        now = time.monotonic()
        try:
            self._prove(table)
        except Exception as error:
            self._session.doubt(error)
            raise translate(self._session, error) from error
        self._proved[table.id] = now, table

    def _prove(self, table: Table) -> None:
        driver = self._session.current()
        own = getattr(driver.cluster.auth_provider, "username", None)
        refusal = _masked(table, own)
        if not _is_granted(driver, table, own):
            raise refusal
        text = _restricted(table)
        if text is None:
            return
        like, _ = self._nodes.any_version()
        asked = [driver.execute_async(text, host=host) for host in self._nodes.hosts(like)]
        try:
            for future in asked:
                _is_let_in(future)
        except Unauthorized as refused:
            raise refusal from refused


def _is_let_in(future: Any) -> None:
    """Raise Unauthorized where the node refuses the restriction; a login is looked at first."""
    try:
        future.result()
    except InvalidRequest as error:
        if NO_ELEMENT not in str(error):
            raise


def _is_granted(driver: Any, table: Table, own: str | None) -> bool:
    """Return whether a role of this login has the permission, or needs none."""
    try:
        roles = {row[0].decode(): row[1] for row in driver.execute(cql.list_roles(own)).all()}
        if own is not None and b"\x01" in roles.values():
            # A superuser, who has every permission.
            return True
        return any(_has_unmask(driver, table, role) for role in ([own] if own else roles))
    except Exception as refused:
        # It keeps no permissions, so nobody lacks one.
        if any(words in str(refused) for words in KEEPS_NONE):
            return True
        raise


def _has_unmask(driver: Any, table: Table, role: str) -> bool:
    try:
        return bool(driver.execute(cql.list_unmask(table, role)).all())
    except Unauthorized:
        # A role of somebody else: this login may list all roles.
        return False


def _restricted(table: Table) -> str | None:
    """A read of nothing that is restricted by a masked column, if any of them can restrict one."""
    columns = (*table.regulars, *table.statics, *table.clustering, *table.partition_key)
    masked = [one for one in columns if one.name in table.masked]
    for column in masked:
        if not column.multicell:
            return cql.read_nothing(table, f"{quoted(column.name)} IN ()")
    for column in masked:
        if column.cql_type.startswith(COLLECTIONS):
            return cql.read_nothing(table, f"{quoted(column.name)} CONTAINS null")
    return None


def _masked(table: Table, own: str | None) -> Masked:
    columns = ", ".join(table.masked)
    return Masked(
        Side.SOURCE,
        f"it may show our login column {columns} of {table.id} masked, so the table is not read;"
        f" run: {cql.grant_unmask(table, own)}",
    )
