"""The end of a run: everything that is under way arrives, every hint is worked off, and then the
two sides are compared.

P1: every row, static and list is equal. P4: the work comes to an end. P6: what expires at the
source expires at the target, no earlier and at most two seconds later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hintferry.core.cql_type import TypeKind, parse
from hintferry.core.hint import Hint, Scope
from hintferry.core.limits import LEASE_S
from hintferry.core.rows import Row
from hintferry.core.schema import Column, Table, TableId
from hintferry.testing.cluster import REPLICAS
from hintferry_ops.cutover.cutover import Cutover
from hintferry_ops.cutover.gate.condition import is_open
from tests.model.application import Application
from tests.model.passes import verify
from tests.model.pieces import pieces
from tests.model.program import Batch
from tests.model.surroundings import STATED, Surroundings, gatekeeper
from tests.model.tables import PARTITIONS, TABLES, TOO_LARGE
from tests.model.watch import LATE_BY_S, RowName, Violation
from tests.model.world import LONGEST_LAG_US, World

ROUNDS = 200
LONGEST_TTL_S = 600


def settle(world: World) -> None:
    """Bring the world to rest and compare. Raises Violation."""
    world.switches.switches.clear()
    if world.switch is not None and world.profile.is_bounded:
        switch(world, world.switch)
    for worker in world.workers:
        worker.clock.own.error_us = 0
    # A cutover, or an undo, that is under way comes to its end.
    world.deliver_late()
    world.time.advance(60_000_000)
    world.hand_overs.go_on()
    _come_to_rest(world)
    if not world.profile.is_bounded:
        # Nothing is claimed but that a read later than every clock repairs it.
        world.time.advance(2 * world.profile.clock_error_us + 1_000_000)
        _hint_everything(world)
        _come_to_rest(world)
    if world.has_unheard:
        _sweep(world)
    _compare(world, swept=False)
    world.time.advance((LONGEST_TTL_S + LATE_BY_S + 1) * 1_000_000)
    _compare(world, swept=False)
    _sweep(world)
    _compare(world, swept=True)


def switch(world: World, table: TableId) -> None:
    """Look at the gate until it opens, hand the table over, and compare its two sides then."""
    around = Surroundings(world, table)
    # What workers hold of the fences is from before the announcement.
    around.linger()
    around.read_fences()
    joint = Cutover.of([gatekeeper(world, around, table)])
    opened = False
    for number, ((_, conditions),) in enumerate(joint.watch()):
        opened = is_open(conditions)
        if not opened:
            around.work(number)
    if not opened:
        world.tally["gate shut"] += 1
        return
    world.tally["gate open"] += 1
    around.read_fences()
    for number, _ in enumerate(joint.hand_over()):
        around.work(number)
        if world.random.random() < 0.4:
            around.linger()
    if joint.fences[table].ends_at is None:
        world.deliver_late(world.time.micros)
        world.hand_overs.handed.add(table)
        _compare_places(world, _places(world, world.cluster.table(table)), swept=False)
        return
    world.tally["short wait"] += 1
    _compare_places(world, _places(world, world.cluster.table(table)), swept=False)
    slow_us = world.random.choice([0, 1, 1]) * round(STATED.skew_s * 1e6)
    world.applications[table] = application = Application(world, table, slow_us)
    around.linger()
    application.work()


def _come_to_rest(world: World) -> None:
    cluster = world.cluster
    cluster.down, cluster.failing, world.deaf = set(), set(), set()
    cluster.schemas.hear(range(REPLICAS), world.time.micros)
    world.deliver_late()
    while cluster.waiting:
        cluster.hand_off(0)
    world.time.advance(LONGEST_LAG_US)
    cluster.repair()
    world.topic.pending += world.stuck
    world.stuck.clear()
    for number in range(ROUNDS):
        if not world.topic.pending:
            return
        _work_off(world, number)
    raise Violation(f"P4: {len(world.topic.pending)} records are never settled")


def _work_off(world: World, number: int) -> None:
    earliest = min(delivery.due_us for delivery in world.topic.pending)
    # After a crash a lease may have to run out before counters go on.
    world.time.micros = max(world.time.micros, earliest) + (LEASE_S * 1_000_000 if number else 0)
    step = Batch(worker=number % len(world.workers), size=30, seed=number)
    deliveries = world.topic.take(step.size, 0, world.random)
    world.run_batch(world.workers[step.worker], step, deliveries)


def _hint_everything(world: World) -> None:
    """Send the hints that a sweep of everything would send."""
    for table, places in _all_places(world):
        for where in places:
            world.topic.captured(_hint_of(where), world.time.micros)
        if table.clustering:
            for partition in PARTITIONS:
                world.topic.captured(Hint(table.id, partition, Scope.PARTITION), world.time.micros)


def _sweep(world: World) -> None:
    """Every row that differs becomes a hint, and is worked off."""
    for table in world.written.keys() - world.hand_overs.fences.fenced.keys():
        if verify(world, table) is None:
            raise Violation("P4: a sweep failed")
    _come_to_rest(world)


def _hint_of(where: RowName) -> Hint:
    table, partition, clustering = where
    if clustering is None:
        return Hint(table, partition, Scope.STATIC, statics_due=True)
    return Hint(table, partition, Scope.ROW, clustering)


def _compare(world: World, *, swept: bool) -> None:
    for _, places in _all_places(world):
        _compare_places(world, places, swept=swept)


def _compare_places(world: World, places: Iterable[RowName], *, swept: bool) -> None:
    for where in places:
        if where[2] == TOO_LARGE:
            continue
        source, target = _at_source(world, where), world.shown(where)
        if not _same(world, where, source, target, swept=swept):
            if not swept and _marker_expires(world, where, source, target):
                world.tally["left to the sweep"] += 1
                continue
            world.tally["divergent"] += 1
            raise Violation(f"P1: {where}: source {source}, target {target}")


def _same(
    world: World, where: RowName, source: Row | None, target: Row | None, *, swept: bool
) -> bool:
    if _is_about_to_expire(world, source) or _is_about_to_expire(world, target):
        return True
    table, delay_us = world.cluster.table(where[0]), world.arrivals.get(where, 0)
    columns = table.statics if where[2] is None else table.regulars
    if source is None and target is not None and _goes_by_itself(world, where, swept=swept):
        source = Row((None,) * len(columns), (None,) * len(columns))
    if source is None or target is None:
        return source is target
    source_pieces, target_pieces = (dict(pieces(table, columns, row)) for row in (source, target))
    # What elements of a list, or of what tells nothing, outlive is left to the sweep.
    kept = {piece.column for piece in target_pieces.keys() - source_pieces.keys()}
    may_keep = {one.name for one in columns if _may_keep(table, one)} if not swept else set()
    cells = zip(columns, source.values, target.values, strict=True)
    return (
        source_pieces.keys() <= target_pieces.keys()
        and kept <= may_keep
        and all(one == other for column, one, other in cells if column.name not in kept)
        and all(
            world.watch.is_within(source_pieces[one], target_pieces[one].first, delay_us)
            for one in source_pieces
        )
    )


def _goes_by_itself(world: World, where: RowName, *, swept: bool) -> bool:
    """Return whether a row's marker on the target ends within what is known to be the longest."""
    longest_s = world.cluster.table(where[0]).longest_ttl
    marker = world.target.partition(where[0], where[1]).row(where[2] or ()).marker
    latest = world.time.seconds + longest_s + LATE_BY_S
    ends = 0 if marker is None else marker.expires_at
    return bool(longest_s) and not swept and ends is not None and ends <= latest


def _may_keep(table: Table, column: Column) -> bool:
    is_list = table.tells_elements and parse(column.cql_type).kind is TypeKind.LIST
    return is_list or table.is_bounded(column)


def _is_about_to_expire(world: World, row: Row | None) -> bool:
    """Compared again once it has expired on both sides."""
    now_s, soon = world.time.seconds, 20
    ends = () if row is None else row.expiries
    each = (at for end in ends for at in (end if isinstance(end, tuple) else (end,)))
    return any(at and at - now_s < soon for at in each)


def _marker_expires(world: World, where: RowName, source: Row | None, target: Row | None) -> bool:
    """Return whether they differ only in how long an empty row lives on. A marker's own TTL cannot
    be read: neither that of an INSERT … USING TTL, nor that of a row of which only the values have
    one."""
    state = world.cluster.replicas[0].partition(where[0], where[1]).row(where[2] or ())
    if target is None and source is not None and not any(source.values):
        return any(cell.expires_at is not None for cell in state.cells.values())
    if source is None and target is not None and not any(target.values):
        is_bounded = bool(world.cluster.table(where[0]).longest_ttl)
        return not is_bounded and state.marker is not None and state.marker.expires_at is not None
    return False


def _at_source(world: World, where: RowName) -> Row | None:
    table, cluster = world.cluster.table(where[0]), world.cluster
    everyone, now_s = range(REPLICAS), world.time.seconds
    if where[2] is None:
        statics = cluster.merged_statics(table, where[1], everyone)
        return statics.row(table.statics, now_s, elements=True)
    state = cluster.merged_row(table, where[1], where[2], everyone)
    return state.row(table.regulars, now_s, elements=True) if state.is_live(now_s) else None


def _all_places(world: World) -> Iterator[tuple[Table, list[RowName]]]:
    for name in TABLES.values():
        if name.id in world.hand_overs.fences.fenced:
            continue
        table = world.cluster.table(name.id)
        yield table, _places(world, table)


def _places(world: World, table: Table) -> list[RowName]:
    places: list[RowName] = []
    for partition in PARTITIONS:
        keys = set(world.target.partition(table.id, partition).rows)
        keys.update(world.cluster.keys(table, partition, range(REPLICAS)))
        places += [(table.id, partition, key) for key in sorted(keys)]
        if table.statics:
            places.append((table.id, partition, None))
    return places
