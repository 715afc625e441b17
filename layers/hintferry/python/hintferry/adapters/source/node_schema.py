"""Describe what single nodes of the source say of their schema: which version it has, and of one
table.

Nodes may differ: one that was away, or that is busy, learns of a change of the schema late. So
everything of a table comes from one node, at one version of its schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import unpack
from typing import Any

from cassandra import InvalidRequest

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.catalog import column_of, table_of, user_type_of
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.session import CqlSession
from hintferry.core.errors import Side, Unavailable
from hintferry.core.schema import Table, TableId

NODE_TIMEOUT_S = 1.0
"""A node answers such a question from memory."""

TELLS_ELEMENTS = 5
"""The release of Cassandra from which `TTL` of a collection is answered."""

LOOKS = 3
"""How often a table is asked for while its schema changes."""


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """The table of one node, at this version of its schema; None where the node has no such."""

    version: bytes
    table: Table | None


class NodeSchema:
    """Asks through `session`. Hosts are the driver's. Every method raises SideFault."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session

    def any_version(self) -> tuple[Any, bytes]:
        """The host that is next in turn, and the version that it has."""
        try:
            result = self._session.current().execute(cql.SCHEMA_VERSION)
            return result.response_future.coordinator_host, result.all()[0][0]
        except Exception as error:
            raise self._fault(error) from error

    def versions(self, like: Any) -> dict[Any, bytes | None]:
        """By host of the datacenter of `like`; None where it does not answer. Hosts that the
        driver knows to be down are left out: they hint nothing."""
        asked = [(host, self._ask(host, cql.SCHEMA_VERSION)) for host in self.hosts(like)]
        return {host: _version(future) for host, future in asked}

    def hosts(self, like: Any) -> list[Any]:
        """Return the hosts of the datacenter of `like` that the driver does not know to be down."""
        hosts = self._session.current().cluster.metadata.all_hosts()
        return [
            one for one in hosts if one.datacenter == like.datacenter and one.is_up is not False
        ]

    def told(self, host: Any, table: TableId) -> NodeAnswer:
        """Ask this host for the table."""
        try:
            for _ in range(LOOKS):
                before = self._ask(host, cql.SCHEMA_VERSION).result().all()[0][0]
                found = self._table(host, table)
                if self._ask(host, cql.SCHEMA_VERSION).result().all()[0][0] == before:
                    return NodeAnswer(before, found)
        except Exception as error:
            raise self._fault(error) from error
        raise Unavailable(Side.SOURCE, f"the schema of {host.address} changed at each check")

    def _table(self, host: Any, table: TableId) -> Table | None:
        asked = [self._ask(host, text, table) for text in cql.TABLE_OF_NODE]
        masked = self._ask(host, cql.MASKED_COLUMNS, table)
        types = self._ask(host, cql.TYPES_OF_NODE, (table.keyspace,))
        altered, columns, user_types = (future.result().all() for future in (*asked, types))
        if not altered or not columns:
            return None
        times = [row[0] for row in altered] + [row[3] for row in user_types]
        return table_of(
            table,
            [column_of(row) for row in columns],
            {one.name: one for one in (user_type_of(row[:3]) for row in user_types)},
            altered_us=max(unpack(">q", time)[0] for time in times if time is not None),
            masked=_names(masked),
            longest_ttl=int.from_bytes(altered[0][1] or b""),
            tells_elements=self._tell_elements(host),
        )

    def _tell_elements(self, like: Any) -> bool:
        """Return whether each node that may be asked tells the TTLs of elements."""
        hosts = self._session.current().cluster.metadata.all_hosts()
        releases = [one.release_version for one in hosts if one.datacenter == like.datacenter]
        return all(_major(release) >= TELLS_ELEMENTS for release in releases)

    def _ask(self, host: Any, text: str, values: tuple[str, ...] = ()) -> Any:
        """The answer to come of this host alone."""
        driver = self._session.current()
        return driver.execute_async(text, values or None, timeout=NODE_TIMEOUT_S, host=host)

    def _fault(self, error: Exception) -> Exception:
        self._session.doubt(error)
        return translate(self._session, error)


def _major(release: str | None) -> int:
    """The first number of a release; 0 where it is not known."""
    first = (release or "").partition(".")[0]
    return int(first) if first.isdecimal() else 0


def _version(future: Any) -> bytes | None:
    try:
        version: bytes = future.result().all()[0][0]
    except Exception:  # noqa: BLE001 - whatever it is, the node did not answer
        return None
    return version


def _names(masked: Any) -> tuple[str, ...]:
    """The columns with a mask; before Cassandra 5 there is no such thing."""
    try:
        return tuple(sorted(name.decode() for (name,) in masked.result().all()))
    except InvalidRequest as error:
        if "column_masks" not in str(error):
            raise
        return ()
