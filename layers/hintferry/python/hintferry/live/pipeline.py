"""Process one batch: decode, coalesce, read, plan, write, settle.

A record says only that a key may have changed. The key is read from the source. Then the target is
made to show what that read saw, at the time at which the read began. Nothing here knows where
records come from or how a database is spoken to. Nothing here decides what to write (`live.plan`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from hintferry.core.errors import (
    ClockFault,
    Fenced,
    HintferryError,
    InDoubt,
    LateAnswer,
    NoTimeLeft,
    Overwhelmed,
    Paused,
    SideFault,
    StaleRead,
    Stuck,
    Troubled,
    Undecodable,
    Unprocessable,
    Unreachable,
)
from hintferry.core.hint import Errand, Hint, Record, Slice
from hintferry.core.limits import (
    CLOCK_MARGIN_S,
    LIVE_RETRY,
    REQUEST_TIMEOUT_S,
    RESERVE_S,
    STALE_AFTER_S,
    STAMP_MARGIN_S,
)
from hintferry.core.outcome import Outcome, Settled, SkipReason
from hintferry.core.rows import Snapshot
from hintferry.core.work import Later, RowWork, SliceWork, StaticWork, Work
from hintferry.live.coalesce import coalesce
from hintferry.live.counter_lease import recount
from hintferry.live.followup import followups
from hintferry.live.ledger import ConservationError, Ledger
from hintferry.live.plan import plan_rows, plan_statics
from hintferry.live.recent_writes import RecentWrites
from hintferry.live.reconcile import Reconciler
from hintferry.live.repair_check import RepairCheck
from hintferry.live.timeout_streaks import TimeoutStreaks
from hintferry.live.validation import Validator
from hintferry.ports import (
    Clock,
    Deadline,
    Decoder,
    Leases,
    Meter,
    Parked,
    ParkingLot,
    Read,
    ReplayQueue,
    Source,
    Target,
    Write,
)

COMPARED_AT_ONCE = 8

OUT_OF_TIME = NoTimeLeft("the invocation ends before this key's turn")
BAD_NEIGHBOUR = NoTimeLeft("another row of the same request was rejected")

Failures = list[tuple[Work, HintferryError]]
Reader = Callable[[Iterable[RowWork | StaticWork]], Iterator[Read]]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The stages, put together from ports."""

    decode: Decoder
    source: Source
    target: Target
    parking: ParkingLot
    replay: ReplayQueue
    leases: Leases
    clock: Clock
    meter: Meter
    recent_writes: RecentWrites = field(default_factory=RecentWrites)
    validator: Validator | None = None
    """None where nobody validates: in a backfill, and with the stock connector."""

    def process(self, records: Sequence[Record], deadline: Deadline) -> list[Settled]:
        """Bring one batch to its end; the answer runs parallel to `records`."""
        ledger = Ledger(len(records))
        hints = self._decode(records, ledger)
        timely = self._timely(records, hints, ledger)
        checks = {at: one for at, one in timely.items() if one.errand is Errand.VALIDATION}
        works = (
            timely if not checks else {at: one for at, one in timely.items() if at not in checks}
        )
        self._apply(coalesce(works.items()), ledger, deadline)
        self._validate(records, checks, ledger, deadline)
        ends = self._settle(records.__getitem__, works.get, self._closed(ledger), deadline)
        if self.validator is not None:
            self.meter.unvalidated(self.validator.sample(works, ends))
        self.meter.batch(records, hints, ends)
        return ends

    def _validate(
        self,
        records: Sequence[Record],
        checks: Mapping[int, Hint],
        ledger: Ledger,
        deadline: Deadline,
    ) -> None:
        """Compare settled keys, a few at once; nothing of them is written."""
        if not checks:
            return
        validator = self.validator
        if validator is None:
            for index in checks:
                ledger.skipped(index, SkipReason.UNVALIDATED)
            return
        with ThreadPoolExecutor(COMPARED_AT_ONCE) as pool:
            ends = pool.map(
                lambda at: validator.settle(checks[at], records[at].check, deadline), checks
            )
            for index, end in zip(checks, ends, strict=True):
                ledger.settled(index, end)

    def fill(
        self,
        seen: Sequence[tuple[RowWork | StaticWork, Snapshot]],
        keys: int,
        hint_of: Callable[[int], Hint],
        deadline: Deadline,
    ) -> list[Settled]:
        """Bring to its end what a scan has read; only what fails at first is read again.

        The works' records are numbers below `keys`, one a key; the answer tells each one's end.
        """

        def as_scanned(works: Iterable[RowWork | StaticWork]) -> Iterator[Read]:
            return ((work, snapshots[next(iter(work.records))]) for work in works)

        snapshots = {next(iter(work.records)): snapshot for work, snapshot in seen}
        ledger = Ledger(keys)
        self._apply([work for work, _ in seen], ledger, deadline, as_scanned)
        return self._settle(_scanned_record, hint_of, self._closed(ledger), deadline)

    def _closed(self, ledger: Ledger) -> list[Settled]:
        try:
            return ledger.close()
        except ConservationError:
            self.meter.conservation_failed()
            raise

    def _decode(self, records: Sequence[Record], ledger: Ledger) -> dict[int, Hint]:
        """The hints by the index of their record; every other record is settled here."""
        hints: dict[int, Hint] = {}
        for index, record in enumerate(records):
            try:
                decoded = self.decode(record)
            except HintferryError as error:
                ledger.refused(index, error)
                continue
            except Exception as error:  # noqa: BLE001 - a defect of ours must not stop a partition
                text = f"the decoder failed at it: {type(error).__name__}"
                ledger.refused(index, Undecodable(text))
                continue
            if not isinstance(decoded, Hint):
                ledger.skipped(index, SkipReason.NOTHING)
            elif self.recent_writes.covers(decoded, record.appended_at_ms):
                ledger.skipped(index, SkipReason.COVERED)
            else:
                hints[index] = decoded
        return hints

    def _timely(
        self, records: Sequence[Record], hints: dict[int, Hint], ledger: Ledger
    ) -> dict[int, Hint]:
        """The hints to be read for, once our clock has passed their stamps.

        A read that starts before the stamp of its hint would lose to one that did not see yet what
        the hint speaks of. Where the broker's clock is too far ahead the record is returned.
        """
        if not hints:
            return {}
        try:
            now_us = self.clock.read_start()
        except HintferryError as error:
            for index in hints:
                ledger.refused(index, error)
            return {}
        timely, wait_us = {}, 0.0
        for index, hint in hints.items():
            ahead_us = 1000 * (records[index].appended_at_ms or 0) - now_us
            if ahead_us > CLOCK_MARGIN_S * 1e6:
                text = f"the broker stamped it {ahead_us / 1e6:.3f} s ahead of our clock"
                ledger.refused(index, ClockFault(text))
            else:
                timely[index] = hint
                wait_us = max(wait_us, ahead_us + STAMP_MARGIN_S * 1e6)
        if wait_us:
            self.clock.sleep(wait_us / 1e6)
        return timely

    def _apply(
        self,
        works: list[Work],
        ledger: Ledger,
        deadline: Deadline,
        first_read: Reader | None = None,
    ) -> None:
        """Do all work, and again after a pause what a fault kept from being done."""
        for work in works:
            ledger.open(work.records)
        failures = self._attempt(works, ledger, deadline, first_read or self.source.read)
        for pause in _pauses():
            failures = list(_worth_another_try(failures, ledger))
            if not failures or deadline.remaining() < RESERVE_S + pause:
                break
            if len(failures) == len(works) and _is_side_away(failures):
                # Waiting costs less at the event source than in here.
                break
            if any(isinstance(error, SideFault) for _, error in failures):
                self.clock.sleep(pause)
            again = [work for work, _ in failures]
            failures = self._attempt(again, ledger, deadline, self.source.read, is_again=True)
        for work, error in _worth_another_try(failures, ledger):
            hopeless = isinstance(error, Overwhelmed)
            ledger.failed(work.records, Stuck(str(error)) if hopeless else error)

    def _attempt(
        self,
        works: list[Work],
        ledger: Ledger,
        deadline: Deadline,
        read: Reader,
        is_again: bool = False,
    ) -> Failures:
        """Do each piece of work once: keys all at once, then what has to be compared.

        Where a side is slow every time, TTLs are counted as they come in the end.
        """
        failures: Failures = []
        blind, compared = self._sorted(works, failures)
        admitted = _admitted(blind, deadline, failures)
        planned = self._planned(read(admitted), deadline, failures, is_again)
        for write, error in self.target.write(planned):
            if is_again and isinstance(error, LateAnswer):
                error = None
            if error is None and not isinstance(write.work, SliceWork):
                self.recent_writes.add(write.work, write.statements, write.table.altered_us)
            _account(write.work, error, ledger, failures)
        for work, error in self._compare(compared, deadline):
            _account(work, error, ledger, failures)
        return failures

    def _sorted(
        self, works: list[Work], failures: Failures
    ) -> tuple[list[RowWork | StaticWork], list[Work]]:
        """Keys that are written whatever the target shows; then slices, counters and repairs."""
        blind: list[RowWork | StaticWork] = []
        compared: list[Work] = []
        for work in works:
            try:
                is_counter = self.source.table(work.table).is_counter
            except HintferryError as error:
                failures.append((work, error))
                continue
            is_repair = isinstance(work, RowWork) and work.is_repair
            if is_counter or is_repair or isinstance(work, SliceWork):
                compared.append(work)
            else:
                blind.append(work)
        return blind, compared

    def _planned(
        self, reads: Iterable[Read], deadline: Deadline, failures: Failures, is_again: bool
    ) -> Iterator[Write]:
        """The writes that follow from these reads, each as soon as its read is back."""
        for work, seen in reads:
            if isinstance(seen, HintferryError):
                failures.append((work, seen))
                continue
            now = self.clock.now()
            if now - seen.read_start / 1e6 > STALE_AFTER_S:
                failures.append((work, StaleRead("too long between read and write")))
            elif deadline.remaining() < REQUEST_TIMEOUT_S:
                failures.append((work, OUT_OF_TIME))
            elif seen.late and not is_again:
                failures.append(
                    (work, LateAnswer("source: the answer came too late for its TTLs to be exact"))
                )
            elif isinstance(work, RowWork):
                yield Write(work, seen.table, plan_rows(work.rows, seen, int(now)))
            else:
                yield Write(work, seen.table, plan_statics(seen, int(now)))

    def _compare(
        self, works: list[Work], deadline: Deadline
    ) -> Iterator[tuple[Work, HintferryError | None]]:
        """Make these equal, a few at once; see to it that slices are seen again."""
        if not works:
            return
        with ThreadPoolExecutor(COMPARED_AT_ONCE) as pool:
            results = list(pool.map(lambda work: self._compare_one(work, deadline), works))
        done: list[tuple[Work, list[Later]]] = []
        for work, result in zip(works, results, strict=True):
            if isinstance(result, HintferryError):
                yield work, result
            else:
                done.append((work, followups(work, result)))
        sent = iter(self.replay.send([item for _, later in done for item in later]))
        for work, later in done:
            errors = [next(sent) for _ in later]
            yield work, next(filter(None, errors), None)

    def _compare_one(self, work: Work, deadline: Deadline) -> Slice | HintferryError | None:
        """Make one equal; the rest of a slice that was too long, or what kept it from that."""
        if deadline.remaining() < RESERVE_S:
            return OUT_OF_TIME
        sides = self.source, self.target
        try:
            if self.source.table(work.table).is_counter:
                return recount(work, *sides, self.leases, self.clock, deadline)
            if not isinstance(work, SliceWork):
                assert isinstance(work, RowWork)
                RepairCheck(*sides, self.clock, deadline).repair(work)
                return None
            return Reconciler(*sides, self.clock, deadline).reconcile(work)
        except HintferryError as error:
            return error

    def _settle(
        self,
        record_of: Callable[[int], Record],
        hint_of: Callable[[int], Hint | None],
        ends: list[Settled],
        deadline: Deadline,
    ) -> list[Settled]:
        """Postpone what nobody knows the reason of, then park what can never succeed."""

        def serves(works: list[Work]) -> bool:
            unsaid = Ledger(0)
            return len(self._attempt(works, unsaid, deadline, self.source.read)) < len(works)

        timeout_streaks = TimeoutStreaks(self.source, self.replay, self.clock, deadline, serves)
        return self._park(record_of, hint_of, timeout_streaks.settle(record_of, hint_of, ends))

    def _park(
        self,
        record_of: Callable[[int], Record],
        hint_of: Callable[[int], Hint | None],
        ends: list[Settled],
    ) -> list[Settled]:
        """Put what can never succeed where a person finds it; return what could not be put."""
        poison = [index for index, end in enumerate(ends) if end.outcome is Outcome.PARKED]
        parked = [Parked(record_of(index), hint_of(index), ends[index]) for index in poison]
        for index, error in zip(poison, self.parking.park(parked), strict=True):
            if error is not None:
                ends[index] = Settled(Outcome.RETURNED, None, error)
        return ends


def _scanned_record(number: int) -> Record:
    """Return a placeholder record for a backfill row, which has no Kafka position."""
    return Record("backfill", 0, number, None, None, None)


def _account(work: Work, error: HintferryError | None, ledger: Ledger, failures: Failures) -> None:
    if error is None:
        ledger.applied(work.records)
    else:
        failures.append((work, error))


def _admitted(
    works: Iterable[RowWork | StaticWork], deadline: Deadline, failures: Failures
) -> Iterator[RowWork | StaticWork]:
    """Work that there is time for; what is in flight must still end within the invocation."""
    for work in works:
        if deadline.remaining() > RESERVE_S:
            yield work
        else:
            failures.append((work, OUT_OF_TIME))


def _worth_another_try(failures: Failures, ledger: Ledger) -> Iterator[tuple[Work, HintferryError]]:
    """Faults, and rows that must part from a bad neighbour; what is hopeless is settled."""
    for work, error in failures:
        is_ones_own = isinstance(error, Unprocessable | Overwhelmed | Troubled)
        if is_ones_own and isinstance(work, RowWork) and len(work.rows) > 1:
            yield from ((alone, BAD_NEIGHBOUR) for alone in work.split())
        elif isinstance(error, Unprocessable | Fenced | Paused | InDoubt):
            ledger.failed(work.records, error)
        else:
            yield work, error


def _is_side_away(failures: Failures) -> bool:
    return all(isinstance(error, Unreachable) for _, error in failures)


def _pauses() -> Iterator[float]:
    """Seconds before each further attempt, growing and jittered."""
    for failed in range(1, LIVE_RETRY.attempts):
        yield LIVE_RETRY.pause_s(failed) * random.uniform(0.5, 1.0)
