"""One run from the first process to the verdict, told in order.

This module owns the sequence and its time limits; the steps lie in other modules.
"""

from __future__ import annotations

import shutil
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cassandra.cluster import Session
from rich.console import Console

from sandbox.chain import Chain
from sandbox.compare import Comparison, compare_table
from sandbox.demo.freshness import GIVE_UP_S, Freshness, Probe
from sandbox.demo.one_mind import settle_source
from sandbox.demo.quiesce import MarkerWatch
from sandbox.demo.report import Result
from sandbox.demo.statistics import Figures
from sandbox.demo.view import Moment, make_view
from sandbox.parts.endpoints import Capture
from sandbox.parts.errors import SandboxError
from sandbox.sessions import cassandra_session, create_keyspaces_tables
from sandbox.stack import Stack
from sandbox.workload import KEYSPACE, TABLES, Load, source_ddl, target_ddl
from tools import places
from tools.releases import Release

FOLDER = places.BUILD / "demo"

_FIRST_HINT_S = 60.0
_LAST_HINT_S = 60.0
_DRAIN_S = 120.0
_TICK_S = 0.25
_OUTPUT_S = 3.0
_WIDTH = 78


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a run."""

    seconds: float
    rate: float
    nodes: int
    live: bool
    keep: bool
    capture: Capture
    release: Release


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that is up while the workload runs."""

    stack: Stack
    chain: Chain
    figures: Figures
    source: Session
    target: Session
    probe: Probe
    logs: Path


@contextmanager
def started(options: Options, say: Callable[[str], None]) -> Iterator[Scene]:
    """Start every part, create the tables, see one row arrive. Raises SandboxError."""
    with Stack(options.nodes, options.capture, options.release, say=say) as stack:
        logs = FOLDER / f"sandbox-{stack.home.name}"
        shutil.rmtree(logs, ignore_errors=True)
        stack.create_tables(*source_ddl(stack.replication))
        create_keyspaces_tables(stack.target, KEYSPACE, target_ddl())
        say(f"Tables {', '.join(TABLES)} on both sides")
        figures = Figures()
        with (
            Chain(stack, TABLES, logs, on_line=figures.line) as chain,
            cassandra_session(stack.source) as source,
            cassandra_session(stack.behind) as target,
        ):
            probe = Probe(source, target)
            scene = Scene(stack, chain, figures, source, target, probe, logs)
            say(f"The first row came through the whole chain in {_first_row(scene):.1f} s")
            yield scene


def play(scene: Scene, options: Options, console: Console, began: float) -> Result:
    """Load the source, stop, wait until all is settled, compare. `began` is monotonic."""
    load = Load(scene.source, rate=options.rate, seconds=options.seconds)
    freshness = Freshness(scene.probe)
    with load, freshness:
        _watch(scene, options, console, load, freshness)
    obstacles = tuple(_quiesce(scene, options.nodes, refused=_refused(load, freshness)))
    comparisons = tuple(_compare(scene))
    _await_output(scene)
    console.print(_statements(load, freshness), highlight=False, soft_wrap=True)
    return Result(
        totals=scene.figures.totals,
        comparisons=comparisons,
        missing_kinds=tuple(load.missing),
        obstacles=obstacles,
        freshness_ms=freshness.milliseconds,
        seconds=time.monotonic() - began,
    )


def _first_row(scene: Scene) -> float:
    seconds = scene.probe.seconds("first-row", _FIRST_HINT_S)
    if seconds is None:
        raise SandboxError(
            f"The first row did not reach the target in {_FIRST_HINT_S:.0f} s; the function's"
            f" latest error is {scene.chain.last_error}, its logs are in {scene.logs}."
        )
    return seconds


def _watch(
    scene: Scene, options: Options, console: Console, load: Load, freshness: Freshness
) -> None:
    nodes = "one source node" if options.nodes == 1 else f"{options.nodes} source nodes"
    cassandra = f"Cassandra {options.release.version}"
    title = f"Hintferry: {nodes} of {cassandra}, capture {options.capture.value}"
    began = time.monotonic()
    with make_view(console, live=options.live, title=title) as view:
        while load.running:
            view.show(
                Moment(
                    passed_s=time.monotonic() - began,
                    planned_s=options.seconds,
                    mutations=sum(load.succeeded.values()),
                    lag=scene.chain.lag(),
                    totals=scene.figures.totals,
                    freshness_ms=freshness.milliseconds,
                )
            )
            time.sleep(_TICK_S)


def _refused(load: Load, freshness: Freshness) -> int:
    """Writes of which the source does not know itself whether they happened."""
    return sum(load.failed.values()) + freshness.refused


def _quiesce(scene: Scene, nodes: int, *, refused: int) -> Iterator[str]:
    """Wait until nothing is on its way; what could not be waited for, as sentences."""
    stack, chain = scene.stack, scene.chain
    if refused and nodes > 1:
        yield from settle_source(stack, TABLES)
    marker = f"marker-{time.time_ns()}"
    with MarkerWatch(stack.kafka, stack.topic("shop.readings")) as watch:
        scene.probe.write(marker, datetime.now(UTC))
        seen = watch.nodes(marker, nodes, _LAST_HINT_S)
    if seen < nodes:
        yield (
            f"Only {seen} of {nodes} nodes' capture delivered the last row's hint, and none came"
            f" for {_LAST_HINT_S:.0f} s; see {stack.home}/capture-*/log."
        )
    if not chain.drain(_DRAIN_S):
        yield (
            f"{chain.lag()} hints were still not settled {_DRAIN_S:.0f} s after the last write;"
            f" the function's latest error is {chain.last_error}, its logs are in {scene.logs}."
        )
    if dropped := chain.counters.dropped:
        yield f"The event source gave up {dropped} records."


def _compare(scene: Scene) -> Iterator[Comparison]:
    for table in TABLES:
        yield compare_table(scene.source, scene.target, table)


def _await_output(scene: Scene) -> None:
    """The function's last lines may still be on their way through its pipe."""
    end = time.monotonic() + _OUTPUT_S
    while scene.figures.totals.hints < scene.chain.counters.invoked and time.monotonic() < end:
        time.sleep(0.05)


def _statements(load: Load, freshness: Freshness) -> str:
    counts = [f"{count} × {kind.value}" for kind, count in load.succeeded.most_common()]
    counts += [f"{count} × refused with {name}" for name, count in load.failed.items()]
    if freshness.refused:
        counts.append(f"{freshness.refused} × probe refused")
    if freshness.late:
        counts.append(f"{freshness.late} × probe later than {GIVE_UP_S:.0f} s")
    return textwrap.fill(f"Statements on the source: {', '.join(counts)}", _WIDTH)
