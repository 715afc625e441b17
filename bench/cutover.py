"""Measure the downtime of cutovers part by part, and what markers cost, beside live writers.

The parts of a cutover begin with a marker, drawn after the writers' stop. Every node settles it,
and the gate sees that. Then the fence is set and waited out. One machine, so one clock.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from bench import machine
from bench.measure import cpu_s
from bench.source import NODES
from hintferry.adapters.config.places import PLACES, Queues
from hintferry.adapters.config.settings import migration_from
from hintferry.adapters.source.markers import CqlMarkers
from hintferry.core.capture import proof
from hintferry.core.passes import Pass, Verb
from hintferry.core.schema import TableId
from hintferry.core.watermark import Marks
from hintferry_cli.gate import options
from hintferry_ops.cutover.cutover import Cutover
from hintferry_ops.cutover.gate.condition import is_open
from hintferry_ops.cutover.gate.facts import Confirmations
from hintferry_ops.cutover.gatekeeper import Gatekeeper
from hintferry_ops.wiring import Seat
from sandbox.demo.freshness import percentile
from sandbox.stack import Stack
from sandbox.workbench import Workbench, workbench
from tools import places

TABLES, ROUNDS = 10, 5
"""Tables, and how often each is cut over; between two rounds the cutovers are undone."""

APART_S = 3.0
"""Seconds between two cutovers of a round: as a rule one has passed the gate before the next."""

RATE = 20
"""Changes a second of all tables: three nodes, three connectors and all else share the machine."""

PARTS = ("marker", "watermark", "look", "fence", "wait")
KEYSPACE = "switched"

_WARM_S, _AGE_S = 5.0, 40.0
_WINDOW_S, _PAIRS, _MARKERS_A_S = 8.0, 4, 1.0
_POLL_S = 0.05
_LAST_WRITES = "SELECT settled_at FROM hintferry.watermarks WHERE name = %s"


class Writer(threading.Thread):
    """Writes the tables by turns, `RATE` rows a second of all, each row new."""

    def __init__(self, cql: Any, tables: Sequence[str]) -> None:
        super().__init__(name="writer")
        self._cql, self._stopping = cql, threading.Event()
        self._lock = threading.Lock()
        self._insert = {
            table: cql.prepare(f"INSERT INTO {KEYSPACE}.{table} (id, v) VALUES (?, 'v')")
            for table in tables
        }
        self._live = dict.fromkeys(tables, True)
        self.written = 0

    def run(self) -> None:
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            due = max(due, time.monotonic() - 1) + 1 / RATE
            with self._lock:
                live = [table for table, is_live in self._live.items() if is_live]
                if live:
                    table = live[self.written % len(live)]
                    self._cql.execute(self._insert[table], (self.written,))
                    self.written += 1

    def stop(self, table: str) -> float:
        """Write the table no more; return when its last write was acknowledged (epoch s)."""
        with self._lock:
            self._live[table] = False
            return time.time()

    def go_on(self) -> None:
        """Write every table again."""
        with self._lock:
            self._live = dict.fromkeys(self._live, True)

    def close(self) -> None:
        self._stopping.set()
        self.join()


@dataclass(slots=True)
class Timed:
    """Markers, and when each number was drawn."""

    markers: CqlMarkers
    drawn: list[float] = field(default_factory=list)
    looks: int = 0

    def draw(self, table: TableId) -> int:
        number = self.markers.draw(table)
        self.drawn.append(time.time())
        return number

    def marks(self, table: TableId) -> Marks:
        self.looks += 1
        return self.markers.marks(table)


@dataclass(frozen=True, slots=True)
class Rig:
    """Three nodes, the chain, the writer, and where the gates are watched from."""

    bench: Workbench
    seat: Seat
    writer: Writer

    @property
    def stack(self) -> Stack:
        return self.bench.stack

    def keeper(self, table: str, stopped_at: float | None) -> Gatekeeper:
        said = Confirmations(stopped_at=stopped_at, writers_at_quorum=True)
        return self.seat.keeper(TableId(KEYSPACE, table), said)


def measure(size: int | None) -> dict[str, Any]:
    """All figures; `size` rounds in place of the usual."""
    about = machine.described()
    with rigged(places.BUILD / "bench" / "cutover") as rig:
        time.sleep(_WARM_S)
        aged = age(rig)
        cost = overhead(rig)
        found = [one for _ in range(size or ROUNDS) for one in _round(rig)]
    return {
        "when": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": about,
        "nodes": NODES,
        "tables": TABLES,
        "rate_per_s": RATE,
        "switches": len(found),
        "parts_s": {part: _spread([one[part] for one in found]) for part in PARTS},
        "gate_s": _spread([sum(one[part] for part in PARTS[:4]) for one in found]),
        "downtime_s": _spread([sum(one[part] for part in PARTS) for one in found]),
        "looks": _spread([one["looks"] for one in found]),
        "age_s": aged,
        "overhead": cost,
    }


@contextmanager
def rigged(folder: Path) -> Iterator[Rig]:
    """Everything that runs; the writer writes from the start."""
    names = [f"t{number}" for number in range(TABLES)]
    made = dict.fromkeys(names, "(id int PRIMARY KEY, v text)")
    with (
        Stack(NODES, root=folder, say=print) as stack,
        workbench(stack, KEYSPACE, made, stack.home / "functions") as bench,
    ):
        os.environ.update(bench.environment)
        migration = migration_from(Path(bench.environment["HINTFERRY_CONFIG"]))
        where = Queues(*(bench.environment[place.variable] for place in PLACES))
        ids = [TableId(KEYSPACE, name) for name in names]
        with options.seat(migration, ids, where) as seat:
            writer = Writer(bench.source, names)
            writer.start()
            try:
                yield Rig(bench, seat, writer)
            finally:
                writer.close()


def _round(rig: Rig) -> list[dict[str, float]]:
    """Cut every table over, one after the other, and take all of it back."""
    names = [f"t{number}" for number in range(TABLES)]
    for name in names:
        _record_passes(rig.keeper(name, None))
    with ThreadPoolExecutor(TABLES) as pool:
        under_way = []
        for name in names:
            under_way.append(pool.submit(switched, rig, name))
            time.sleep(APART_S)
        found = [one.result() for one in under_way]
        for name in names:
            left = rig.bench.differences(f"{KEYSPACE}.{name}")
            assert not left, (name, left[:5])
    joint = Cutover.of([rig.keeper(name, None) for name in names])
    for _ in joint.take_back():
        pass
    rig.writer.go_on()
    return found


def switched(rig: Rig, name: str) -> dict[str, float]:
    """Stop the writer of a table, and cut it over; return the seconds of each part, and looks."""
    stopped_at = rig.writer.stop(name)
    keeper = rig.keeper(name, stopped_at)
    watch: Any = keeper.arrivals.watch  # type: ignore[attr-defined]
    timed = watch.markers = Timed(watch.markers)
    joint = Cutover.of([keeper])
    for ((_, conditions),) in joint.watch():
        last = conditions
    assert is_open(last), last
    opened_at = time.time()
    rows = rig.bench.source.execute(_LAST_WRITES, [str(keeper.table)]).all()
    settled_at = max(row.settled_at.replace(tzinfo=UTC).timestamp() for row in rows)
    for _ in joint.hand_over():
        pass
    ended_at = time.time()
    fence = keeper.fences.standing(keeper.table)
    assert fence is not None
    moments = (stopped_at, timed.drawn[0], settled_at, opened_at, fence.set_at, ended_at)
    spans = [after - before for before, after in pairwise(moments)]
    found = dict(zip(PARTS, spans, strict=True)) | {"looks": float(timed.looks)}
    print(name, {part: round(one, 2) for part, one in found.items()}, flush=True)
    return found


def _record_passes(keeper: Gatekeeper) -> None:
    """Record a backfill and a clean pass, as the verbs do: both sides are equal, or will be."""
    table, now = keeper.table, time.time()
    proved = proof(keeper.captures.witness(table))
    assert proved is not None, "a node does not capture the table"
    for verb, began in ((Verb.BACKFILL, now - 60), (Verb.VERIFY, now)):
        ended = began + 0.1
        keeper.passes.enter(Pass(table, verb, began, ended, True, True, {"keys": 1}, proved))


def age(rig: Rig) -> dict[str, Any]:
    """Measure the age of a watermark under load: a new marker is drawn as soon as one is settled.

    `settles`: from the draw until every node has settled it. `age`: of the watermark, at any time.
    """
    keeper = rig.keeper("t0", None)
    end = time.monotonic() + _AGE_S
    markers = keeper.arrivals.watch.markers  # type: ignore[attr-defined]
    settles: list[float] = []
    ages: list[float] = []
    settled_from: float | None = None
    while time.monotonic() < end:
        drawn_at = time.time()
        number = markers.draw(keeper.table)
        while not _is_settled(markers.marks(keeper.table), number):
            if settled_from is not None:
                ages.append(time.time() - settled_from)
            time.sleep(_POLL_S)
        settles.append(time.time() - drawn_at)
        settled_from = drawn_at
    found = {"settles": _spread(settles), "age": _spread(ages), "markers": len(settles)}
    print(found, flush=True)
    return found


def _is_settled(marks: Marks, number: int) -> bool:
    numbers = [one.number or 0 for one in marks.values()]
    return len(numbers) == NODES and min(numbers) >= number


def overhead(rig: Rig) -> dict[str, Any]:
    """Compare the CPU for a written key with and without markers, in pairs of windows.

    One marker a second: as many as the heartbeats of 300 tables draw.
    """
    markers = rig.keeper("t1", None).arrivals.watch.markers  # type: ignore[attr-defined]
    table = TableId(KEYSPACE, "t1")
    pairs = []
    for _ in range(_PAIRS):
        without = _window(rig, lambda: None)
        pairs.append((without, _window(rig, lambda: markers.draw(table))))
    found = {
        which: {
            "ratio": round(median(b.a_key(which) / a.a_key(which) for a, b in pairs), 3),
            "ms_a_key": round(median(a.a_key(which) for a, _ in pairs), 2),
            "ms_a_marker": round(
                median((b.a_key(which) - a.a_key(which)) * b.keys / b.markers for a, b in pairs), 2
            ),
        }
        for which in ("nodes", "connectors")
    }
    print(found, flush=True)
    return {"markers_per_s": _MARKERS_A_S, **found}


@dataclass(frozen=True, slots=True)
class _Window:
    """The CPU (ms) of the source's nodes and of their connectors, and what was done meanwhile."""

    cpu_ms: Mapping[str, float]
    keys: int
    markers: int

    def a_key(self, which: str) -> float:
        return self.cpu_ms[which] / self.keys


def _window(rig: Rig, each: Callable[[], object]) -> _Window:
    stack, done = rig.stack, 0
    groups = {"nodes": stack.source_nodes, "connectors": stack.captures}
    before = {name: sum(cpu_s(part.pid) for part in parts) for name, parts in groups.items()}
    keys, end = rig.writer.written, time.monotonic() + _WINDOW_S
    while time.monotonic() < end:
        each()
        done += 1
        time.sleep(1 / _MARKERS_A_S)
    used = {
        name: 1000 * (sum(cpu_s(part.pid) for part in parts) - before[name])
        for name, parts in groups.items()
    }
    return _Window(used, rig.writer.written - keys, done)


def _spread(found: Sequence[float]) -> dict[str, float]:
    return {
        "p50": round(percentile(list(found), 50) or 0, 2),
        "p99": round(percentile(list(found), 99) or 0, 2),
        "max": round(max(found), 2),
    }


def page_of(figures: dict[str, Any]) -> list[str]:
    """Return the lines of RESULTS.md for these results."""
    aged, cost = figures["age_s"], figures["overhead"]
    rows = {
        **{_MEANT[part]: figures["parts_s"][part] for part in PARTS},
        "from the stop to the fence": figures["gate_s"],
        "the whole downtime": figures["downtime_s"],
    }
    return [
        "## Cutovers",
        "",
        f"{figures['switches']} cutovers of {figures['tables']} tables of {figures['nodes']}"
        f" source nodes, beside {figures['rate_per_s']} changes a second. A table's writer writes"
        " until the stop. After each round both sides were equal.",
        "",
        "| part | p50 s | p99 s | max s |",
        "|---|---|---|---|",
        *(f"| {name} | {one['p50']} | {one['p99']} | {one['max']} |" for name, one in rows.items()),
        "",
        f"A marker that is drawn beside this load is settled by every node after"
        f" {aged['settles']['p50']} s (p99 {aged['settles']['p99']} s, of {aged['markers']}). Where"
        " the next marker is drawn then, the watermark is"
        f" {aged['age']['p50']} s old (p99 {aged['age']['p99']} s). By heartbeats it is up to"
        " six minutes older.",
        "",
        f"With {cost['markers_per_s']:.0f} marker a second, as many as the heartbeats of 300 tables"
        f" draw, a key costs the nodes {cost['nodes']['ratio']} times as much CPU, and their"
        f" connectors {cost['connectors']['ratio']} times (medians of {_PAIRS} pairs of windows)."
        f" One marker costs the three nodes {cost['nodes']['ms_a_marker']} ms and the connectors"
        f" {cost['connectors']['ms_a_marker']} ms; a key {cost['nodes']['ms_a_key']} and"
        f" {cost['connectors']['ms_a_key']} ms, idle time included.",
    ]


_MEANT = {
    "marker": "a marker is drawn",
    "watermark": "every node settles it",
    "look": "the gate sees it",
    "fence": "the fence is set",
    "wait": "the wait behind the fence",
}
