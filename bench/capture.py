"""Measure what capture costs a node: CPU, reads and bytes for 1,000 writes, beside the stock
connector.

One node of the sandbox, one after the other; the same rows for both. CPU is that of each process.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import psutil
from cassandra import WriteTimeout
from cassandra.concurrent import execute_concurrent_with_args
from confluent_kafka import Consumer, TopicPartition

from bench import machine
from bench.measure import cpu_s
from sandbox import tables
from sandbox.parts.endpoints import Capture
from sandbox.parts.process import Part
from sandbox.parts.waiting import until
from sandbox.stack import Stack
from tools import places

WRITES = 30_000
ROW_BYTES = (200, 2_000)
IDLE_SECONDS = 10.0
_SEGMENT = 4 * 2**20
_LONGEST_S = 300.0
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of 1,000 writes: CPU in ms, bytes in KB (reads include those from the page cache)."""

    capture_cpu_ms: float
    capture_read_kb: float
    capture_written_kb: float
    node_cpu_ms: float
    log_kb: float
    topic_kb: float


def measure(size: int | None) -> dict[str, Any]:
    """All figures; `size` writes in place of the usual number."""
    writes = size or WRITES
    about = machine.described()
    return {
        "when": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": about,
        "writes": writes,
        "kinds": {kind.value: _one_kind(kind, writes) for kind in Capture},
    }


def page_of(figures: dict[str, Any]) -> list[str]:
    lines = [
        "## Capture on a node",
        "",
        f"{figures['writes']:,} writes for each size of row, one source node, one connector. For"
        " each 1,000 writes:",
        "",
        "| connector | row | capture CPU ms | of a backlog | node CPU ms | without cdc"
        " | log KB | read KB | topic KB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for kind, found in figures["kinds"].items():
        for row, cost in found["rows"].items():
            live = cost["live"]
            lines.append(
                f"| {kind} | {row} B | {live['capture_cpu_ms']:.0f}"
                f" | {cost['backlog_cpu_ms']:.0f} | {live['node_cpu_ms']:.0f}"
                f" | {cost['node_cpu_without_cdc_ms']:.0f} | {live['log_kb']:.0f}"
                f" | {live['capture_read_kb']:.0f} | {live['topic_kb']:.0f} |"
            )
    for kind, found in figures["kinds"].items():
        lines += [
            "",
            f"{kind}: idle {found['idle_cpu_ms_per_s']:.1f} ms of CPU a second; a start takes"
            f" {found['start_cpu_s']:.1f} s of CPU; at most {found['resident_mb']} MB resident.",
        ]
    return lines


def _one_kind(kind: Capture, writes: int) -> dict[str, Any]:
    folder = places.BUILD / "bench" / "capture"
    shutil.rmtree(folder, ignore_errors=True)
    with Stack(capture=kind, root=folder, say=print) as stack:
        stack.create_tables(
            f"CREATE KEYSPACE bench WITH replication = {stack.replication}",
            *(
                f"CREATE TABLE bench.r{size} (id int PRIMARY KEY, v blob) WITH cdc = true"
                for size in ROW_BYTES
            ),
        )
        capture = stack.captures[0]
        before = _cpu_ms(capture)
        time.sleep(IDLE_SECONDS)
        idle = (_cpu_ms(capture) - before) / IDLE_SECONDS
        rows = {str(size): _one_size(stack, size, writes) for size in ROW_BYTES}
        return {
            "idle_cpu_ms_per_s": round(idle, 2),
            "start_cpu_s": round(before / 1000, 1),
            "resident_mb": capture.memory() // 2**20,
            "rows": rows,
        }


def _one_size(stack: Stack, size: int, writes: int) -> dict[str, Any]:
    # The first writes warm both processes up.
    _hinted(stack, size, writes // 3)
    live = _live(stack, size, writes)
    sent = _sent(stack, size)
    stack.captures[0].kill()
    _write(stack, size, writes)
    stack.captures[0].start()
    began = _cpu_ms(stack.captures[0])
    _wait(stack, size, sent + writes)
    backlog = _cpu_ms(stack.captures[0]) - began
    with tables.session(stack.source) as cql:
        cql.execute(f"ALTER TABLE bench.r{size} WITH cdc = false")
    began = _cpu_ms(stack.source_nodes[0])
    _write(stack, size, writes)
    without = _cpu_ms(stack.source_nodes[0]) - began
    return {
        "live": asdict(live),
        "backlog_cpu_ms": round(backlog * 1000 / writes, 2),
        "node_cpu_without_cdc_ms": round(without * 1000 / writes, 2),
    }


def _live(stack: Stack, size: int, writes: int) -> Cost:
    node, capture = stack.source_nodes[0], stack.captures[0]
    io = psutil.Process(capture.pid)
    cpu, node_cpu, read, log, topic = (
        _cpu_ms(capture), _cpu_ms(node), io.io_counters(), _log_bytes(stack),
        _topic_bytes(stack, size),
    )  # fmt: skip
    _hinted(stack, size, writes)
    now = io.io_counters()
    found = (
        _cpu_ms(capture) - cpu,
        (now.read_chars - read.read_chars) / 1000,
        (now.write_chars - read.write_chars) / 1000,
        _cpu_ms(node) - node_cpu,
        (_log_bytes(stack) - log) / 1000,
        (_topic_bytes(stack, size) - topic) / 1000,
    )
    return Cost(*(round(value * 1000 / writes, 2) for value in found))


def _hinted(stack: Stack, size: int, writes: int) -> None:
    """Write, and wait until every row's hint is on the topic."""
    sent = _sent(stack, size)
    _write(stack, size, writes)
    _wait(stack, size, sent + writes)


def _write(stack: Stack, size: int, writes: int) -> None:
    row = b"x" * size
    with tables.session(stack.source) as cql:
        insert = cql.prepare(f"INSERT INTO bench.r{size} (id, v) VALUES (?, ?)")
        rows = [(number, row) for number in range(writes)]
        done = execute_concurrent_with_args(
            cql, insert, rows, concurrency=_AT_ONCE, raise_on_first_error=False
        )
        # One that timed out stands in the log nevertheless.
        assert all(ok or isinstance(why, WriteTimeout) for ok, why in done)


def _wait(stack: Stack, size: int, sent: int) -> None:
    until(lambda: _sent(stack, size) >= sent, _LONGEST_S, f"{sent} hints are on the topic")


def _sent(stack: Stack, size: int) -> int:
    """Return how many hints the topic of a table ever got."""
    name = stack.topic(f"bench.r{size}")
    consumer = Consumer({"bootstrap.servers": stack.kafka, "group.id": "bench"})
    try:
        partitions = consumer.list_topics(name, timeout=20).topics[name].partitions
        ends = [
            consumer.get_watermark_offsets(TopicPartition(name, number), timeout=20)[1]
            for number in partitions
        ]
    finally:
        consumer.close()
    return sum(ends)


def _topic_bytes(stack: Stack, size: int) -> int:
    folders = stack.home.glob(f"kafka/data/{stack.topic(f'bench.r{size}')}-*")
    return sum(log.stat().st_size for folder in folders for log in folder.glob("*.log"))


def _log_bytes(stack: Stack) -> int:
    """Return the synced bytes of the node's log, from its beginning: segments have numbers."""
    newest = max(stack.source_nodes[0].home.glob("cdc_raw/*_cdc.idx"))
    segment = int(newest.name.removesuffix("_cdc.idx").rpartition("-")[2])
    return segment * _SEGMENT + int(newest.read_text().split()[0])


def _cpu_ms(part: Part) -> float:
    return cpu_s(part.pid) * 1000
