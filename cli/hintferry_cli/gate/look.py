"""Look at many tables: several at once, and without asking a dead side for each of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from hintferry.core.errors import HintferryError, Side, SideFault, Unreachable
from hintferry_cli.failures import sentence
from hintferry_cli.gate import view
from hintferry_cli.gate.view import Fences, TableStatus
from hintferry_ops.cutover.gate.condition import Condition, ConditionState
from hintferry_ops.cutover.gatekeeper import Gatekeeper

AT_ONCE = 8
"""Tables that are asked for at the same time."""

FAULTS = 3
"""A side that failed for so many tables of a look is not asked for the others."""

MARKER_WITHIN_S = 10.0
MARKER_LOOK_S = 0.25


@dataclass(slots=True)
class _Look:
    """Keep what concerns all tables of one look: fences, and the sides that are away."""

    fences: Fences = field(default_factory=dict)
    last: dict[Side, SideFault] = field(default_factory=dict)
    _counts: Counter[Side] = field(default_factory=Counter)

    def refuse(self, side: Side) -> None:
        """Raise the last fault of a side that is away."""
        fault = self.last.get(side)
        if fault is not None and (isinstance(fault, Unreachable) or self._counts[side] >= FAULTS):
            raise fault

    def note(self, fault: SideFault) -> None:
        """Keep a fault in mind for the tables that follow."""
        self.last[fault.side] = fault
        self._counts[fault.side] += 1


def look(keepers: Sequence[Gatekeeper]) -> list[TableStatus]:
    """Check each table once. A table that cannot be checked has a condition that says why.

    Raises errors of boto3, which concern all tables, and HintferryError for a single table.
    """
    if len(keepers) == 1:
        return [_status(keepers[0], _Look())]
    seen = _Look()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda keeper: _one_of_many(keeper, seen), keepers))


def look_until_settled(keepers: Sequence[Gatekeeper]) -> list[TableStatus]:
    """Check each table, and again once its marker had the time to arrive."""
    end = time.monotonic() + MARKER_WITHIN_S
    statuses = look(keepers)
    while time.monotonic() < end:
        waits = [number for number, one in enumerate(statuses) if _waits_for_marker(one)]
        if not waits:
            break
        time.sleep(MARKER_LOOK_S)
        again = look([keepers[number] for number in waits])
        for number, status in zip(waits, again, strict=True):
            statuses[number] = status
    return statuses


def _waits_for_marker(status: TableStatus) -> bool:
    return status.facts is not None and status.facts.arrival.took_s is None


def _one_of_many(keeper: Gatekeeper, seen: _Look) -> TableStatus:
    try:
        return _status(keeper, seen)
    except HintferryError as error:
        # One wrong name must not hide the others.
        return _unseen(keeper, "the table can be checked", error, "fix that, then run this again")


def _status(keeper: Gatekeeper, seen: _Look) -> TableStatus:
    """Check a table; if a side does not answer, say that, and check what needs neither side."""
    try:
        seen.refuse(Side.TARGET)
        fenced = view.read_fenced(keeper, seen.fences)
        if fenced is not None:
            return fenced
        seen.refuse(Side.SOURCE)
        return view.status_from_gate(*keeper.check())
    except SideFault as fault:
        seen.note(fault)
        name = f"the {fault.side.value} answers"
        return _unseen(keeper, name, fault, "run this again")


def _unseen(keeper: Gatekeeper, name: str, error: HintferryError, fix: str) -> TableStatus:
    condition = Condition(name, ConditionState.FAILS, sentence(error), fix)
    conditions = [condition, *keeper.look_around()]
    return TableStatus(keeper.table, keeper.clock.now(), None, conditions=conditions)
