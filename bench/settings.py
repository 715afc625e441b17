"""Measure how late hints are and what they cost the node, by its settings and capture's.

One node and one connector, restarted with each setting; writes at a low and steady rate.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import psutil
from confluent_kafka import Consumer, TopicPartition

from bench import machine
from bench.freshness import SHAPE, spread
from bench.loads import create, key_of, topic_of
from bench.measure import cpu_s
from bench.quickness import QUICKEST, SHIPPED, Quickness
from bench.writer import Sent, number_of, writer
from sandbox.parts.process import Part
from sandbox.stack import Stack
from tools import places

RATE = 100
"""Writes a second."""

SECONDS = 12
_IDLE_S = 8.0
_ARRIVE_S = 60.0
_WARM_S = 4.0


SETTINGS = (
    Quickness(10_000, 200, 100),
    Quickness(1_000, 200, 100),
    Quickness(200, 200, 100),
    Quickness(100, 100, 50),
    SHIPPED,
    Quickness(100, 50, 10),
    Quickness(50, 25, 50),
    Quickness(50, 20, 10),
    QUICKEST,
)


def measure(size: int | None) -> dict[str, Any]:
    """All figures; `size` seconds of writes in place of the usual."""
    about, seconds = machine.described(), size or SECONDS
    folder = places.BUILD / "bench" / "settings"
    shutil.rmtree(folder, ignore_errors=True)
    with Stack(root=folder, say=print) as stack:
        create(stack, [SHAPE])
        found = [
            asdict(setting) | _one(stack, setting, number, seconds)
            for number, setting in enumerate(SETTINGS)
        ]
    return {
        "when": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": about,
        "rate_per_s": RATE,
        "settings": found,
    }


def _one(stack: Stack, setting: Quickness, number: int, seconds: float) -> dict[str, Any]:
    setting.apply(stack, SHAPE.table)
    node, capture = stack.source_nodes[0], stack.captures[0]
    first = number * 10**6
    with writer(stack.source, SHAPE) as writes:
        _delays(stack, writes.steady(first, RATE, _WARM_S))
        first += 10**5
        marks = [(_used(node), _used(capture))]
        time.sleep(_IDLE_S)
        marks.append((_used(node), _used(capture)))
        sent = writes.steady(first, RATE, seconds)
        delays = _delays(stack, sent)
        marks.append((_used(node), _used(capture)))
    found: dict[str, Any] = {"capture_ms": spread(delays)}
    for name, (before, then, after) in zip(
        ("node", "capture"), zip(*marks, strict=True), strict=True
    ):
        # The last hints come a little after the last write: the time counts, not the writes.
        idle = (then.cpu_s - before.cpu_s) / (then.at - before.at)
        spent = after.cpu_s - then.cpu_s - idle * (after.at - then.at)
        found[name] = {
            "idle_cpu_ms_per_s": round(idle * 1000, 1),
            "more_cpu_ms_per_1000": round(spent * 1e6 / len(sent)),
            "read_mb_per_s": round((after.read - then.read) / (after.at - then.at) / 1e6, 2),
        }
    print(setting, found, flush=True)
    return found


@dataclass(frozen=True, slots=True)
class _Used:
    """So far; `read` is bytes, what the page cache gave included."""

    at: float
    cpu_s: float
    read: int


def _used(part: Part) -> _Used:
    read = psutil.Process(part.pid).io_counters().read_chars
    return _Used(time.monotonic(), cpu_s(part.pid), read)


def _delays(stack: Stack, sent: dict[int, Sent]) -> list[float]:
    """Seconds from each write's acknowledgement to the broker's append, once all are there."""
    topic = topic_of(stack, SHAPE)
    consumer = Consumer({"bootstrap.servers": stack.kafka, "group.id": "bench"})
    found: dict[int, float] = {}
    try:
        numbers = consumer.list_topics(topic, timeout=20).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in numbers])
        end = time.monotonic() + _ARRIVE_S
        while len(found) < len(sent):
            if time.monotonic() > end:
                raise TimeoutError(f"{len(found)} of {len(sent)} hints arrived")
            message = consumer.poll(0.2)
            if message is None or message.error():
                continue
            number = number_of(key_of(message.value() or b""))
            if number in sent:
                found.setdefault(number, message.timestamp()[1] / 1000 - sent[number].acked)
    finally:
        consumer.close()
    return list(found.values())


def page_of(figures: dict[str, Any]) -> list[str]:
    """Return the lines of RESULTS.md for these results."""
    return [
        "## How late hints are, by the settings",
        "",
        f"{figures['rate_per_s']} writes a second to one node; milliseconds from a write's"
        " acknowledgement to the broker's append. *sync*: `commitlog_sync_period`; *poll*:"
        " `commit.log.marked.complete.poll.interval.ms`; *linger*: `poll.interval.ms`. Segments of"
        " 4 MiB.",
        "",
        "| sync / poll / linger ms | hint p50 / p99 / max ms | capture: idle, CPU ms/s"
        " | and for 1,000 writes | reads MB/s | node: idle, CPU ms/s | and for 1,000 writes |",
        "|---|---|---|---|---|---|---|",
        *map(_line, figures["settings"]),
    ]


def _line(found: dict[str, Any]) -> str:
    late, node, capture = found["capture_ms"], found["node"], found["capture"]
    setting = Quickness(found["sync"], found["look"], found["gather"])
    return (
        f"| {setting}{' (shipped)' if setting == SHIPPED else ''}"
        f" | {late['p50']:.0f} / {late['p99']:.0f} / {late['max']:.0f}"
        f" | {capture['idle_cpu_ms_per_s']:.1f} | {capture['more_cpu_ms_per_1000']:,}"
        f" | {capture['read_mb_per_s']:.1f} | {node['idle_cpu_ms_per_s']:.1f}"
        f" | {node['more_cpu_ms_per_1000']:,} |"
    )
