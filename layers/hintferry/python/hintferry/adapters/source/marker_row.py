"""The marker row of the stock connector: it must come through capture and pipeline to the target.

That connector settles no markers. Until the row has come, a backfill would copy rows whose later
changes nobody hears of.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from cassandra import InvalidRequest

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.catalog import execute_raw
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.session import CqlSession
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import TableId


@dataclass(frozen=True, slots=True)
class MarkerRows:
    """Marker rows: it writes them through `source` and looks for them through `target`."""

    source: CqlSession
    target: CqlSession

    def send(self, table: TableId) -> bytes:
        """Write the table's; gives what to look for. Raises ConfigurationError, SideFault."""
        written = uuid4().bytes
        _execute(self.source, cql.SET_MARKER, [str(table).encode(), written])
        return written

    def has_arrived(self, table: TableId, written: bytes) -> bool:
        """Return whether the target shows it. Raises ConfigurationError, SideFault."""
        rows = _execute(self.target, cql.MARKER, [str(table).encode()])
        return [row[0] for row in rows] == [written]


def _execute(session: CqlSession, text: str, values: list[bytes]) -> list[tuple[bytes, ...]]:
    try:
        return execute_raw(session, text, values)
    except InvalidRequest as error:
        raise ConfigurationError(
            f"the {session.side.value} has no table hintferry.markers; create it as"
            f" docs/how-to/backfill.md says ({error})"
        ) from error
    except Exception as error:
        raise translate(session, error) from error
