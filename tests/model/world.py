"""One run's world, and how each step changes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random

from hintferry.core import switches
from hintferry.core.errors import Fenced, ParkReason, Paused
from hintferry.core.hint import Hint
from hintferry.core.limits import STALE_AFTER_S
from hintferry.core.open_item import PARKED, OpenItem
from hintferry.core.outcome import Outcome, ReturnReason, Settled, SkipReason
from hintferry.core.rows import Row, Statement
from hintferry.core.schema import Key, Table, TableId
from hintferry.core.work import Later
from hintferry.live.recent_writes import RecentWrites
from hintferry.ports import Write
from hintferry.sweep.progress import Finished
from hintferry.testing import changes
from hintferry.testing.clock import SimulatedTime
from hintferry.testing.cluster import QUORUM, REPLICAS, ReplicatedCluster
from hintferry.testing.leases import LeaseTable
from hintferry.testing.partition import PartitionState
from hintferry.testing.points import Hook, Point
from hintferry.testing.store import MemoryStore
from hintferry.testing.switches import MemorySwitches
from hintferry.testing.target import MemoryTarget
from tests.model.application import Application
from tests.model.catalog import catalog_of
from tests.model.client import change_of
from tests.model.generate import WORKERS
from tests.model.handover import HandOvers, filled_before
from tests.model.journey import Journey
from tests.model.markers import WorldMarkers
from tests.model.mutant import UNCHANGED, Mutant
from tests.model.passes import record
from tests.model.profiles import Profile
from tests.model.program import (
    Alter,
    Batch,
    CutOver,
    Deafen,
    Fail,
    HandOver,
    Hear,
    OfTable,
    Pause,
    Poison,
    Program,
    Recreate,
    Repair,
    Resume,
    SendAgain,
    SetBroker,
    SetCapture,
    SetClock,
    SourceWrite,
    Step,
    Switch,
    TakeBack,
    TakeDown,
    Tamper,
    Tick,
    Validate,
    Verify,
)
from tests.model.tables import LATER, TABLES
from tests.model.topic import Delivery, Kind, Topic
from tests.model.watch import Answered, RowName, Violation, Watch, place
from tests.model.worker import Worker

LONGEST_LAG_US = 9_000
"""A write is in memory this long after it is in the log, at most: before any capture sees it."""

PATIENCE_US = 500_000
"""A batch waits this long for records that are being captured."""

PAUSE = switches.Pause(0.0, "an operator", "")

BATCH_TAKES_US = 2_000_000
"""More than a batch spends on pauses between its attempts."""


class Killed(BaseException):
    """A worker died."""


class World:
    """Source, target, records on their way, workers, and an observer of them all."""

    def __init__(self, profile: Profile, mutant: Mutant = UNCHANGED) -> None:
        self.profile, self.mutant = profile, mutant
        self.random = Random(0)
        self.time = SimulatedTime()
        self.topic = Topic(self.time, self.random)
        self.cluster = ReplicatedCluster(
            TABLES.values(), self.time, self._captured, self._changed, self._lag_us
        )
        self.target = MemoryStore(self.time)
        self.leases = LeaseTable(self.time)
        self.watch = Watch(profile, self.cluster, self.target)
        self.tally: Counter[str] = Counter()
        self.hand_overs = HandOvers(self.time, self.tally)
        for table in TABLES.values():
            self.hand_overs.passes.enter(filled_before(table.id, self.time))
        self.switches = MemorySwitches()
        self.catalog = catalog_of(self.cluster, self.random)
        self.workers = [Worker(self, number) for number in range(WORKERS)]
        self.stuck: list[Delivery] = []
        """Parked because the source gave up on them; a person will send them back."""
        self.refused: list[OpenItem] = []
        """Parked because the target refuses the row; nobody sends them back."""
        self.markers = WorldMarkers(self)
        self.since: dict[int, int | None] = dict.fromkeys(range(REPLICAS), 1)
        """The start of each connector's state; None where it captures nothing."""
        self.created_us: dict[TableId, int] = {}
        """When each table was created that was dropped before; it stands for its id."""
        self.newest: dict[tuple[TableId, int], float] = {}
        self.below_quorum: set[TableId] = set()
        self.applications: dict[TableId, Application] = {}
        """Those that write while a late write may still arrive."""
        self.switch: TableId | None = None
        """The table that is cut over in the end."""
        self.deaf: set[int] = set()
        """The replicas whose capture hears nothing."""
        self.written: dict[TableId, None] = {}
        """The tables that the program wrote, in order."""
        self.has_unheard = False
        """A change brought no hint: only a sweep can find it."""
        self.applied: set[bytes | None] = set()
        """The values of the records that were applied."""
        self.one_in = 0
        """Of the settled rows one in so many is validated; 0: none."""
        self.wronged: set[RowName] = set()
        """The rows of the target that somebody else changed."""
        self.late: list[tuple[Write, Statement]] = []
        self.journeys: dict[int, Journey] = {}
        self.arrivals: dict[RowName, int] = {}
        """By how much (microseconds) what a row shows arrived after it was planned."""
        self._up_since = [0] * REPLICAS
        self._courier = MemoryTarget(self.target)
        self._not_after: int | None = None

    def take(self, steps: Program) -> None:
        """Take the steps one after the other."""
        for step in steps:
            self.time.advance(100)
            self._deliver_overdue()
            self.tally["steps"] += 1
            self._take(step)

    def _take(self, step: Step) -> None:
        match step:
            case SourceWrite():
                self._write(step)
            case Batch():
                self._batch(step)
            case Tick():
                self._pass_time(step.micros)
            case SetClock():
                self.workers[step.worker].clock.own.error_us = step.error_us
            case CutOver() | TakeBack() | Verify() | Switch() | Pause() | Resume():
                self._take_of_command(step, TABLES[step.table].id)
            case Validate():
                self.one_in = 1
            case Tamper():
                self._tamper(step)
            case SendAgain() | Poison() | SetBroker() | SetCapture():
                self._take_of_topic(step)
            case _:
                self._take_of_cluster(step)

    def _take_of_command(self, step: OfTable, table: TableId) -> None:
        match step:
            case CutOver():
                self.hand_overs.cutover(table)
            case TakeBack():
                self.hand_overs.take_back(table)
                self.has_unheard = True
            case Verify() if self._not_after is None and table not in self.hand_overs.fences.fenced:
                record(self, table)
            case Switch():
                self.switch = table
            case Pause():
                self.switches.set_pause(str(table), PAUSE)
            case Resume():
                self.switches.set_pause(str(table), None)

    def _take_of_topic(self, step: SendAgain | Poison | SetBroker | SetCapture) -> None:
        match step:
            case SendAgain():
                self.topic.send_again(step.index)
            case Poison():
                self.topic.poison(step.kind)
            case SetBroker():
                self.topic.broker_error_us = step.error_us
            case SetCapture():
                self.topic.slowest_capture_us = step.slowest_us

    def _take_of_cluster(
        self, step: HandOver | Repair | TakeDown | Fail | Alter | Recreate | Hear | Deafen
    ) -> None:
        match step:
            case HandOver() if self.cluster.waiting:
                self.cluster.hand_off(step.index % len(self.cluster.waiting))
            case Repair():
                self.cluster.repair()
            case Alter():
                self._alter(step)
            case Recreate():
                self._recreate(self.cluster.table(TABLES[step.table].id))
            case Hear():
                up = set(step.nodes) - self.cluster.down
                self.cluster.schemas.hear(up, self.time.micros)
            case TakeDown() | Fail() | Deafen():
                self._take_of_nodes(step)

    def _take_of_nodes(self, step: TakeDown | Fail | Deafen) -> None:
        match step:
            case TakeDown():
                before = self.cluster.down
                self.cluster.down = set() if step.replica is None else {step.replica}
                for node in before - self.cluster.down:
                    self._up_since[node] = self.time.micros
            case Fail():
                self.cluster.failing = set() if step.replica is None else {step.replica}
                self.tally["failing"] += step.replica is not None
            case Deafen():
                self._deafen(set(step.replicas))

    def lose_unsent(self) -> None:
        """Every node's connector loses the hints that it has not sent yet, and tells a hole."""
        now_us, before = self.time.micros, len(self.topic.pending)
        self.topic.pending = [
            one for one in self.topic.pending if one.replica is None or one.due_us <= now_us
        ]
        self.has_unheard = self.has_unheard or len(self.topic.pending) < before
        self.tally["holes"] += 1
        self._deafen(set(range(REPLICAS)))
        self._deafen(set())

    def _deafen(self, deaf: set[int]) -> None:
        for node in range(REPLICAS):
            if node in deaf:
                self.since[node] = None
            elif self.since[node] is None:
                self.since[node] = self.time.micros
        self.deaf = deaf

    def set_out(self, write: Write, starts: list[int]) -> Journey:
        """A write leaves a pipeline; it must follow from a read that is not too old."""
        now = self.time.micros
        oldest = now - min(starts, default=now)
        if self.profile.is_bounded and oldest > STALE_AFTER_S * 1e6 + 100_000:
            raise Violation(f"P2: a read {oldest / 1e6:.0f} s old was written")
        journey = self.journeys[id(write)] = Journey(write, starts, now)
        return journey

    def arrive(
        self, write: Write, statement: Statement, carry: Callable[[Write, Statement], None]
    ) -> None:
        """A statement reaches the target."""
        journey, where = self.journeys[id(write)], place(write, statement)
        index = journey.index_of(statement)
        if where[0] in self.applications:
            # What it does there is seen by what the application finds.
            carry(write, statement)
            return
        before = self.shown(where)
        if self.profile.is_bounded and where[0] in self.hand_overs.handed:
            raise Violation(f"P7: {where} was written after its table was handed over")
        carry(write, statement)
        after = self.shown(where)
        self.watch.arrived(where, journey, statement, (before, after))
        if before != after:
            self.arrivals[where] = self.time.micros - journey.planned_us
        journey.arrived.add(index)
        parts = {i for i, one in enumerate(write.statements) if place(write, one) == where}
        is_of_all = write.table.regular_names == self.cluster.table(where[0]).regular_names
        if parts <= journey.arrived and is_of_all:
            self.watch.complete(where, journey.starts[index])

    def shown(self, where: RowName) -> Row | None:
        """Return what the target shows of a row, or of static columns."""
        table = self.cluster.table(where[0])
        part, now_s = self.target.partition(where[0], where[1]), self.time.seconds
        if where[2] is None:
            return part.static_row().row(table.statics, now_s, elements=True)
        state = part.row(where[2])
        return state.row(table.regulars, now_s, elements=True) if state.is_live(now_s) else None

    def deliver_late(self, until_us: int | None = None) -> None:
        """Statements that timed out arrive: all, or those that may be under way no longer."""
        for write, statement in list(self.late):
            if until_us is None or self.journeys[id(write)].latest_us <= until_us:
                self.tally["late"] += 1
                self.deliver(write, statement)

    def deliver(self, write: Write, statement: Statement) -> None:
        """A statement that timed out arrives."""
        self.late.remove((write, statement))
        self.arrive(write, statement, self._courier.arrive)

    def postponed(self, later: Later) -> None:
        """A pipeline left work for later."""
        self.tally["postponed"] += 1
        self.topic.postponed(later)

    def _captured(self, hint: Hint, written_us: int, replica: int) -> None:
        if replica in self.deaf:
            self.tally["unheard"] += 1
            self.has_unheard = True
            return
        self.tally["hints"] += 1
        newest = min(written_us, self.time.micros) / 1e6
        self.newest[hint.table, replica] = max(newest, self.newest.get((hint.table, replica), 0.0))
        self.topic.captured(hint, written_us, replica)

    def _changed(self, table: Table, partition: Key, change: PartitionState) -> None:
        self.watch.changed(table, partition, change)

    def _lag_us(self) -> int:
        return self.random.randint(0, LONGEST_LAG_US)

    def _alter(self, step: Alter) -> None:
        schemas, table = self.cluster.schemas, TABLES[step.table].id
        reached = set(step.reached) - self.cluster.down or set(self.cluster.up)
        if step.column in schemas.table(table).regular_names:
            schemas.drop(table, step.column, self.time.micros, reached)
            # What the target shows of it stays, for no hint tells of it.
            self.has_unheard = True
            self.tally["dropped"] += 1
        else:
            schemas.add(table, LATER, self.time.micros, reached)
            self.tally["added"] += 1

    def _recreate(self, table: Table) -> None:
        """No hint tells of the rows that went."""
        self.cluster.empty(table.id)
        created_us = self.time.micros
        again = replace(table, altered_us=created_us)
        self.cluster.schemas.alter(again, range(REPLICAS))
        self.created_us[table.id] = created_us
        self.has_unheard = True
        self.tally["recreated"] += 1

    def _write(self, step: SourceWrite) -> None:
        if not set(step.reached) <= self.cluster.down:
            node = self.random.choice(self.cluster.up)
            table = self.cluster.schemas.of(node).tables[TABLES[step.table].id]
            self.written.setdefault(table.id)
            if len(set(step.reached) - self.cluster.down) < QUORUM:
                self.below_quorum.add(table.id)
            change = change_of(step, table, self.time)
            self.cluster.write(table, step.partition, change, step.reached)

    def _tamper(self, step: Tamper) -> None:
        table = TABLES[step.table]
        where = (table.id, step.partition, step.clustering)
        if self._not_after is not None or self.shown(where) is None:
            return
        now_us = self.time.micros
        values = {table.regulars[0].name: b"forged"}
        change = (
            changes.remove_row(step.clustering, now_us)
            if step.deletes
            else changes.put(table, step.clustering, values, now_us, None, creates_row=False)
        )
        self.target.apply(table.id, step.partition, change)
        self.wronged.add(where)
        self.has_unheard = True
        self.tally["tampered"] += 1

    def _batch(self, step: Batch) -> None:
        worker = next((one for one in self._from(step.worker) if not one.is_busy), None)
        if worker is None or not self._has_room(BATCH_TAKES_US):
            return
        if step.fills is not None:
            self._fill(worker, step, TABLES[step.fills].id)
            return
        random = Random(step.seed)
        deliveries = self.topic.take(step.size, PATIENCE_US, random)
        if deliveries:
            self.run_batch(worker, step, deliveries)

    def _fill(self, worker: Worker, step: Batch, table: TableId) -> None:
        """One worker fills a table; its pauses are too long for a write that is under way."""
        if self._not_after is not None:
            return
        worker.is_busy = True
        try:
            for report in worker.fill(step, table, self._hook(worker, step)):
                if isinstance(report, Finished):
                    self.tally["filled"] += report.sums.written
        except (Fenced, Paused):
            self.tally["fill refused"] += 1
        except Killed:
            self._forget(worker)
        finally:
            worker.is_busy = False

    def _forget(self, worker: Worker) -> None:
        self.tally["crashes"] += 1
        worker.remembered, worker.read_by = RecentWrites(), {}

    def run_batch(self, worker: Worker, step: Batch, deliveries: list[Delivery]) -> None:
        """One worker, one batch: what is not settled waits again."""
        latest = max(delivery.due_us for delivery in deliveries)
        self.time.micros = max(self.time.micros, latest)
        self.tally["batches"] += 1
        began_us = self.time.micros
        records = [delivery.record for delivery in deliveries]
        worker.is_busy = True
        self.topic.in_hand += deliveries
        try:
            hook = self._hook(worker, step)
            ends = worker.run(step, records, hook)
            hook(Point.BEFORE_ANSWER)
        except Killed:
            self._forget(worker)
            self.topic.pending += deliveries
            return
        finally:
            worker.is_busy = False
            for delivery in deliveries:
                self.topic.in_hand.remove(delivery)
        gives_up = step.most_rows is not None
        self.watch.answered(
            Answered(
                deliveries,
                ends,
                worker.acknowledged,
                self.applied,
                gives_up,
                self.hand_overs,
                worker.read_by,
                self._known_since(began_us),
            )
        )
        self._settle(deliveries, ends)

    def _known_since(self, began_us: int) -> dict[TableId, int]:
        """The latest alteration of each table that a node knew that was up from then on."""
        schemas = self.cluster.schemas
        steady = [node for node in self.cluster.up if self._up_since[node] <= began_us]

        def known(table: TableId) -> int:
            return max((schemas.altered_us(node, table, began_us) for node in steady), default=0)

        return {table.id: known(table.id) for table in TABLES.values()}

    def _settle(self, deliveries: list[Delivery], ends: list[Settled]) -> None:
        """Bring returned records again; keep parked ones for a person."""
        for delivery, end in zip(deliveries, ends, strict=True):
            self.tally[end.outcome.value] += 1
            self.tally["covered"] += end.reason is SkipReason.COVERED
            self.tally["paused"] += end.reason is ReturnReason.PAUSED
            if delivery.kind is Kind.CHECK:
                self._validated(delivery, end)
            if end.outcome is Outcome.APPLIED:
                self.applied.add(delivery.record.value)
            elif end.outcome is Outcome.RETURNED:
                self.topic.pending.append(delivery)
            elif end.reason is ParkReason.STUCK:
                self.tally["stuck"] += 1
                self.stuck.append(delivery)
            elif end.outcome is Outcome.PARKED and delivery.hint is not None:
                name, now = str(delivery.hint.table), self.time.micros / 1e6
                self.refused.append(OpenItem(name, b"", now, PARKED))

    def _validated(self, delivery: Delivery, end: Settled) -> None:
        """Count how a validation ended; only what was wronged may be called diverged."""
        assert delivery.hint is not None
        if end.reason is not None:
            self.tally[end.reason.value] += 1
        hint = delivery.hint
        where = hint.table, hint.partition, hint.clustering
        is_lost = self.tally["unheard"] > 0
        if end.reason is SkipReason.DIVERGED and where not in self.wronged and not is_lost:
            raise Violation(f"P8: {where} is called diverged, and nobody wronged it")

    def _hook(self, worker: Worker, step: Batch) -> Hook:
        passed: Counter[Point] = Counter()
        is_dead = False
        stops = {(stop.point, stop.nth): stop for stop in reversed(step.stops)}

        def hook(point: Point) -> None:
            nonlocal is_dead
            if is_dead:
                # What the language would still run, a process that was killed does not.
                raise Killed
            self.time.advance(self.random.randint(20, 400))
            self._deliver_overdue()
            stop = stops.get((point, passed[point]))
            passed[point] += 1
            if stop is None:
                return
            if stop.dies:
                is_dead = True
                raise Killed
            self.tally["stalls"] += 1
            self._stall(worker, stop.steps)

        return hook

    def _stall(self, worker: Worker, steps: Program) -> None:
        """Others run while this worker stands still, as long as its writes may be under way."""
        outer, latest = self._not_after, worker.latest()
        if self.profile.is_bounded and latest is not None:
            self._not_after = latest if outer is None else min(outer, latest)
        self.take(steps)
        if self._not_after is not None and self.time.micros > self._not_after:
            raise RuntimeError("the model let a write stay under way too long")
        self._not_after = outer

    def _pass_time(self, micros: int) -> None:
        if self._not_after is not None:
            room = self._not_after - self.time.micros - 3 * BATCH_TAKES_US
            micros = max(0, min(micros, room))
        self.time.advance(micros)

    def _has_room(self, micros: int) -> bool:
        return self._not_after is None or self.time.micros + micros < self._not_after

    def _deliver_overdue(self) -> None:
        if self.late and self.profile.is_bounded:
            self.deliver_late(self.time.micros)
        self.hand_overs.go_on()

    def _from(self, first: int) -> list[Worker]:
        return self.workers[first % WORKERS :] + self.workers[: first % WORKERS]
