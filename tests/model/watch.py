"""Check every write and every answer while a program runs.

P2: where a newer read of a row has arrived whole, an older read changes nothing any more.
P3: every record that went in has one outcome, and what is called applied was acknowledged.
P5: the target shows no value that a quorum of the source did not show before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from hintferry.core.errors import ParkReason
from hintferry.core.hint import WHOLE_PARTITION, Hint, Scope
from hintferry.core.outcome import Outcome, Settled, SkipReason
from hintferry.core.rows import Extend, Put, Remove, Row, Statement
from hintferry.core.schema import Key, Table, TableId
from hintferry.ports import Write
from hintferry.testing.cluster import QUORUM, REPLICAS, ReplicatedCluster, merge
from hintferry.testing.partition import PartitionState, holds
from hintferry.testing.rowstate import RowState
from hintferry.testing.store import MemoryStore
from hintferry.testing.touched import hints_of
from tests.model.handover import HandOvers
from tests.model.journey import Journey
from tests.model.pieces import Piece, Span, pieces
from tests.model.profiles import Profile
from tests.model.tables import TOO_LARGE
from tests.model.topic import Delivery, Kind

Shown = tuple[Row | None, Row | None]
"""A row of the target before and after a statement."""

RowName = tuple[TableId, Key, Key | None]
"""A row by table, partition and clustering; clustering None: the static columns."""

LATE_BY_S = 2


class Violation(AssertionError):
    """A promise was broken."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A batch that came to its end: what went in and how each ended, which places the target
    acknowledged, the values of records applied before, and whether the source gave up on reads."""

    deliveries: list[Delivery]
    ends: list[Settled]
    acknowledged: set[RowName]
    applied: set[bytes | None]
    may_be_stuck: bool
    hand_overs: HandOvers
    read_by: dict[RowName, int]
    """The latest alteration of the table by which the worker read each row."""

    known: dict[TableId, int]
    """The latest alteration that a node knows that answered all the while."""


def place(write: Write, statement: Statement) -> RowName:
    """The row that a statement writes."""
    return write.table.id, write.work.partition, statement.clustering


class Watch:
    """The observer of one run."""

    def __init__(self, profile: Profile, cluster: ReplicatedCluster, target: MemoryStore) -> None:
        self._cluster, self._target, self._profile = cluster, target, profile
        self._visible: dict[tuple[RowName, Piece | None], set[Span]] = {}
        self._newest: dict[RowName, int] = {}

    def changed(self, table: Table, partition: Key, change: PartitionState) -> None:
        """The source changed somewhere: remember what any two replicas show there now."""
        known = self._cluster.keys(table, partition, range(REPLICAS))
        for hint in hints_of(table, partition, change):
            if hint.statics_due:
                self._see(table, partition, None)
            part = hint.slice if hint.scope is Scope.SLICE else WHOLE_PARTITION
            for key in known:
                if key == hint.clustering or (hint.scope is not Scope.ROW and holds(part, key)):
                    self._see(table, partition, key)

    def read(self, where: RowName, table: Table, seen: RowState) -> None:
        """A quorum read saw this, its replicas asked one after the other."""
        self._remember(where, table, seen)

    def arrived(self, where: RowName, journey: Journey, statement: Statement, shown: Shown) -> None:
        """A statement reached the target."""
        before, after = shown
        start = journey.starts[journey.index_of(statement)]
        if before == after or not self._is_claimed(where):
            return
        blur = self._profile.blur_us
        newest = self._newest.get(where, start)
        if start < newest - blur:
            raise Violation(f"P2: a read {newest - start} us older changed {where}")
        if after is not None:
            self._must_have_been_visible(where, after)
            delay_us = self._cluster.time.micros - journey.planned_us
            self._must_expire_so(where, after, statement, delay_us)

    def complete(self, where: RowName, start: int) -> None:
        """All statements that a read caused for this row have arrived."""
        self._newest[where] = max(start, self._newest.get(where, start))

    def answered(self, answered: Answered) -> None:
        """A batch came to its end."""
        deliveries, ends = answered.deliveries, answered.ends
        if len(ends) != len(deliveries):
            raise Violation(f"P3: {len(deliveries)} records in, {len(ends)} out")
        for delivery, end in zip(deliveries, ends, strict=True):
            if delivery.hint is not None and end.reason is SkipReason.FENCED:
                if not answered.hand_overs.may_skip(delivery.hint.table, delivery.due_us):
                    raise Violation(f"P3: {delivery} was skipped behind a fence taken back before")
                continue
            if end.outcome is not Outcome.SKIPPED or delivery.record.value not in answered.applied:
                self._must_end_so(delivery, end, answered.may_be_stuck)
            if delivery.hint is not None and end.outcome is Outcome.APPLIED:
                self._must_be_acknowledged(delivery.hint, answered.acknowledged)
            is_settled = end.outcome in (Outcome.APPLIED, Outcome.SKIPPED)
            if delivery.hint is not None and is_settled and delivery.kind is not Kind.CHECK:
                self._must_know_columns(delivery.hint, answered)

    def _see(self, table: Table, partition: Key, clustering: Key | None) -> None:
        where = (table.id, partition, clustering)
        for pair in combinations(self._cluster.replicas, QUORUM):
            parts = [replica.partition(table.id, partition) for replica in pair]
            seen = merge(
                part.static_row() if clustering is None else part.row(clustering) for part in parts
            )
            self._remember(where, table, seen)

    def _remember(self, where: RowName, table: Table, seen: RowState) -> None:
        now_s = self._cluster.time.seconds
        if not seen.is_live(now_s):
            return
        ends = self._visible.setdefault((where, None), set())
        if seen.marker is not None and seen.marker.expires_at is not None:
            ends.add(Span(seen.marker.expires_at, seen.marker.expires_at + table.longest_ttl))
        columns = table.statics if where[2] is None else table.regulars
        for piece, span in pieces(table, columns, seen.row(columns, now_s, elements=True)):
            self._visible.setdefault((where, piece), set()).add(span)

    def _must_have_been_visible(self, where: RowName, row: Row) -> None:
        if where[2] is not None and (where, None) not in self._visible:
            raise Violation(f"P5: the source never showed the row {where}")
        for piece, _ in self._pieces(where, row):
            if (where, piece) not in self._visible:
                raise Violation(f"P5: the source never showed {piece} in {where}")

    def _must_expire_so(
        self, where: RowName, row: Row, statement: Statement, delay_us: int
    ) -> None:
        """Check that a written value expires with the source's value, or never if that does not."""
        written = _columns_of(statement)
        for piece, (expiry, _) in self._pieces(where, row):
            if piece.column in written:
                self._must_be_within(where, piece, expiry, delay_us)
        is_bare = isinstance(statement, Put) and statement.creates_row and not any(row.values)
        if is_bare and where[2] is not None and self._cluster.table(where[0]).longest_ttl:
            marker = self._target.partition(where[0], where[1]).row(where[2]).marker
            self._must_be_within(where, None, marker.expires_at if marker else None, delay_us)

    def _must_be_within(
        self, where: RowName, piece: Piece | None, expiry: int | None, delay_us: int
    ) -> None:
        shown = self._visible[where, piece]
        if not any(self.is_within(span, expiry, delay_us) for span in shown):
            what = piece or "the marker"
            raise Violation(f"P6: {what} of {where} expires at {expiry}, the source's {shown}")

    def _pieces(self, where: RowName, row: Row) -> Iterator[tuple[Piece, Span]]:
        table = self._cluster.table(where[0])
        return pieces(table, table.statics if where[2] is None else table.regulars, row)

    def is_within(self, span: Span, target: int | None, delay_us: int) -> bool:
        """Return whether the target's copy expires no earlier, and little later, than it may.

        A TTL counts from when the write arrives, so a delay on the way adds to it; and a
        worker's clock that is behind the source's may take one second off.
        """
        if target is None:
            return span.last is None
        early = 1 if self._profile.clock_error_us else 0
        late = LATE_BY_S + -(-delay_us // 1_000_000)
        is_early = span.first is None or target < span.first - early
        return not is_early and (span.last is None or target <= span.last + late)

    def _is_claimed(self, where: RowName) -> bool:
        """Past the time limits two workers may count at once; nothing is claimed of that."""
        return self._profile.is_bounded or not self._cluster.table(where[0]).is_counter

    def _must_end_so(self, delivery: Delivery, end: Settled, may_be_stuck: bool) -> None:
        is_open = end.outcome is Outcome.RETURNED or end.reason is SkipReason.POSTPONED
        if is_open or end.reason is SkipReason.COVERED:
            return
        expected = {
            Kind.HINT: Outcome.APPLIED,
            Kind.NOTHING: Outcome.SKIPPED,
            Kind.POISON: Outcome.PARKED,
            Kind.CHECK: Outcome.SKIPPED,
        }[delivery.kind]
        is_refused = delivery.hint is not None and may_meet_refusal(delivery.hint)
        may_be_parked = is_refused or (may_be_stuck and end.reason is ParkReason.STUCK)
        if end.outcome is not expected and not (may_be_parked and end.outcome is Outcome.PARKED):
            raise Violation(f"P4: {delivery} ended as {end}")

    def _must_know_columns(self, hint: Hint, answered: Answered) -> None:
        """No read settles a hint that knew more, as long as a node could have told."""
        if hint.scope is not Scope.ROW or answered.known[hint.table] < hint.altered_us:
            return
        read_by = answered.read_by.get((hint.table, hint.partition, hint.clustering), 0)
        if read_by < hint.altered_us:
            raise Violation(f"P3: {hint} was settled by a read that knew less")

    def _must_be_acknowledged(self, hint: Hint, acknowledged: set[RowName]) -> None:
        table = self._cluster.table(hint.table)
        is_blind = hint.scope is Scope.ROW and not table.is_counter
        if is_blind and (hint.table, hint.partition, hint.clustering) not in acknowledged:
            raise Violation(f"P3: {hint} is called applied, but was never acknowledged")
        if hint.statics_due and (hint.table, hint.partition, None) not in acknowledged:
            raise Violation(f"P3: the statics of {hint} were never acknowledged")


def _columns_of(statement: Statement) -> set[str]:
    if isinstance(statement, Remove):
        return set()
    if isinstance(statement, Extend):
        return {place.column for place in statement.columns}
    return set(statement.columns)


def may_meet_refusal(hint: Hint) -> bool:
    """Return whether the row that the target refuses is one of those that the hint speaks of."""
    if hint.scope is Scope.ROW:
        return hint.clustering == TOO_LARGE
    return hint.table.name == "wide" and hint.scope is not Scope.STATIC


def is_refused(where: RowName, statement: Statement) -> bool:
    """Return whether the target refuses this statement."""
    return where[2] == TOO_LARGE and isinstance(statement, Put)
