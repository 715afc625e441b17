"""Require that changes of a table reach the target from now on, before a backfill reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hintferry.adapters.source.captures import SETTLES_S, settled
from hintferry.adapters.source.marker_row import MarkerRows
from hintferry.adapters.source.marker_watch import MarkerWatch
from hintferry.core.capture import Gap, Proof, gaps, proof
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import TableId
from hintferry.ports import Captures, Clock

T = TypeVar("T")

WAIT_S = 120.0
"""The marker waits its turn behind the hints that are there already. So long is waited, too, for
the connectors to say that they capture the table."""

LOOK_EVERY_S = 0.2


def check_capture(watch: MarkerWatch, captures: Captures) -> Proof:
    """Return the proof that all nodes capture the table, once a marker is settled on each.

    Raises ConfigurationError with the fix where one does not, SideFault, UnknownTable.
    """
    table, clock = watch.table, watch.clock
    behind: list[Gap] = []

    def look(settles_s: float) -> Proof | None:
        seen = settled(captures, table, clock, settles_s)
        found = gaps(seen)
        if found or not seen.nodes:
            raise _not_captured(table, found)
        progress = watch.look(seen, 0.0)
        behind[:] = progress.behind
        return None if progress.reached_at is None else proof(seen)

    proved = look(WAIT_S) or _awaited(lambda: look(SETTLES_S), clock)
    if proved is None:
        raise _not_captured(table, behind)
    return proved


def check_stock_capture(
    table: TableId, captures: Captures, markers: MarkerRows, clock: Clock
) -> Proof:
    """Return the proof, once a row went through the stock connector to the target.

    That connector tells no state. Raises as `check_capture`.
    """
    proved = proof(captures.witness(table))
    if proved is None:
        raise _not_captured(table, [])
    written = markers.send(table)
    if not _awaited(lambda: markers.has_arrived(table, written), clock):
        raise ConfigurationError(
            f"the marker row of {table} did not come through capture within {WAIT_S:.0f} s;"
            " see that the connectors run on every node, that the topic of hintferry.markers"
            " is there, and that the processor reads it"
        )
    return proved


def _awaited(look: Callable[[], T], clock: Clock) -> T:
    """Return what `look` finds within WAIT_S seconds, or what it found last."""
    end = clock.now() + WAIT_S
    while not (found := look()) and clock.now() <= end:
        clock.sleep(LOOK_EVERY_S)
    return found


def _not_captured(table: TableId, found: list[Gap]) -> ConfigurationError:
    why = "; ".join(map(str, found)) or "the datacenter of source.datacenter has no node"
    fixes = "; ".join(dict.fromkeys(gap.fix for gap in found))
    return ConfigurationError(
        f"{table} is not captured on every node, so a backfill would miss changes made"
        f" meanwhile. {why}. {fixes}"
    )
