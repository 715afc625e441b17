"""One run on a running sandbox, told in order: load and harm, quiesce, compare, sweep, load again,
cut over, compare again, judge.
"""

from __future__ import annotations

import shutil
import threading
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from hintferry.adapters.driver.cql import SOURCE_TABLES
from sandbox.agreement import agree
from sandbox.chain import Chain
from sandbox.command_line import Operator
from sandbox.compare import Difference, compare_table
from sandbox.demo.one_mind import settle_source
from sandbox.function import environment_of
from sandbox.services.event_source import EventSourceSettings, PartialRetry
from sandbox.services.queue_source import client, taken
from sandbox.sessions import cassandra_session, create_keyspaces_tables
from sandbox.stack import Stack
from tests.chaos import books
from tests.chaos.cutover import (
    LONGEST_S,
    CutOver,
    cut_over,
    standing_still,
    wait_out,
    wait_until_compared,
    writes,
)
from tests.chaos.ddl import Ddl
from tests.chaos.injector import Injector
from tests.chaos.kinds import KILLS, SLICES, Fault, Kind
from tests.chaos.lanes import Happened, Lanes
from tests.chaos.moved import left_behind
from tests.chaos.oplog import OperationLog
from tests.chaos.plan import CHAOS, LAST, Lane, Plan, faults
from tests.chaos.program import WEIGHTS, Weights
from tests.chaos.quiesce import lost_hints, settle_chain, settle_queues
from tests.chaos.recorder import KEPT, Recorder
from tests.chaos.replays import POISON, RecordPosition, Replays
from tests.chaos.report import Report
from tests.chaos.schema import MOVING_TABLE, source_ddl, tables, target_ddl
from tests.chaos.swept import sweep
from tests.chaos.verdict import Counts, Demands, judge, unmet
from tests.chaos.writers import Writers
from tests.chaos.wrong_clock import TASK_ROOT, WrongClock
from tests.chaos.zombies import Zombie

RATE = 85.0
"""Operations a second of all writers, on a machine that keeps up with them."""

LAST_S = 15.0
"""Seconds of load before the cutover."""

_WORKERS = 3
_FORGOTTEN_S, _OLD_HINTS = 2.0, 40
_ANSWERS_S = 60.0
_LONGER = 3.0
_SAY_S = 60.0
_LOOK_AGAIN_S = 5.0
"""A value may expire on the target this much later than on the source, and a look takes time."""


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a run. `rate` is operations a second of all writers."""

    seed: int
    seconds: float
    rate: float = RATE
    writers: int = 4
    zombies: int = 3
    keyspace: str = "chaos"
    weights: Weights = field(default_factory=lambda: WEIGHTS)
    plan: Plan = field(default_factory=lambda: CHAOS)
    statements: int = 0
    kills: int = 0
    most_behind: int | None = None
    """the writers pause while the functions have more hints before them than these"""
    longest_s: float | None = None
    """of load and faults, for what has not happened yet; three times `seconds` without it"""
    last_s: float = LAST_S
    """of the load that a cutover of every table ends; 0: none is cut over"""
    last_slices: bool = True
    """whether that load deletes slices: then the gate waits a minute for their second looks"""
    task_root: Path | None = TASK_ROOT
    """the folder of the processor's code; None for the shipped one itself"""

    @property
    def demands(self) -> Demands:
        return Demands(frozenset(self.weights), faults(self.plan), self.statements, self.kills)


@dataclass(frozen=True, slots=True)
class _Conduct:
    """Behaviour that the service leaves open or does unseen, drawn by the seed."""

    partial_retry: PartialRetry
    freeze_when_idle: bool

    @property
    def settings(self) -> EventSourceSettings:
        return EventSourceSettings(
            batch_size=500,
            window_s=0.0,
            concurrency=2,
            retry_backoff_cap_s=2.0,
            partial_retry=self.partial_retry,
        )

    def __str__(self) -> str:
        frost = "frozen" if self.freeze_when_idle else "running"
        return f"after a partial failure again: {self.partial_retry.value}; idle sandboxes: {frost}"


@dataclass(frozen=True, slots=True)
class _Scene:
    """Everything that is up while the load runs."""

    stack: Stack
    chain: Chain
    ddl: Ddl
    recorder: Recorder
    replays: Replays
    zombies: Sequence[Zombie]
    sleeper: Zombie
    sqs: Any


@dataclass(frozen=True, slots=True)
class _Past:
    """Load and faults of a run that is over."""

    log: OperationLog
    happened: list[Happened]
    faults: Counter[Fault]
    obstacles: list[str]


def run(options: Options, stack: Stack, folder: Path, say: Callable[[str], None]) -> Report:
    """Run on a started sandbox; its functions log into `folder`, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    watch = _Watch(say)
    conduct = _conduct(options.seed)
    say(str(conduct))
    with _started(options, conduct, stack, folder) as scene:
        operator, names = Operator(stack, folder / "operator"), tables(options.keyspace)
        if options.last_s:
            operator.run_in_turns("backfill", *names)
        watch.lap("ready")
        log_ends = {capture.log: capture.log.stat().st_size for capture in stack.captures}
        past = _load(options, scene, folder, say)
        watch.lap("load")
        agree(stack.source, stack.source_nodes)
        scene.ddl.settle()
        past.obstacles.extend(settle_source(stack, tables(options.keyspace), say))
        watch.lap("source of one mind")
        past.obstacles.extend(settle_chain(stack, scene.chain, options.keyspace))
        watch.lap("drained")
        past.obstacles.extend(lost_hints(stack, log_ends))
        differences, healed = _compared(options, stack)
        explained = _told_apart(options, scene, differences)
        watch.lap("compared")
        parked, parked_else = _parked(scene)
        moving = f"{options.keyspace}.{MOVING_TABLE}"
        if options.last_s:
            wait_until_compared(stack)
        swept = sweep(operator, names, [*differences, *([moving] if explained else [])])
        watch.lap("swept")
        if explained:
            operator.run("verify", "--repair", moving)
            past.obstacles.extend(settle_queues(scene.chain))
            differences |= _differences(stack, [moving])
            sweep(operator, [moving])
            watch.lap("repaired")
        last = CutOver()
        if options.last_s and not differences:
            last, differences = _cut_over(options, scene, operator, past.log.next)
            parked_else += _parked(scene)[1]
            watch.lap("cut over")
            for obstacle in last.obstacles:
                say(obstacle)
        past.obstacles.extend(last.obstacles)
        poison = scene.replays.poisoned
        dropped = scene.chain.counters.dropped
        returned = sum(one.returned for one in (*scene.zombies, scene.sleeper))
    counts = Counts(
        kinds=past.log.succeeded,
        statements=past.log.statements,
        faults=past.faults,
        captured=scene.recorder.captured,
        sent_again=scene.recorder.sent_again,
        divergent=sum(map(len, differences.values())),
        left_behind=explained,
        swept=swept,
        books=tuple(books.read(folder)),
        poison=len(poison),
        poison_parked=len(parked & poison),
        parked_else=parked_else,
        dropped=dropped,
        lost=len(last.lost),
        late_writes=last.late_writes,
        obstacles=tuple(past.obstacles),
    )
    verdict, reasons = judge(counts, options.demands)
    report = Report(
        options.seed, verdict, reasons, counts, options.demands, past.log, past.happened,
        differences, healed, returned, last.downtime_s, last.written, watch.seconds,
    )  # fmt: skip
    report.write(folder)
    return report


def _conduct(seed: int) -> _Conduct:
    random = Random(f"{seed}/conduct")
    return _Conduct(random.choice(tuple(PartialRetry)), random.choice((False, True)))


class _Watch:
    """Watch of the time that each part of the run took."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.seconds: dict[str, float] = {}
        self._say, self._last = say, time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.seconds[name], self._last = now - self._last, now
        self._say(f"{self.seconds[name]:5.1f} s  {name}")


@contextmanager
def _started(options: Options, conduct: _Conduct, stack: Stack, folder: Path) -> Iterator[_Scene]:
    keyspace, root = options.keyspace, options.task_root
    own = (one.format(replication=stack.replication) for one in SOURCE_TABLES)
    stack.create_tables(*source_ddl(keyspace, stack.replication), *own)
    create_keyspaces_tables(stack.target, keyspace, target_ddl(keyspace))
    topics = [stack.topic(table) for table in tables(keyspace)]
    sqs = client(stack.aws, "sqs")
    replays = Replays(stack.kafka, sqs, stack.aws.replay_queue_url)

    def zombie(log: str) -> Zombie:
        # One stands still across a whole cutover.
        longest_s = LONGEST_S + _ANSWERS_S
        sandbox = environment_of(stack, folder, log=log, task_root=root, timeout_s=longest_s)
        return Zombie(sandbox, stack.kafka, stack.target.region)

    with ExitStack() as opened:
        chain = Chain(
            stack, tables(keyspace), folder,
            concurrency=_WORKERS, settings=conduct.settings, task_root=root,
            freeze_when_idle=conduct.freeze_when_idle,
        )  # fmt: skip
        opened.enter_context(chain)
        recorder = opened.enter_context(Recorder(stack.kafka, topics, folder / "hints.jsonl"))
        names = [f"zombie-{number}.log" for number in range(options.zombies)]
        *zombies, sleeper = (opened.enter_context(zombie(log)) for log in [*names, "sleeper-0.log"])
        ddl = opened.enter_context(Ddl(stack, keyspace))
        yield _Scene(stack, chain, ddl, recorder, replays, zombies, sleeper, sqs)


def _load(options: Options, scene: _Scene, folder: Path, say: Callable[[str], None]) -> _Past:
    """Writers and faults for as long as was asked for; every part is well again at the end."""
    stop, log = threading.Event(), OperationLog(folder / "operations.jsonl")
    injector = _injector(scene, folder, stop)
    writers = Writers(
        scene.stack.source, options.keyspace, log=log, weights=options.weights,
        seed=options.seed, count=options.writers, rate=options.rate,
    )  # fmt: skip
    counts = {Lane.ZOMBIES: options.zombies}
    lanes = Lanes(options.seed, options.plan, counts, injector.perform, stop)
    with lanes:
        with writers:
            _wait(options, scene.chain, writers, log, lanes, say)
        stop.set()
    log.close()
    lost = scene.replays.flush()
    unsent = [f"{lost} records could not be sent again"] if lost else []
    obstacles = [*lanes.obstacles, *unsent]
    return _Past(log, lanes.log, lanes.happened, obstacles)


def _injector(scene: _Scene, folder: Path, stop: threading.Event) -> Injector:
    return Injector(
        scene.stack, scene.chain, scene.ddl, WrongClock(folder), scene.recorder, scene.replays,
        scene.zombies, scene.sleeper, stop,
    )  # fmt: skip


def _cut_over(
    options: Options, scene: _Scene, operator: Operator, first: int
) -> tuple[CutOver, dict[str, list[Difference]]]:
    """Load and some faults, then the cutover of every table at once; what differs after it."""
    stack, stop, names = scene.stack, threading.Event(), tables(options.keyspace)
    random = Random(f"{options.seed}/last")
    folder = operator.folder.parent
    log = OperationLog(folder / "operations-last.jsonl")
    counts = {Lane.ZOMBIES: options.zombies}
    perform = _injector(scene, folder, stop).perform
    lanes = Lanes(options.seed + 1, LAST, counts, perform, stop)
    with cassandra_session(stack.behind) as behind:
        with lanes:
            with _writers_at_quorum(options, stack, log, first):
                time.sleep(options.last_s)
            # The gate knows nothing of a write that was not acknowledged.
            unsettled = list(settle_source(stack, names)) if log.in_doubt else []
            stopped_at = time.time()
            stop.set()
            with standing_still(scene.sleeper, scene.recorder, random) as lasted:
                found, applications = cut_over(operator, behind, names, stopped_at)
                wait_out(behind)
                found.obstacles.extend(settle_queues(scene.chain))
                differences = {
                    table: left
                    for table, rows in _compared(options, stack)[0].items()
                    if (left := [one for one in rows if not applications[table].explains(one)])
                }
                before = writes(stack, names)
            if not lasted.result():
                found.obstacles.append("no worker stood still across the cutover")
        found.obstacles.extend([*lanes.obstacles, *unsettled])
        # Somebody forgot a writer, and old hints come again.
        with _writers_at_quorum(options, stack, log, log.next):
            time.sleep(_FORGOTTEN_S)
        old = scene.recorder.recent(KEPT, _OLD_HINTS, random)
        scene.replays.to_topics(old, random)
        scene.replays.to_queue(old)
        scene.replays.flush()
        found.obstacles.extend(settle_queues(scene.chain))
        if found.downtime_s is not None:
            found.late_writes = writes(stack, names) - before
        found.lost = [row for one in applications.values() for row in one.lost()]
    log.close()
    return found, differences


def _writers_at_quorum(options: Options, stack: Stack, log: OperationLog, first: int) -> Writers:
    """Writers that go on behind those of the load: a counter that was deleted is left alone. Their
    times are not ahead of the stop, by which the gate would see that they go on.
    """
    left_out = {Kind.OWN_TIMESTAMP} | (set() if options.last_slices else SLICES)
    weights: Weights = {**options.weights, **dict.fromkeys(left_out, 0)}
    return Writers(
        stack.source, options.keyspace, log=log, weights=weights, seed=options.seed + first,
        count=options.writers, rate=options.rate, first=first, at_quorum=True,
    )  # fmt: skip


def _wait(
    options: Options,
    chain: Chain,
    writers: Writers,
    log: OperationLog,
    lanes: Lanes,
    say: Callable[[str], None],
) -> None:
    """On a slow machine longer, for what has not happened yet; and slower, once enough was written:
    an old payload is thawed only when the live flow has overtaken it."""
    began = said = time.monotonic()
    longest_s = options.longest_s or options.seconds * _LONGER
    is_slow = False
    while (lasted := time.monotonic() - began) < longest_s:
        if lasted >= options.seconds:
            if not any(unmet(log.succeeded, log.statements, lanes.happened, options.demands)):
                return
            if not is_slow and log.statements >= options.statements:
                writers.slow_down()
                is_slow = True
        if options.most_behind is not None:
            writers.hold(chain.lag() > options.most_behind)
        if time.monotonic() > said + _SAY_S:
            said = time.monotonic()
            say(f"{lasted:5.0f} s  {_so_far(options, chain, log, lanes)}")
        time.sleep(1.0)


def _so_far(options: Options, chain: Chain, log: OperationLog, lanes: Lanes) -> str:
    happened = lanes.happened
    kills = sum(happened[kill] for kill in KILLS)
    missing = list(unmet(log.succeeded, log.statements, happened, options.demands))
    text = f"{log.statements} statements, {kills} kills, {chain.lag()} behind"
    return f"{text}; {', '.join(missing)}" if missing else text


def _compared(options: Options, stack: Stack) -> tuple[dict[str, list[Difference]], int]:
    """The rows that differ at both of two looks, and how many did at the first only."""
    first = _differences(stack, tables(options.keyspace))
    if not first:
        return {}, 0
    time.sleep(_LOOK_AGAIN_S)
    second = _differences(stack, first)
    lasting = {
        table: [one for one in second.get(table, []) if one.key in {two.key for two in found}]
        for table, found in first.items()
    }
    before, after = (sum(map(len, looks.values())) for looks in (first, lasting))
    return {table: found for table, found in lasting.items() if found}, before - after


def _told_apart(options: Options, scene: _Scene, differences: dict[str, list[Difference]]) -> int:
    """Take out what columns that came back explain; how many rows."""
    table = f"{options.keyspace}.{MOVING_TABLE}"
    found = differences.pop(table, [])
    with cassandra_session(scene.stack.source) as source:
        explained = left_behind(source, options.keyspace, found, scene.ddl.back_at)
    if others := [one for one in found if one not in explained]:
        differences[table] = others
    return len(explained)


def _differences(stack: Stack, names: Any) -> dict[str, list[Difference]]:
    with cassandra_session(stack.source) as source, cassandra_session(stack.behind) as behind:
        compared = [compare_table(source, behind, table) for table in names]
    return {one.table: list(one.differences) for one in compared if one.differences}


def _parked(scene: _Scene) -> tuple[set[RecordPosition], int]:
    """Return the origins of the poison in the parked queue, and the number of other records.

    It is empty afterwards. A broker that is killed may hold one record of poison twice.
    """
    records = [body["record"] for body in taken(scene.sqs, scene.stack.aws.parked_queue_url)]
    poison = [one for one in records if b64decode(one.get("value") or "") == POISON]
    places = {(one["topic"], one["partition"], one["offset"]) for one in poison}
    return places, len(records) - len(poison)
