"""Look at the tables of a migration again and again, and say what comes next for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hintferry.adapters.config.settings import Migration
from hintferry.core.clock_offset import Offsets
from hintferry.core.errors import SideFault
from hintferry.core.schema import TableId
from hintferry_cli.exits import Status
from hintferry_cli.gate import clocks, validation, view
from hintferry_cli.gate.look import look, look_until_settled
from hintferry_cli.gate.overview import sums
from hintferry_cli.gate.view import Standing, TableStatus
from hintferry_cli.next_steps import NextStep, next_steps
from hintferry_cli.tables import as_arguments
from hintferry_ops.cutover.gatekeeper import Gatekeeper
from hintferry_ops.plan.stage import Act, Stage, act_of
from hintferry_ops.wiring import Seat

_REHEARSED, _UNCAPTURED, _AGAIN, _READY = (
    ("killed rehearsal", Status.DONE),
    ("init", Status.DONE),
    ("status", Status.NEGATIVE),
    ("status", Status.DONE),
)
_BEFORE = {
    Act.BACKFILL: ("deploy", Status.DONE),
    Act.VERIFY: ("backfill", Status.DONE),
    Act.REPAIR: ("verify", Status.NEGATIVE),
    Act.WAIT: _AGAIN,
}
"""The verb whose end leads to an act, and how it ended."""

_ORDER = (_REHEARSED, _UNCAPTURED, *_BEFORE.values(), _READY)


@dataclass(frozen=True, slots=True)
class Whole:
    """One look at all tables."""

    statuses: Sequence[TableStatus]
    trees: Sequence[Mapping[str, Any]]
    sums: Mapping[str, Any]
    clocks: dict[str, Any]
    validation: dict[str, Any] | None
    steps: Sequence[NextStep]

    @property
    def tree(self) -> dict[str, Any]:
        """Return all of it as `--json` prints it, but for the next steps."""
        return {
            "tables": self.trees,
            "clocks": self.clocks,
            "validation": self.validation,
            "sums": self.sums,
        }


@dataclass(frozen=True, slots=True)
class Watcher:
    """Looks from one seat; `config` is the file that the next steps name."""

    migration: Migration
    config: Path
    seat: Seat
    keepers: Sequence[Gatekeeper]

    def look(self, *, settle: bool = False) -> Whole:
        """Check all tables now; with `settle` their markers get the time to arrive.

        Raises ClockFault, errors of boto3, and HintferryError where there is one table only.
        """
        offsets = self._clock()
        statuses = (look_until_settled if settle else look)(self.keepers)
        trees = [view.as_tree(one) for one in statuses]
        return Whole(
            statuses,
            trees,
            sums(trees, self.seat.waiting.parked(None)),
            clocks.as_tree(offsets, self.seat.metrics),
            validation.as_tree(self.migration, self.seat.metrics),
            self._next(statuses),
        )

    def _clock(self) -> Offsets:
        """Return no offsets where the target does not answer: each table says so."""
        try:
            return self.seat.check_clock()
        except SideFault:
            return Offsets(None, {})

    def _next(self, statuses: Sequence[TableStatus]) -> list[NextStep]:
        """Return what leads each table to its next stage, in the order of a migration."""
        after: dict[tuple[str, Status], list[TableId]] = {one: [] for one in _ORDER}
        for status in statuses:
            if status.standing is not Standing.CUTOVER:
                after[_came_before(status)] += status.to_undo or [status.table]
        after[_READY], held = self._together(after[_READY])
        after[_AGAIN] += held
        return [
            step
            for (verb, ended), tables in after.items()
            if tables
            for step in next_steps(verb, ended, self._named(tables), self.config)
        ]

    def _named(self, tables: Sequence[TableId]) -> list[str]:
        # Tables of a group name each other.
        return as_arguments(self.migration, list(dict.fromkeys(tables)))

    def _together(self, ready: Sequence[TableId]) -> tuple[list[TableId], list[TableId]]:
        """Return what may be cut over, and what waits for another table of its group.

        A table of a group that was not looked at goes with the others.
        """
        seen = {one.table for one in self.keepers}
        goes, held = dict.fromkeys(ready), []
        for group in self.migration.groups:
            here = [one for one in group.tables if one in goes]
            if here and any(one in seen and one not in goes for one in group.tables):
                held += here
                goes = {one: None for one in goes if one not in here}
            elif here:
                goes |= dict.fromkeys(group.tables)
        return list(goes), held


def _came_before(status: TableStatus) -> tuple[str, Status]:
    """Return the verb whose end leads to what the table needs now."""
    if status.standing is Standing.REHEARSED:
        return _REHEARSED
    if status.standing in (Standing.OPEN, Standing.STOP):
        return _READY
    if status.facts is None:
        return _AGAIN
    if status.stage is Stage.LISTED:
        return _UNCAPTURED
    return _BEFORE[act_of(status.facts)]
