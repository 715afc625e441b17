"""The marker row: written on the source, it must come through capture and pipeline to the target.

Until it has, a backfill would copy rows whose later changes nobody hears of.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import uuid4

from cassandra import InvalidRequest

from hintferry.adapters import cql, ddl
from hintferry.adapters.catalog import execute_raw
from hintferry.adapters.faults import translate
from hintferry.adapters.session import CqlSession
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import TableId

WAIT_S = 120.0
"""The marker waits its turn behind the hints that are there already."""

LOOK_EVERY_S = 0.2


def check_capture(table: TableId, source: CqlSession, target: CqlSession) -> None:
    """Raises ConfigurationError with the mend unless the table's changes reach the target."""
    names = [table.keyspace.encode(), table.name.encode()]
    rows = _execute(source, cql.IS_CAPTURED, names)
    if not rows:
        raise ConfigurationError(f"the source has no table {table}")
    if rows[0][0] != b"\x01":
        name = ddl.named(table)
        raise ConfigurationError(
            f"{table} is not captured: a backfill would miss what changes meanwhile; run on the"
            f" source: ALTER TABLE {name} WITH cdc = true"
        )
    markers = CapturedMarkers(source, target)
    written = markers.send(table)
    end = time.monotonic() + WAIT_S
    while not markers.has_arrived(table, written):
        if time.monotonic() > end:
            raise ConfigurationError(
                f"the marker row of {table} did not come through capture within {WAIT_S:.0f} s;"
                " see that the connectors run on every node, that the topic of hintferry.markers"
                " is there, and that the processor reads it"
            )
        time.sleep(LOOK_EVERY_S)


@dataclass(frozen=True, slots=True)
class CapturedMarkers:
    """Marker rows written through `source` and looked for through `target`."""

    source: CqlSession
    target: CqlSession

    def send(self, table: TableId) -> bytes:
        """Write the table's; gives what to look for. Raises ConfigurationError, SideFault."""
        written = uuid4().bytes
        _execute(self.source, cql.SET_MARKER, [str(table).encode(), written])
        return written

    def has_arrived(self, table: TableId, written: bytes) -> bool:
        """Whether the target shows it. Raises ConfigurationError, SideFault."""
        rows = _execute(self.target, cql.MARKER, [str(table).encode()])
        return [row[0] for row in rows] == [written]


def _execute(session: CqlSession, text: str, values: list[bytes]) -> list[tuple[bytes, ...]]:
    try:
        return execute_raw(session, text, values)
    except InvalidRequest as error:
        raise ConfigurationError(
            f"the {session.side.value} has no table hintferry.markers; create it as"
            f" docs/operations.md says ({error})"
        ) from error
    except Exception as error:
        raise translate(session, error) from error
