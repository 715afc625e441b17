"""Say what may differ once values have expired, until `verify --repair`: by limits.md."""

from __future__ import annotations

from enum import Enum

from hintferry.core.cql_type import TypeKind
from sandbox.compare import Difference
from tests.fuzz.case import OneTable


class Limit(Enum):
    """A row of docs/reference/limits.md, by its first words."""

    LASTING_MARKER = "the lasting marker of a row all of whose values expire"
    KEY_ALONE = "a row that is nothing but its key and has a TTL"
    ELEMENTS = "elements of a non-frozen collection with TTLs, or fields of such a user type"
    LISTS = "the same on Cassandra 5.0 and later"


def limit_of(table: OneTable, difference: Difference, *, exact: bool) -> Limit | None:
    """Return the limit that explains a difference; None where none does.

    `exact`: the source tells the TTLs of elements.
    """
    if not table.expires:
        return None
    if difference.on_both:
        many = [column for column in table.columns if column.type.multicell]
        told = [one.name for one in many if not exact or one.type.kind is TypeKind.LIST]
        explained = set(told).issuperset(difference.columns)
        return (Limit.LISTS if exact else Limit.ELEMENTS) if explained else None
    shown = difference.source or difference.target or ""
    if shown != ", ".join(f"{name}=None" for name in difference.columns):
        return None
    return Limit.KEY_ALONE if difference.source is None else Limit.LASTING_MARKER
