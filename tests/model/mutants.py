"""The rules, each broken once. A run of the model that catches one fewer has lost an eye."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from math import inf
from typing import Any

from hintferry.adapters.clocks.measured import MeasuredClock
from hintferry.adapters.source import marker_watch
from hintferry.adapters.source.catalog import SourceCatalog
from hintferry.adapters.source.marker_watch import MarkerWatch, _Drawn
from hintferry.adapters.source.node_schema import NodeAnswer
from hintferry.core import capture, verdict, watermark
from hintferry.core.capture import Gap, NodeState, Proof, Witness
from hintferry.core.errors import HintferryError, Overwhelmed, ParkReason, Paused, SideFault
from hintferry.core.hint import WHOLE_PARTITION, Errand, Hint, Scope, Slice
from hintferry.core.limits import ANNOUNCED_HOLDS_S, CLOCK_MARGIN_S
from hintferry.core.outcome import Outcome, Settled, SkipReason
from hintferry.core.rows import Add, Expiry, Extend, Put, Remove, Row, ScanPage, Snapshot, Statement
from hintferry.core.schema import Key, Table, TableId
from hintferry.core.watermark import Marks, NodeMark
from hintferry.core.work import Later, RowWork, SliceWork, Work
from hintferry.live import (
    coalesce,
    counter_lease,
    followup,
    ledger,
    pipeline,
    plan,
    recent_writes,
    reconcile,
)
from hintferry.live.coalesce import _Partition
from hintferry.live.ledger import Ledger
from hintferry.live.pipeline import Pipeline
from hintferry.live.plan import plan_rows
from hintferry.live.recent_writes import MARGIN_US, RecentWrites
from hintferry.live.validation import Validator
from hintferry.ports import Write
from hintferry.sweep.backfill import Backfill
from hintferry.testing import fences, leases, source
from hintferry.testing.leases import LeaseTable
from hintferry.testing.open_items import MemoryOpenItems
from hintferry.testing.target import MemoryTarget
from hintferry_ops.cutover import arrivals, cutover, gatekeeper
from hintferry_ops.cutover.gate import capture as gate_capture
from hintferry_ops.cutover.gate import estimates, fence, passes, queues
from hintferry_ops.cutover.gate.condition import Condition, ConditionState
from tests.model import topic, world
from tests.model.mutant import Mutant
from tests.model.ports import (
    DrawnClock,
    Forgetful,
    PagesTogether,
    PiecesApart,
    Rewritten,
    RowsOnly,
    SecondThoughts,
    StampedOnArrival,
    UntilEmptyPage,
)
from tests.model.profiles import BEHIND
from tests.model.worker import Worker

AGAINST = fence._against
NEVER_STALE = 1e9
SLOW_NODE_MS = 2_000


def _rewriting(
    name: str, rewrite: Callable[[Write, Worker], Sequence[Statement]], theme: str | None = None
) -> Mutant:
    """A mutant of what is written."""
    return Mutant(
        name,
        theme,
        target=lambda target, worker: Rewritten(target, lambda write: rewrite(write, worker)),
    )


def _stamped_when_planned(write: Write, worker: Worker) -> list[Statement]:
    now = round(worker.clock.now() * 1e6)
    return [
        one if isinstance(one, Add) else one._replace(timestamp=now) for one in write.statements
    ]


_change = MemoryTarget._change


def _stamped_on_arrival(self: MemoryTarget, write: Write, statement: Statement) -> Any:
    if not isinstance(statement, Add):
        statement = statement._replace(timestamp=self.store.time.micros)
    return _change(self, write, statement)


def _without_nulls(write: Write, _worker: Worker) -> list[Statement]:
    return [_only_values(one) if isinstance(one, Put) else one for one in write.statements]


def _only_values(put: Put) -> Put:
    kept = [pair for pair in zip(put.columns, put.values, strict=True) if pair[1] is not None]
    return put._replace(
        columns=tuple(name for name, _ in kept), values=tuple(value for _, value in kept)
    )


def _without_row_deletes(write: Write, _worker: Worker) -> list[Statement]:
    is_rows = isinstance(write.work, RowWork)
    return [one for one in write.statements if not (is_rows and isinstance(one, Remove))]


def _with_lasting_marker(write: Write, _worker: Worker) -> list[Statement]:
    return [
        one._replace(expires_at=None, columns=(), values=()) if part == "marker" else one
        for statement in write.statements
        for part, one in _marker_apart(statement)
    ]


def _marker_apart(statement: Statement) -> Iterator[tuple[str, Any]]:
    if isinstance(statement, Put) and statement.clustering is not None and statement.creates_row:
        yield "columns", statement._replace(creates_row=False)
        yield "marker", statement
    else:
        yield "all", statement


def _no_second_look(work: Work, rest: Slice | None) -> list[Later]:
    return [later for later in followup.followups(work, rest) if later.delay_s == 0]


def _no_continuation(work: Work, rest: Slice | None) -> list[Later]:
    return [later for later in followup.followups(work, rest) if later.delay_s > 0]


def _swallowing(hints: Iterable[tuple[int, Hint]]) -> list[Work]:
    """A partition item takes the records of its rows and leaves no row work."""
    works = coalesce.coalesce(hints)
    swallowed: dict[tuple[TableId, Key], list[int]] = {}
    whole = {
        (work.table, work.partition)
        for work in works
        if isinstance(work, SliceWork) and work.slice == WHOLE_PARTITION
    }
    kept: list[Work] = []
    for work in works:
        where = (work.table, work.partition)
        if isinstance(work, RowWork) and where in whole:
            swallowed.setdefault(where, []).extend(work.records)
        else:
            kept.append(work)
    return [
        replace(work, records=(*work.records, *swallowed.pop((work.table, work.partition), ())))
        if isinstance(work, SliceWork) and work.slice == WHOLE_PARTITION
        else work
        for work in kept
    ]


def _close_without_returned(self: Ledger) -> list[Settled]:
    return [end for end in self._ends if end is not None and end.outcome is not Outcome.RETURNED]


_end_of = ledger.end_of


def _parked_for_a_fault(error: HintferryError) -> Settled:
    if isinstance(error, SideFault):
        return Settled(Outcome.PARKED, ParkReason.STUCK, error)
    return _end_of(error)


def _skipped_for_a_pause(error: HintferryError) -> Settled:
    if isinstance(error, Paused):
        return Settled(Outcome.SKIPPED, SkipReason.FENCED, error)
    return _end_of(error)


def _seconds_counted_at_read(_self: MemoryTarget, statement: Statement) -> int | None:
    if not isinstance(statement, Put) or statement.expires_at is None:
        return None
    return statement.expires_at - statement.timestamp // 1_000_000


def _expired_is_immortal(rows: Iterable[Key], seen: Snapshot, now_s: int) -> list[Statement]:
    lasting = {
        key: Row(row.values, tuple(None if _is_over(at, now_s) else at for at in row.expiries))
        for key, row in seen.rows.items()
    }
    return plan_rows(rows, replace(seen, rows=lasting), now_s)


def _is_over(expiry: Expiry, now_s: int) -> bool:
    return isinstance(expiry, int) and expiry <= now_s


def _bounded(times: float) -> property:
    """As if the longest TTL were so many times what it is; 0: not known."""

    def bound_at(seen: Snapshot) -> int | None:
        bound = round(seen.table.longest_ttl * times)
        return int(seen.arrived_at) + bound if bound else None

    return property(bound_at)


def _lasting(_cql_type: str, value: bytes, *_: Any) -> dict[int | None, bytes]:
    return {None: value}


def _without_extensions(write: Write, _worker: Worker) -> list[Statement]:
    return [one for one in write.statements if not isinstance(one, Extend)]


def _lend_nothing(value: Any, **changes: Any) -> Any:
    """`dataclasses.replace`, but for the one use that lends a page's time to the next."""
    return value if "read_start" in changes else replace(value, **changes)


def _lease_for_all(self: LeaseTable, name: bytes) -> str:
    return next(map(str, self._owners))


class _AlwaysSure(counter_lease._LeasedTarget):
    @property
    def unsure(self) -> int:
        return 0

    @unsure.setter
    def unsure(self, value: int) -> None:
        pass


def _by_a_slow_node(captured_us: int, _appended_us: int) -> int:
    return captured_us // 1000 - SLOW_NODE_MS


def _remembers_what_it_sends(self: RecentWrites, hint: Hint, appended_at_ms: int | None) -> bool:
    """As if each hint that was decoded were written and recent_writes, too."""
    is_covered = _covers(self, hint, appended_at_ms)
    if hint.scope is Scope.ROW and appended_at_ms is not None:
        work = RowWork(hint.table, hint.partition, {hint.clustering: ()})
        start = appended_at_ms * 1000 + MARGIN_US
        self.add(work, [Remove(hint.clustering, start)], hint.altered_us)
    return is_covered


_covers = RecentWrites.covers


_work = _Partition.work


def _second_look_wins(self: _Partition, table: TableId, partition: Key) -> Iterator[Work]:
    second = {part for part, errands in self.errands.items() if Errand.SECOND_LOOK in errands}
    for work in _work(self, table, partition):
        if isinstance(work, SliceWork) and work.slice in second:
            yield replace(work, errand=Errand.SECOND_LOOK)
        else:
            yield work


def _same_values(source: Row, target: Row) -> bool:
    return source.values == target.values


def _never_again(self: MeasuredClock) -> bool:
    return self.offsets is None


def _at_once(_self: Pipeline, _records: Any, hints: dict[int, Hint], _ledger: Ledger) -> Any:
    return hints


def _overwhelmed() -> HintferryError:
    return Overwhelmed("source: fails to read it")


_table = SourceCatalog.table


def _any_table(self: SourceCatalog, table: TableId, _altered_us: int = 0) -> Table:
    return _table(self, table, 0)


def _as_told(self: SourceCatalog, table: TableId) -> Any:
    told = self._nodes.told(self._host, table)
    assert told.table is not None
    return self._accept(table, told.table, {told.version}, told.table.altered_us)


def _by_some(self: SourceCatalog, table: TableId) -> tuple[list[NodeAnswer], list[Any]]:
    """Return what whichever node answers first says."""
    host, _ = self._nodes.any_version()
    return [self._nodes.told(host, table)], []


def _is_read_at(self: RecentWrites, hint: Hint, key: Key | None, since: int) -> bool:
    return self._starts.get((hint.table, hint.partition, key), (0, 0))[0] >= since


_void, _behind, _gap = capture.void, watermark.behind, watermark._gap


_write_page = Backfill._write


def _page_stamped_when_written(
    self: Backfill, table: Table, kind: Scope, scanned: ScanPage, *rest: Any
) -> None:
    now = replace(scanned, read_start=self.pipeline.clock.read_start())
    _write_page(self, table, kind, now, *rest)


def _whatever_the_shape(proved: Proof | None, seen: Witness) -> str | None:
    return _void(proved and replace(proved, shape=seen.shape), seen)


def _whatever_the_id(proved: Proof | None, seen: Witness) -> str | None:
    is_other = proved is not None and proved.shape.table_id != seen.shape.table_id
    return None if is_other else _void(proved, seen)


def _whatever_was_heard(proved: Proof | None, seen: Witness) -> str | None:
    return _void(proved, replace(seen, states=None))


def _no_other(seen: Witness, marks: Marks, number: int) -> list[Gap]:
    """Return nothing where any node has settled the marker."""
    found = _behind(seen, marks, number)
    return found if len(found) == len(seen.nodes) else []


def _of_those_with_a_mark(seen: Witness, node: NodeState, marks: Marks, number: int) -> Gap | None:
    return _gap(seen, node, marks, number) if node.host_id in marks else None


def _of_any_since(_seen: Witness, node: NodeState, marks: Marks) -> NodeMark | None:
    return marks.get(node.host_id)


def _take_the_last(self: MarkerWatch, hosts: frozenset[str], _since: float) -> None:
    """A number that every node has settled before serves as well."""
    marks = self.markers.marks(self.table)
    numbers = [mark.number for mark in marks.values() if mark.number is not None]
    number = max(numbers, default=0) or self.markers.draw(self.table)
    self._waited_for = _Drawn(number, self.clock.now(), hosts)


class _SameTime:
    """Every row seems to have been written at the same moment."""

    def newest_us(self, *_where: object) -> int:
        return 1


_has_arrived = Validator._has_arrived


def _whatever_is_open(self: Validator, hint: Hint, *rest: Any) -> bool:
    return _has_arrived(replace(self, open_items=MemoryOpenItems()), hint, *rest)


def _holds(*_facts: object) -> Condition:
    return Condition("not looked at", ConditionState.HOLDS, "")


def _but_lists(table: Table, *of: Any, **more: Any) -> Iterator[str]:
    """A list is a column as any other."""
    values = tuple(replace(one, cql_type="blob") for one in table.regulars)
    statics = tuple(replace(one, cql_type="blob") for one in table.statics)
    return AGAINST(replace(table, regulars=values, statics=statics), *of, **more)


def _exact(newest: float, _skew_s: float) -> float:
    """The application's clocks are right."""
    return newest + CLOCK_MARGIN_S


def _now(stands_at: float, _announced_at: float | None) -> float:
    """A reading of the fences does not hold."""
    return stands_at + CLOCK_MARGIN_S


def _announced(stands_at: float, _announced_at: float | None) -> float:
    """Every reading shows the announcement, however late it was."""
    return stands_at + ANNOUNCED_HOLDS_S + CLOCK_MARGIN_S


MUTANTS: tuple[Mutant, ...] = (
    Mutant("skipped by a slow node's stamp", patches=((topic, "appended_at_ms", _by_a_slow_node),)),
    Mutant("skipped before written", patches=((RecentWrites, "covers", _remembers_what_it_sends),)),
    Mutant("write at now", patches=((MemoryTarget, "_change", _stamped_on_arrival),)),
    _rewriting("timestamp taken at write", _stamped_when_planned),
    _rewriting("nulls skipped", _without_nulls),
    Mutant("first copy wins", decoder=Forgetful),
    Mutant("no second look", "slices", patches=((pipeline, "followups", _no_second_look),)),
    Mutant("second look at once", "slices", patches=((followup, "SECOND_LOOK_AFTER_S", 0),)),
    Mutant("swallowed rows not written", patches=((pipeline, "coalesce", _swallowing),)),
    Mutant("statics read from rows", source=RowsOnly),
    Mutant("target rows judged by the last page's time", "pages", source=PagesTogether),
    Mutant("empty page lends no time", "pages", patches=((reconcile, "replace", _lend_nothing),)),
    Mutant("empty page ends a read", "pages", source=UntilEmptyPage),
    _rewriting("marker without TTL", _with_lasting_marker),
    Mutant("one timestamp for reads within a second", clock=DrawnClock.coarse),
    Mutant("timestamp ahead of the clock", clock=DrawnClock.ahead),
    Mutant("driver sends again", target=SecondThoughts.sends_again),
    Mutant("settled before written", target=SecondThoughts.settles_at_once),
    Mutant("equal, so skip", "rows", target=SecondThoughts.skips_equal),
    _rewriting("absent, so skip", _without_row_deletes),
    Mutant("counts not conserved", patches=((Ledger, "close", _close_without_returned),)),
    Mutant("faults are parked", patches=((ledger, "end_of", _parked_for_a_fault),)),
    Mutant(
        "stale reads kept",
        patches=(
            (pipeline, "STALE_AFTER_S", NEVER_STALE),
            (reconcile, "STALE_AFTER_S", NEVER_STALE),
        ),
    ),
    Mutant(
        "seconds to live counted at read",
        "expiry",
        patches=((MemoryTarget, "_seconds_left", _seconds_counted_at_read),),
    ),
    Mutant(
        "expired value written for ever",
        "expiry",
        patches=((pipeline, "plan_rows", _expired_is_immortal),),
    ),
    Mutant("bound ignored", "elements", patches=((Snapshot, "bound_at", _bounded(0)),)),
    Mutant("bound counted twice", "elements", patches=((Snapshot, "bound_at", _bounded(2)),)),
    Mutant("bound too short", "elements", patches=((Snapshot, "bound_at", _bounded(0.5)),)),
    Mutant("TTL of elements dropped", "elements", patches=((plan, "by_expiry", _lasting),)),
    _rewriting("further elements not written", _without_extensions, "elements"),
    Mutant("counters without a lease", patches=((LeaseTable, "take", _lease_for_all),)),
    Mutant("lease given back in doubt", patches=((counter_lease, "_LeasedTarget", _AlwaysSure),)),
    Mutant(
        "counters written after the lease",
        "counting",
        patches=((leases, "COUNT_WITHIN_S", NEVER_STALE),),
    ),
    Mutant("skip without a margin", "copies", patches=((recent_writes, "MARGIN_US", 0),)),
    Mutant("skip too early", "copies", patches=((recent_writes, "MARGIN_US", -100_000),)),
    Mutant("second look too early", "latest", patches=((followup, "SECOND_LOOK_AFTER_S", 30),)),
    Mutant(
        "second look wins over news", "looks", patches=((_Partition, "work", _second_look_wins),)
    ),
    Mutant("slices blind to expiries", "lost expiry", patches=((reconcile, "same", _same_values),)),
    Mutant("sweep blind to expiries", "lost expiry", patches=((verdict, "same", _same_values),)),
    Mutant("own clock trusted", "clocks", patches=((MeasuredClock, "_ahead_us", lambda _self: 0),)),
    Mutant("clock measured once", "clocks", patches=((MeasuredClock, "_is_due", _never_again),)),
    Mutant("read before its stamp", "clocks", BEHIND, patches=((Pipeline, "_timely", _at_once),)),
    Mutant("hinted before it can be read", patches=((world, "LONGEST_LAG_US", 600_000),)),
    Mutant("replica's failure is a key's own", patches=((source, "read_failure", _overwhelmed),)),
    Mutant("time of the answer", source=StampedOnArrival),
    Mutant("pauses skip", "pauses", patches=((ledger, "end_of", _skipped_for_a_pause),)),
    Mutant("fences read once", "fences", patches=((fences, "FENCE_HOLDS_S", inf),)),
    Mutant("cut-over waits too little", "fences", patches=((fence, "CUTOVER_WAIT_S", 10.0),)),
    Mutant("short wait for lists", "switched", patches=((fence, "_against", _but_lists),)),
    Mutant("short wait without the skew", "switched", patches=((gatekeeper, "ends_at", _exact),)),
    Mutant("short wait without the hold", "switched", patches=((gatekeeper, "newest_at", _now),)),
    Mutant(
        "announcement counts at once", "switched", patches=((gatekeeper, "newest_at", _announced),)
    ),
    Mutant("undo returns at once", "fences", patches=((cutover, "UNDO_WAIT_S", -5.0),)),
    Mutant("pass counts after an ALTER", "gate", patches=((passes, "void", _whatever_the_shape),)),
    Mutant("pass counts after a DROP", "gate", patches=((passes, "void", _whatever_the_id),)),
    Mutant("pass counts after a gap", "gate", patches=((passes, "void", _whatever_was_heard),)),
    Mutant("capture is not proved", "gate", patches=((gate_capture, "gaps", lambda _seen: []),)),
    Mutant("lag is not looked at", "gate", patches=((estimates, "lag", _holds),)),
    Mutant(
        "nodes are not waited for",
        "gate",
        patches=((estimates, "hinted", _holds), (arrivals, "hinted", _holds)),
    ),
    Mutant("any node's mark is enough", "gate", patches=((marker_watch, "behind", _no_other),)),
    Mutant("nodes without a mark", "gate", patches=((watermark, "_gap", _of_those_with_a_mark),)),
    Mutant("mark of before a hole", "gate", patches=((watermark, "_counted", _of_any_since),)),
    Mutant("open items not looked at", "left", patches=((queues, "open_items", _holds),)),
    Mutant("number from before", "gate", patches=((MarkerWatch, "_draw", _take_the_last),)),
    Mutant("writers below a quorum", "gate", patches=((passes, "after_stop", _holds),)),
    Mutant("hints' altered_us ignored", "schema", patches=((SourceCatalog, "table", _any_table),)),
    Mutant("schema of any node", "schema", patches=((SourceCatalog, "_learned", _as_told),)),
    Mutant("some nodes agree", "schema", patches=((SourceCatalog, "_told_by_all", _by_some),)),
    Mutant("skip by an old schema", "schema", patches=((RecentWrites, "_is_read", _is_read_at),)),
    Mutant(
        "page stamped when it is written",
        "backfill",
        patches=((Backfill, "_write", _page_stamped_when_written),),
    ),
    Mutant(
        "diverged without a watermark",
        "validation",
        patches=((Validator, "_has_arrived", lambda *_: True),),
    ),
    Mutant("diverged at any write time", "validation", write_times=lambda _: _SameTime()),
    Mutant(
        "diverged with open items",
        "validation",
        patches=((Validator, "_has_arrived", _whatever_is_open),),
    ),
    Mutant("reads of one replica", patches=((source, "QUORUM", 1),)),
)
"""Every one of them must be caught."""

NO_CONTINUATION = Mutant("no continuation", patches=((pipeline, "followups", _no_continuation),))
"""Slices of the model are so short that chance seldom leaves a rest: caught by its own program."""

PIECES_APART = Mutant("pieces lend no time", source=PiecesApart)
"""For the same reason: few slices of the model have a row behind the last one of a piece."""
