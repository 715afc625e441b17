"""List what a run can find and what must be refused, from the drawn schema alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from hintferry.core.cql_type import NATIVES, TypeKind
from hintferry.core.schema import ColumnKind, TableId
from tests.fuzz.case import Case, OneColumn, OneTable


class FaultKind(Enum):
    """A way in which the promise is broken."""

    MISREAD = "a definition is read as another"
    DEFECT = "an error that nobody foresaw"
    SOURCE = "Cassandra itself fails at what it took: look into its log"
    NEEDLESS = "refused, though Keyspaces has all of it"
    LET_THROUGH = "not refused, though Keyspaces has not all of it"
    ADVICE = "the advice does not lead to a migration that is fit"
    NOT_MADE = "the target refuses what `schema` or the stacks make"
    IDS_MEET = "two tables share an id or a topic"
    NOT_CAPTURED = "the connector does not capture it"
    PARKED = "a record was parked"
    DIFFERS = "a row differs"
    VERIFY = "`hintferry verify` says otherwise"


@dataclass(frozen=True, slots=True)
class Fault:
    """`where`: the table, None where it is no single one."""

    kind: FaultKind
    where: TableId | None
    what: str

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.where or 'the schema'}: {self.what}"


_DEEPEST_FROZEN = 8
_SYNONYMS = frozenset({"boolean", "decimal", "double", "float", "varint"})


def unfit(case: Case) -> dict[TableId, str]:
    """Return the tables that Keyspaces cannot hold, or Hintferry not carry, each with a reason."""
    found = {table.id: next(_reasons(case, table), "") for table in case.tables}
    return {table: reason for table, reason in found.items() if reason}


def _reasons(case: Case, table: OneTable) -> Iterator[str]:
    types = case.used_types(table)
    kinds = [column.type for column in table.columns]
    kinds += [kind for one in types for _, kind in one.fields]
    for part in (part for kind in kinds for part in kind.parts()):
        if part.kind in (TypeKind.VECTOR, TypeKind.CUSTOM) or part.name == "duration":
            yield f"it has a {part}"
    if any(kind.frozen_depth > _DEEPEST_FROZEN for kind in kinds):
        yield "it is nested too deep"
    named = {part.name for kind in kinds for part in kind.parts()}
    if not named.isdisjoint(NATIVES.intersection(case.types_of(table.keyspace))):
        yield "it has a user type with the name of a native one"
    if table.compact:
        yield "it is compact"
    if table.is_counter and table.of(ColumnKind.STATIC):
        yield "it has static counters"
    if table.is_counter and any(map(_has_synonyms, table.of(ColumnKind.CLUSTERING))):
        yield "it has counters under keys of several forms"


def _has_synonyms(column: OneColumn) -> bool:
    return column.type.kind is not TypeKind.NATIVE or column.type.name in _SYNONYMS
