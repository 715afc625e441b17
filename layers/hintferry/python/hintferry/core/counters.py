"""Counters: they can only be added to, so the target is brought up by what it lacks.

`delta = source − target`, computed from fresh reads of both sides by the one worker that holds the
partition's lease. A write whose answer was lost is never sent again: after a wait the target is
read again and the delta computed again.
"""

from __future__ import annotations

from hintferry.core.rows import Add, Remove, Row, Statement
from hintferry.core.schema import Key, Table


def plan_counters(
    table: Table, clustering: Key, wanted: Row | None, found: Row | None, read_start: int
) -> list[Statement]:
    """Return the additions that bring the target's counters of one row to the source's.

    There are none where they agree. A counter that the source does not show is left alone as long
    as its row is there. A counter cannot be set back to null without losing what is added later.
    """
    if wanted is None:
        return [] if found is None else [Remove(clustering, read_start)]
    shown = found.values if found is not None else (None,) * len(wanted.values)
    deltas = {
        name: _number(source) - _number(target)
        for name, source, target in zip(table.regular_names, wanted.values, shown, strict=True)
        if source is not None and source != target
    }
    return [Add(clustering, tuple(deltas), tuple(map(_bytes, deltas.values())))] if deltas else []


def _number(value: bytes | None) -> int:
    return int.from_bytes(value, signed=True) if value else 0


def _bytes(delta: int) -> bytes:
    # Counters wrap around at 64 bits on both sides alike.
    return (delta % 2**64).to_bytes(8)
