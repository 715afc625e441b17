"""Whether two rows are the same, to a reader of either side."""

from __future__ import annotations

from hintferry.core.rows import Expiries, Expiry, Row

EXPIRY_TOLERANCE_S = 2
"""Remaining times to live are whole seconds, read on two clocks and counted down on a third."""


def same(source: Row, target: Row) -> bool:
    """Equal bytes in every column, and expiries that a reader could not tell apart."""
    return source.values == target.values and _close(source.expiries, target.expiries)


def _close(one: Expiries, other: Expiries) -> bool:
    if one == other:
        return True
    return all(_near(left, right) for left, right in zip(one, other, strict=True))


def _near(source: Expiry, target: Expiry) -> bool:
    if isinstance(source, int) and isinstance(target, int):
        return abs(source - target) <= EXPIRY_TOLERANCE_S
    # Of elements the target never tells it.
    return source == target or isinstance(source, tuple)
