"""The application on the target, from the moment at which it may write.

P8: it finds its writes as if nothing of Hintferry's arrived any more, though late writes do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from hintferry.core.rows import Row
from hintferry.core.schema import Key, TableId
from hintferry.testing.cells import Cell
from hintferry.testing.partition import PartitionState
from hintferry.testing.rowstate import RowState
from hintferry.testing.store import MemoryStore
from tests.model.client import change_of
from tests.model.program import SourceWrite, Verb
from tests.model.tables import CLUSTERINGS, PARTITIONS
from tests.model.themes import ALL_VERBS
from tests.model.watch import RowName, Violation

if TYPE_CHECKING:
    from tests.model.world import World

WRITES = (2, 4, 8)
APART_US = (100, 5_000, 300_000, 9_000_000)
LATEST_US = 50_000_000


class Application:
    """Writes on the target, and on a copy of it that nothing else reaches.

    `slow_us`: by how much its clock is behind.
    """

    def __init__(self, world: World, table: TableId, slow_us: int) -> None:
        self._world, self._slow_us = world, slow_us
        self._table = world.cluster.table(table)
        self._random = Random(world.random.random())
        self._alone = MemoryStore(world.time)
        for partition in PARTITIONS:
            found = world.target.partition(table, partition)
            self._alone.partitions[table, partition] = found.copy()

    def work(self) -> None:
        """Write for 50 s, while what is late arrives at any time. Raises Violation."""
        world, random = self._world, self._random
        end_us = world.time.micros + LATEST_US
        for _ in range(random.choice(WRITES)):
            self._write()
            if random.random() < 0.5:
                self._deliver(random.random() < 0.5)
            world.time.advance(random.choice(APART_US))
        world.time.micros = max(world.time.micros, end_us)
        self._deliver(True)
        self._compare()

    def _deliver(self, everything: bool) -> None:
        late = [one for one in self._world.late if one[0].table.id == self._table.id]
        self._random.shuffle(late)
        for one in late if everything else late[:1]:
            self._world.tally["late after the switch"] += 1
            self._world.deliver(*one)

    def _write(self) -> None:
        random, table = self._random, self._table
        partition, clustering = self._place()
        collections = [one.name for one in table.regulars if one.multicell]
        if collections and random.random() < 0.5:
            self._remove_first(partition, clustering, random.choice(collections))
            return
        change = self._change(partition, clustering)
        for store in (self._world.target, self._alone):
            store.apply(table.id, partition, change.copy())

    def _place(self) -> tuple[Key, Key]:
        """Return a row, most often one that a late write is under way to."""
        late = [
            (write.work.partition, statement.clustering)
            for write, statement in self._world.late
            if write.table.id == self._table.id and statement.clustering is not None
        ]
        if late and self._random.random() < 0.8:
            return self._random.choice(late)
        keys = CLUSTERINGS[self._table.id.name]
        return self._random.choice(PARTITIONS), self._random.choice(keys)

    def _change(self, partition: Key, clustering: Key) -> PartitionState:
        random, table = self._random, self._table
        verbs = ALL_VERBS[table.id.name]
        verb = random.choice([one for one in verbs if one is not Verb.DELETE_SLICE])
        names: Iterable[str] = table.regular_names
        if verb in (Verb.SET_STATIC, Verb.APPEND_STATIC):
            names = ["sl"] if verb is Verb.APPEND_STATIC else table.static_names
        elif verb is Verb.APPEND:
            names = ["l"]
        elif verb is Verb.EXTEND:
            names = [one.name for one in table.regulars if one.multicell]
        values = tuple((name, random.randint(1, 3)) for name in names)
        step = SourceWrite(verb, table.id.name, partition, clustering, values)
        return change_of(replace(step, lag_us=self._slow_us), table, self._world.time)

    def _remove_first(self, partition: Key, clustering: Key, column: str) -> None:
        """DELETE of the first element of a collection, as each store shows it."""
        table, now_s = self._table, self._world.time.seconds
        at = self._world.time.micros - self._slow_us
        for store in (self._world.target, self._alone):
            cells = store.partition(table.id, partition).row(clustering).cells.items()
            paths = sorted(key for key, one in cells if key[0] == column and one.is_live(now_s))
            if paths:
                gone = RowState(cells={paths[0]: Cell(at, None)})
                store.apply(table.id, partition, PartitionState(rows={clustering: gone}))

    def _compare(self) -> None:
        for partition in PARTITIONS:
            places: list[RowName] = [
                (self._table.id, partition, key) for key in CLUSTERINGS[self._table.id.name]
            ]
            if self._table.statics:
                places.append((self._table.id, partition, None))
            for where in places:
                alone, found = self._shown(where), self._world.shown(where)
                if (alone and alone.values) != (found and found.values):
                    self._world.tally["divergent"] += 1
                    raise Violation(f"P8: {where}: {found}, by the application alone {alone}")

    def _shown(self, where: RowName) -> Row | None:
        state, now_s = self._alone.partition(where[0], where[1]), self._world.time.seconds
        if where[2] is None:
            return state.static_row().row(self._table.statics, now_s, elements=True)
        row = state.row(where[2])
        shown = row.row(self._table.regulars, now_s, elements=True)
        return shown if row.is_live(now_s) else None
