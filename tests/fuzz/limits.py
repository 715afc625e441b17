"""What may differ once values have expired, until `hintferry verify --repair`: by limits.md."""

from __future__ import annotations

from enum import Enum

from sandbox.compare import Difference
from tests.fuzz.case import OneTable


class Limit(Enum):
    """A row of docs/reference/limits.md, by its first words."""

    LASTING_MARKER = "the lasting marker of a row all of whose values expire"
    MARKER = "the marker of a row inserted with a TTL"
    ELEMENTS = "elements of a non-frozen collection with TTLs"


def limit_of(table: OneTable, difference: Difference) -> Limit | None:
    """Return the limit that explains a difference; None where none does."""
    if not table.expires:
        return None
    if difference.on_both:
        many = {column.name for column in table.columns if column.type.multicell}
        return Limit.ELEMENTS if many.issuperset(difference.columns) else None
    shown = difference.source or difference.target or ""
    if shown != ", ".join(f"{name}=None" for name in difference.columns):
        return None
    return Limit.MARKER if difference.source is None else Limit.LASTING_MARKER
