"""The marker row: written on the source, it must come through capture and pipeline to the target.

Until it has, a backfill would copy rows whose later changes nobody hears of.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from cassandra import InvalidRequest

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.catalog import execute_raw
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.source.captures import settled
from hintferry.core.capture import Proof, gaps, proof
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import TableId
from hintferry.ports import Captures, Clock

WAIT_S = 120.0
"""The marker waits its turn behind the hints that are there already. So long is waited, too, for
the connectors to say that they capture the table."""

LOOK_EVERY_S = 0.2


def check_capture(
    table: TableId, captures: Captures, source: CqlSession, target: CqlSession, clock: Clock
) -> Proof:
    """The proof that the table's changes reach the target from now on.

    Raises ConfigurationError with the fix where they do not, SideFault, UnknownTable.
    """
    seen = settled(captures, table, clock, WAIT_S)
    found, proved = gaps(seen), proof(seen)
    if proved is None:
        why = "; ".join(map(str, found)) or "the datacenter of source.datacenter has no node"
        fixes = "; ".join(dict.fromkeys(gap.fix for gap in found))
        raise ConfigurationError(
            f"{table} is not captured on every node, so a backfill would miss changes made"
            f" meanwhile. {why}. {fixes}"
        )
    markers = CapturedMarkers(source, target)
    written = markers.send(table)
    end = clock.now() + WAIT_S
    while not markers.has_arrived(table, written):
        if clock.now() > end:
            raise ConfigurationError(
                f"the marker row of {table} did not come through capture within {WAIT_S:.0f} s;"
                " see that the connectors run on every node, that the topic of hintferry.markers"
                " is there, and that the processor reads it"
            )
        clock.sleep(LOOK_EVERY_S)
    return proved


@dataclass(frozen=True, slots=True)
class CapturedMarkers:
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
