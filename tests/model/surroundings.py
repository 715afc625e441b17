"""Show a world to a cutover's gate: connectors, markers, queues; or guards, lag, marker rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hintferry.adapters.source.marker_watch import MarkerWatch
from hintferry.core.capture import CapturedTable, CaptureState, NodeState, TableVersion, Witness
from hintferry.core.errors import HintferryError
from hintferry.core.open_item import PARKED, OpenItem
from hintferry.core.schema import TableId
from hintferry.core.watermark import NodeMark
from hintferry.testing.clock import ScriptedClock
from hintferry.testing.cluster import REPLICAS
from hintferry.testing.fences import HeldFences
from hintferry.testing.points import nowhere
from hintferry_ops.cutover.arrivals import SampledArrivals, WatermarkArrivals
from hintferry_ops.cutover.gate.facts import Confirmations, Lag, NodeReport
from hintferry_ops.cutover.gate.fence import Stated, wait_of
from hintferry_ops.cutover.gatekeeper import Gatekeeper
from tests.model.program import Batch
from tests.model.topic import Kind

if TYPE_CHECKING:
    from tests.model.world import World

MARKER_TAKES_S = 1.0

STATED = Stated(skew_s=2.0, own_timestamps=False, tombstones_kept=True)

OUTAGE_US = 200_000_000

SAMPLED, HOLE = 0.3, 0.2
"""How often the gate has only samples to go by, and how often a hole falls into its first look."""


def witness(world: World, table: TableId) -> Witness:
    """Return what nodes and connectors say of a table's capture now."""
    schemas, now = world.cluster.schemas, world.time.micros / 1e6
    nodes = [
        NodeState(
            _address(node),
            _host(node),
            None if node in world.cluster.down else schemas.version(node).hex(),
            None,
        )
        for node in range(REPLICAS)
    ]
    created_us, states = world.created_us.get(table, 1), {}
    for node in set(world.cluster.up):
        since = world.since[node]
        heard = since and max(since, created_us)
        said = CapturedTable(str(created_us), heard, "deaf", world.newest.get((table, node)))
        states[_host(node)] = CaptureState(now, schemas.version(node).hex(), {table: said})
    shape = TableVersion(str(created_us), schemas.table(table).altered_us)
    return Witness(table, now, nodes, states, shape)


class WorldCaptures:
    """What nodes and connectors say of a table."""

    def __init__(self, world: World) -> None:
        self._world = world

    def forget(self) -> None:
        """Nothing is kept."""

    def witness(self, table: TableId) -> Witness:
        """Return the witness of the table's capture."""
        return witness(self._world, table)


class WorldOpenItems:
    """What waits in the replay queue, or is parked; the queue itself keeps it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def open(self, items: Sequence[OpenItem]) -> list[HintferryError | None]:
        """Keep nothing: the queue of the world has them."""
        return [None] * len(items)

    def close(self, items: Sequence[tuple[str, bytes]]) -> list[HintferryError | None]:
        """Let nothing go."""
        return [None] * len(items)

    def of(self, table: TableId) -> list[OpenItem]:
        """Return those of the table. A validation is none."""
        name, world = str(table), self._world
        waiting = [
            OpenItem(name, b"", one.due_us / 1e6, one.hint.errand.value)
            for one in world.topic.unsettled
            if one.replica is None and one.hint is not None and one.hint.table == table
            if one.kind is not Kind.CHECK
        ]
        stuck = [OpenItem(name, b"", world.time.seconds, PARKED) for _ in world.stuck]
        return waiting + stuck + [one for one in world.refused if one.name == name]


class Surroundings:
    """Every port of the gate but the passes, the fences and the clock.

    Now and then no records are taken for some minutes, and connectors lose hints while the gate
    looks.
    """

    def __init__(self, world: World, table: TableId) -> None:
        self._world, self._table = world, table
        self._resumes_us = world.time.micros + world.random.choice([0, 0, OUTAGE_US])
        self.is_sampled = world.random.random() < SAMPLED
        self._has_hole = not self.is_sampled and world.random.random() < HOLE

    def witness(self, table: TableId) -> Witness:
        """Return the witness of the table's capture."""
        return witness(self._world, table)

    def reports(self, _since: float) -> list[NodeReport]:
        """Return each guard's report: a guard does not notice what a connector misses."""
        now_us = self._world.time.micros
        return [
            NodeReport(_address(node), now_us / 1e6, self._hinted_upto(node), 0, None, _host(node))
            for node in range(REPLICAS)
        ]

    def lag(self, _table: TableId) -> Lag:
        """Records that are on the topic and not settled."""
        now_us = self._world.time.micros
        waiting = [
            one
            for one in self._world.topic.pending
            if one.replica is not None and one.due_us <= now_us
        ]
        return Lag(len(waiting), now_us / 1e6)

    def parked(self, _table: TableId | None) -> Mapping[str, int]:
        """Return what waits for a person."""
        return {"stuck": len(self._world.stuck)} if self._world.stuck else {}

    def given_up(self) -> int:
        """Payloads in the bucket."""
        return 0

    def forget(self) -> None:
        """Nothing is kept."""

    def draw(self, table: TableId) -> int:
        """Return a marker's number."""
        return self._world.markers.draw(table)

    def marks(self, table: TableId) -> Mapping[str, NodeMark]:
        """Return what each node has settled; its state was read before."""
        if self._has_hole:
            self._has_hole = False
            self._world.lose_unsent()
        return self._world.markers.marks(table)

    def send(self, _table: TableId) -> bytes:
        """Send a marker row."""
        return str(self._world.time.micros).encode()

    def has_arrived(self, _table: TableId, written: bytes) -> bool:
        """Return whether it is on the target."""
        return self._world.time.micros - int(written) >= MARKER_TAKES_S * 1e6

    def work(self, number: int) -> None:
        """Meanwhile the workers go on, and nodes hear of the schema."""
        world = self._world
        world.cluster.schemas.hear(world.cluster.up, world.time.micros)
        if world.time.micros >= self._resumes_us:
            world.take((Batch(worker=number, size=40, seed=number),))

    def read_fences(self) -> None:
        """Some workers begin anew, and look at the fences for a record of another table."""
        for worker in self._world.workers:
            if self._world.random.random() < 0.6:
                worker.fences = HeldFences(self._world.hand_overs.fences, worker.clock)
                worker.fences.is_fenced(TableId("model", "another"), nowhere)

    def linger(self) -> None:
        """A worker takes up records that came before; most of its writes arrive late."""
        world = self._world
        if not world.topic.sent:
            return
        before = list(world.topic.pending)
        world.topic.pending = []
        for _ in range(world.random.randint(1, 4)):
            world.topic.send_again(world.random.randrange(8))
        number = world.random.randrange(3)
        world.take((Batch(number, size=40, seed=world.random.randrange(99), faults=0.7),))
        # Whoever sent them has them settled already: nobody waits for these copies.
        world.topic.pending = before + [
            one for one in world.topic.pending if one.replica is None and one not in before
        ]

    def _hinted_upto(self, node: int) -> float:
        now_us, pending = self._world.time.micros, self._world.topic.pending
        open_us = [
            one.captured_us for one in pending if one.replica == node and one.due_us > now_us
        ]
        return min([*open_us, now_us]) / 1e6 - 0.001


def gatekeeper(world: World, around: Surroundings, table: TableId) -> Gatekeeper:
    """The real one. The person says what is true."""
    confirmations = Confirmations(world.time.micros / 1e6, None, table not in world.below_quorum)
    clock = ScriptedClock(world.time)
    watermarks = WatermarkArrivals(MarkerWatch(table, around, clock))
    samples = SampledArrivals(table, around, around, around, clock)
    return Gatekeeper(
        table,
        confirmations,
        world.cluster.table,
        around,
        samples if around.is_sampled else watermarks,
        around,
        WorldOpenItems(world),
        world.hand_overs.passes,
        world.hand_overs.fences,
        world.switches,
        clock,
        lambda described: wait_of(described, STATED, stock=around.is_sampled, has_clock=True),
        lambda: None,
    )


def _address(node: int) -> str:
    return f"10.0.0.{node}"


def _host(node: int) -> str:
    return f"host {node}"
