"""Measure how late the target is: open loop, at shares of the highest rate, stage by stage.

The stages of a change: acknowledged by the source, appended by the broker, begun to be processed,
answered as settled by the function. Its write is acknowledged by then. One machine, so one clock.
"""

from __future__ import annotations

import json
import shutil
import time
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from bench import machine
from bench.loads import LoadShape, create, key_of, topic_of
from bench.measure import cpu_s
from bench.quickness import QUICKEST, SHIPPED, Quickness
from bench.writer import Sent, Writer, number_of, writer
from hintferry_ops.constants import BATCH_SIZE, BATCH_WINDOW_S
from sandbox.compare import compare_table
from sandbox.demo.freshness import percentile
from sandbox.function import create_control_tables, function
from sandbox.parts.waiting import until
from sandbox.services.event_source import EventSource, EventSourceSettings
from sandbox.services.lambda_runtime import Invocation, LambdaFunction
from sandbox.sessions import cassandra_session
from sandbox.stack import Stack
from tools import places

SECONDS, ROUNDS = 8, 3
"""Duration and rounds of each rate; the rates come in turns. A JVM pause of 0.1 s is in one round
and not in the other two."""

SHARES = (25, 50, 75)
OUR_SHARE_MS = 50
"""The target for p99 of processing at half of the highest rate, in ms."""

CONCURRENCY = 2
SHAPE = LoadShape("single", "single rows of 13 columns")
STAGES = ("capture", "queue", "process", "total")

_WARM_S, _CAPACITY_S, _UNDER_WAY = 10.0, 12.0, 1_500
_SETTLE_S = 60.0
_SERVERS = ("source", "capture", "kafka", "keyspaces-local", "target")


@dataclass(frozen=True, slots=True)
class Call:
    """An invocation: its event, and when it began and ended (epoch s)."""

    event: bytes
    began: float
    ended: float


class Watch:
    """A function that remembers its invocations, and counts their records as settled."""

    def __init__(self, function: LambdaFunction, writer: Writer) -> None:
        self._function, self._settled = function, writer.settled
        self.calls: list[Call] = []

    def invoke(self, event: bytes) -> Invocation:
        began = time.time()
        outcome = self._function.invoke(event)
        self.calls.append(Call(event, began, time.time()))
        with self._settled.get_lock():
            self._settled.value += event.count(b'"offset":')
        return outcome


@dataclass(frozen=True, slots=True)
class Rig:
    """The running chain without its event source."""

    stack: Stack
    writer: Writer
    watch: Watch
    first: Iterator[int]
    """The number of each run's first write."""


def measure(size: int | None) -> dict[str, Any]:
    """All figures; `size` seconds a rate in place of the usual."""
    about, seconds = machine.described(), size or SECONDS
    folder = places.BUILD / "bench" / "freshness"
    with rigged(folder) as rig:
        with followed(rig):
            shipped = _shares(rig, SHIPPED, seconds)
        with followed(rig, BATCH_WINDOW_S):
            gathered = _steady(rig, shipped["capacity_per_s"] / 2, seconds)
        _prove(rig)
    with rigged(folder, setting=QUICKEST) as rig:
        with followed(rig):
            quickest = _shares(rig, QUICKEST, seconds)
        _prove(rig)
    return {
        "when": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": about,
        "seconds": seconds,
        "rounds": ROUNDS,
        "settings": [shipped, quickest],
        "gathered": gathered,
    }


def _shares(rig: Rig, setting: Quickness, seconds: float) -> dict[str, Any]:
    """Measure the highest rate with this setting, and the delay at shares of that rate."""
    capacity = _capacity(rig)
    rounds = [
        {f"{share} %": _steady(rig, capacity * share / 100, seconds) for share in SHARES}
        for _ in range(ROUNDS)
    ]
    rates = {share: _middle([one[share] for one in rounds]) for share in rounds[0]}
    return asdict(setting) | {"capacity_per_s": round(capacity), "rates": rates, "rounds": rounds}


def _middle(rounds: Sequence[Any], name: str = "") -> Any:
    """The medians of the rounds, name by name; of what was slowest the slowest."""
    if isinstance(rounds[0], dict):
        return {name: _middle([one[name] for one in rounds], name) for name in rounds[0]}
    return max(rounds) if name == "max" else median(rounds)


@contextmanager
def rigged(folder: Path, nodes: int = 1, setting: Quickness = SHIPPED) -> Iterator[Rig]:
    """A sandbox, its function started, and a process that writes."""
    shutil.rmtree(folder, ignore_errors=True)
    with ExitStack() as opened:
        stack = opened.enter_context(Stack(nodes, root=folder, say=print))
        create(stack, [SHAPE])
        if setting != SHIPPED:
            setting.apply(stack, SHAPE.table)
        create_control_tables(stack)
        processor = opened.enter_context(
            function(stack, stack.home / "functions", concurrency=CONCURRENCY)
        )
        processor.start()
        writes = opened.enter_context(writer(stack.source, SHAPE))
        yield Rig(stack, writes, Watch(processor, writes), iter(range(0, 10**9, 10**6)))


@contextmanager
def followed(rig: Rig, window_s: float = 0) -> Iterator[None]:
    """Run the event source while entered; it waits that long to fill a batch."""
    source = EventSource(
        bootstrap=rig.stack.kafka,
        topic=topic_of(rig.stack, SHAPE),
        group="bench",
        function=rig.watch,
        settings=EventSourceSettings(BATCH_SIZE, window_s, concurrency=CONCURRENCY),
        region=rig.stack.target.region,
    )
    with source:
        yield


def _capacity(rig: Rig) -> float:
    """Changes a second that are followed where more are always under way, once all is warm."""
    began = time.time()
    sent = rig.writer.followed(next(rig.first), _UNDER_WAY, _WARM_S + _CAPACITY_S)
    steady = began + _WARM_S, began + _WARM_S + _CAPACITY_S
    ends = [journey["ended"] for journey in settled(rig, sent).values()]
    found = sum(steady[0] <= end < steady[1] for end in ends) / _CAPACITY_S
    print(f"followed: {found:.0f}/s", flush=True)
    return found


def _steady(rig: Rig, rate: float, seconds: float) -> dict[str, Any]:
    """The stages at this rate, in ms, and what CPU each part took for a change."""
    cpu, idle, began = _cpu_s(rig.stack), psutil.cpu_times(), time.time()
    sent = rig.writer.steady(next(rig.first), rate, seconds)
    journeys = settled(rig, sent)
    spent, all_idle = _cpu_s(rig.stack), psutil.cpu_times()
    took = time.time() - began
    found = {
        "rate_per_s": round(rate),
        "changes": len(journeys),
        "write_ms": spread([one.acked - one.due for one in sent.values()]),
        **{stage: spread([journey[stage] for journey in journeys.values()]) for stage in STAGES},
        "cpu_ms_per_change": {
            name: round((spent[name] - cpu[name]) * 1000 / len(journeys), 3) for name in spent
        },
        "busy_cores": round(psutil.cpu_count() - (all_idle.idle - idle.idle) / took, 2),
    }
    print(found, flush=True)
    return found


def settled(rig: Rig, sent: dict[int, Sent], copies: int = 1) -> dict[int, dict[str, float]]:
    """Return the seconds of each write's stages, once so many hints of each write have come."""
    found: dict[int, dict[str, float]] = {}
    seen = hints = 0

    def all_settled() -> bool:
        nonlocal seen, hints
        calls = rig.watch.calls[seen:]
        seen += len(calls)
        for number, journey in (one for call in calls for one in _of_call(call, sent)):
            found.setdefault(number, journey)
            hints += 1
        return len(found) == len(sent) and hints >= copies * len(sent)

    until(all_settled, _SETTLE_S, "every change is settled")
    rig.watch.calls.clear()
    return found


def _of_call(call: Call, sent: dict[int, Sent]) -> Iterator[tuple[int, dict[str, float]]]:
    for records in json.loads(call.event)["records"].values():
        for record in records:
            number = number_of(key_of(b64decode(record["value"])))
            if number in sent:
                acked, appended = sent[number].acked, record["timestamp"] / 1000
                yield (
                    number,
                    {
                        "capture": appended - acked,
                        "queue": call.began - appended,
                        "process": call.ended - call.began,
                        "total": call.ended - acked,
                        "ended": call.ended,
                    },
                )


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Return the percentiles in milliseconds."""
    ms = [one * 1000 for one in seconds]
    return {
        "p50": round(percentile(ms, 50) or 0, 1),
        "p99": round(percentile(ms, 99) or 0, 1),
        "max": round(max(ms), 1),
    }


def _cpu_s(stack: Stack) -> dict[str, float]:
    """Return the CPU seconds of each part; those of the functions as one sum."""
    parts = (
        *(stack.source_nodes[0], stack.captures[0], stack.broker, stack.keyspaces),
        stack.target_node,
    )
    found = {name: cpu_s(part.pid) for name, part in zip(_SERVERS, parts, strict=True)}
    functions = [
        child.pid
        for child in psutil.Process().children(recursive=True)
        if any("awslambdaric" in argument for argument in child.cmdline())
    ]
    return found | {"functions": sum(map(cpu_s, functions))}


def _prove(rig: Rig) -> None:
    """Both sides are equal."""
    with cassandra_session(rig.stack.source) as source, cassandra_session(rig.stack.behind) as one:
        found = compare_table(source, one, SHAPE.table)
        assert not found.differences, found


def page_of(figures: dict[str, Any]) -> list[str]:
    """Return the lines of RESULTS.md for these results."""
    rows = [
        (Quickness(one["sync"], one["look"], one["gather"]), share, found)
        for one in figures["settings"]
        for share, found in one["rates"].items()
    ]
    followed = [f"{one['capacity_per_s']:,}" for one in figures["settings"]]
    halves = [found for _, share, found in rows if share == "50 %"]
    p99s = [half["process"]["p99"] for half in halves]
    met = ["met" if p99 <= OUR_SHARE_MS else "missed" for p99 in p99s]
    cpu = halves[0]["cpu_ms_per_change"]
    return [
        "## Freshness",
        "",
        f"{SHAPE.about.capitalize()}, one source node, {CONCURRENCY} functions, each change a key"
        f" of its own. Changes are written open loop for {figures['seconds']} s a rate,"
        f" {figures['rounds']} times in turns (medians; of max the largest). The rates are shares"
        " of what the chain follows where more changes are always under way. That is"
        f" {followed[0]} a second as shipped, {followed[1]} with the quickest settings."
        " Milliseconds, p50 / p99 / max:"
        " from the source's acknowledgement to the broker's append (capture), to the invocation"
        " (queue), to its end (process). Settings: [sync / poll /"
        " linger](#how-late-hints-are-by-the-settings).",
        "",
        "| settings | load | changes/s | capture | queue | process | total | busy cores |",
        "|---|---|---|---|---|---|---|---|",
        *(_line(str(setting), share, found) for setting, share, found in rows),
        _line(str(SHIPPED), f"50 %, batched for {BATCH_WINDOW_S} s", figures["gathered"]),
        "",
        f"Processing at half load, p99, target {OUR_SHARE_MS} ms: {p99s[0]:.0f} as shipped,"
        f" {met[0]}; {p99s[1]:.0f} with the quickest settings, {met[1]}. Hints come in bursts, one"
        " a sync, and a burst is one batch: it is settled when its last key is. The stacks'"
        f" mappings batch for {BATCH_WINDOW_S} s, for fewer reads and writes of the same key."
        " Limiter: the two cores, shared with the servers. CPU for a change at half load, ms:"
        f" {', '.join(f'{name} {ms:.2f}' for name, ms in cpu.items())}.",
    ]


def _line(setting: str, share: str, found: dict[str, Any]) -> str:
    stages = " | ".join(
        " / ".join(f"{found[stage][which]:.0f}" for which in ("p50", "p99", "max"))
        for stage in STAGES
    )
    busy, rate = found["busy_cores"], found["rate_per_s"]
    return f"| {setting} | {share} | {rate:,} | {stages} | {busy:.1f} |"
