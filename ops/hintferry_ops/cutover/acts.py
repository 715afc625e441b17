"""List what a cutover would do, in order, with the time that each act takes and why. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hintferry.core.passes import Verb
from hintferry.core.schema import TableId
from hintferry_ops.cutover.gate import arrival, passes, queues, writers
from hintferry_ops.cutover.gate.condition import Condition, ConditionState, counted
from hintferry_ops.cutover.gate.facts import Facts
from hintferry_ops.cutover.gatekeeper import Checked

READS_A_FENCE = 4.0
"""A fence is a conditional write: it takes about as long as so many reads of its row."""


@dataclass(frozen=True, slots=True)
class Act:
    """One act. `yours`: a person does it; otherwise the command does.

    `expected_s` and `most_s`: the seconds that it takes; None where only a person knows.
    """

    what: str
    why: str
    expected_s: float | None
    most_s: float | None
    yours: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The acts of a cutover in order: up to the stop, and while the writers are held."""

    before: Sequence[Act]
    held: Sequence[Act]

    @property
    def expected_s(self) -> float:
        """Return the seconds of downtime to expect, as far as acts have a time."""
        return sum(one.expected_s or 0.0 for one in self.held)

    @property
    def most_s(self) -> float:
        """Return the seconds of downtime at most, as far as acts have a time."""
        return sum(one.most_s or 0.0 for one in self.held)


def plan(seen: Sequence[Checked], fence_read_s: float, left_s: float = 0.0) -> Plan:
    """Return the acts of a cutover.

    `seen`: what was seen of each table without a fence at the last look. `fence_read_s`: how long a
    read of the row of a fence took. `left_s`: the seconds left behind the fences that stand.
    """
    facts = [one for one, _ in seen]
    if not facts:
        why = "what was read before a fence may arrive so late"
        return Plan([], [Act("wait behind the fences that stand", why, left_s, left_s)])
    return Plan(
        [*_before(seen), *_stop(facts)],
        [
            *_passes(seen),
            _arrival(facts),
            _second_looks(facts),
            _fences(facts, fence_read_s),
            _wait(facts),
            Act("say that the application may write Keyspaces", "all fences still stand", 0.0, 0.0),
        ],
    )


def _before(seen: Sequence[Checked]) -> Iterator[Act]:
    """Yield what a person does first: each condition that fails, and once what is asked of all."""
    asked: dict[str, list[tuple[TableId, Condition]]] = {}
    for facts, conditions in seen:
        for one in conditions:
            if one.name in (writers.NAME, passes.AFTER_STOP):
                is_asked = one.name == passes.AFTER_STOP and one.state is ConditionState.ASKS
                if is_asked:
                    asked.setdefault(one.reason, []).append((facts.table, one))
            elif one.state is ConditionState.FAILS:
                yield Act(f"{facts.table}: {one.fix}", _why(one), None, None, yours=True)
    for found in asked.values():
        (table, one), *others = found
        more = f" and {counted(len(others), 'more table')}" if others else ""
        yield Act(f"{table}{more}: {one.fix}", _why(one), None, None, yours=True)


def _why(one: Condition) -> str:
    return f"{one.name}: {one.reason}"


def _stop(facts: Sequence[Facts]) -> Iterator[Act]:
    """Yield the stop, unless it is stated already."""
    running = [str(one.table) for one in facts if one.confirmations.stopped_at is None]
    if running:
        what = f"stop every writer of {', '.join(running)}, and run this with --writes-stopped now"
        yield Act(what, "the downtime begins here", None, None, yours=True)


def _passes(seen: Sequence[Checked]) -> Iterator[Act]:
    """Yield the verify passes that have to follow the stop, where a write may have escaped."""
    for facts, conditions in seen:
        for one in conditions:
            if _is_pass_after_stop(facts, one):
                swept = (p for p in facts.passes if p.verb is Verb.VERIFY and not p.is_fence)
                last = next(swept)
                took_s = last.ended - last.began
                seconds = passes.LATE_WRITES_S + took_s
                why = f"{one.reason}; the last pass took {took_s:.0f} s"
                yield Act(one.fix, why, seconds, None, yours=True)


def _is_pass_after_stop(facts: Facts, one: Condition) -> bool:
    """Return whether this condition asks for a pass after the stop, beside the clean one."""
    needs_one = one.state in (ConditionState.FAILS, ConditionState.WAITS)
    return one.name == passes.AFTER_STOP and needs_one and passes.clean_pass(facts) is not None


def _arrival(facts: Sequence[Facts]) -> Act:
    took = [one.arrival.took_s for one in facts]
    measured = [one for one in took if one is not None]
    least = f"the last ones took {max(measured):.1f} s" if measured else "none is measured yet"
    return Act(
        f"draw a marker of {counted(len(facts), 'table')}, and wait until every node settles it",
        f"all writes from before the stop must be on Keyspaces; {least}",
        max(measured, default=None),
        writers.LOG_SYNC_S + max(arrival.within_s(one.arrival) for one in facts),
    )


def _second_looks(facts: Sequence[Facts]) -> Act:
    items = [item for one in facts for item in one.open_items]
    now = max(one.now for one in facts)
    last = max((item.due - now for item in items), default=0.0)
    why = f"{counted(len(items), 'open item')} now" if items else "no open item now"
    return Act(
        "wait until nothing is left for later",
        f"{why}; a range delete among the last writes leaves one",
        max(0.0, last),
        queues.LEFT_S,
    )


def _fences(facts: Sequence[Facts], fence_read_s: float) -> Act:
    took_s = len(facts) * READS_A_FENCE * fence_read_s
    return Act(
        f"set {counted(len(facts), 'fence')}, one after the other",
        f"a read of a fence took {1000 * fence_read_s:.1f} ms; a fence takes about"
        f" {READS_A_FENCE:.0f} times that",
        took_s,
        None,
    )


def _wait(facts: Sequence[Facts]) -> Act:
    longest = max((one.wait for one in facts), key=lambda wait: wait.most_s)
    return Act("wait behind the fences", longest.why, longest.usual_s, longest.most_s)
