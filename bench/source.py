"""Measure the source reads for a change of which each of three nodes sends a hint.

Open loop, each change to another key: so the effect comes from the copies alone, not from hot keys.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bench import machine
from bench.contestants import Setting, lane
from bench.freshness import SHAPE, Rig, followed, rigged, settled, spread
from bench.loads import RecordedLoad, delivered, distinct, topic_of
from bench.pipeline import READS
from hintferry.adapters.source.cassandra import READS_IN_FLIGHT
from hintferry_ops.constants import BATCH_WINDOW_S
from sandbox import tables
from sandbox.function import processor_environment
from sandbox.services.event_source.batch import EventFrame
from tools import places

NODES = 3
RATE = 60
"""Writes a second: of three nodes, three connectors and all else on two cores it is about half."""

SECONDS = 20
MOST_READS = 1.2
"""The highest count of reads for a change, with the batching window of the stacks' mappings."""

WINDOWS_S = (0, BATCH_WINDOW_S, 2, 5)
_RECORDS = 900


def measure(size: int | None) -> dict[str, Any]:
    """All figures; `size` seconds for each window in place of the usual."""
    about, seconds = machine.described(), size or SECONDS
    with rigged(places.BUILD / "bench" / "source", NODES) as rig:
        with followed(rig):
            settled(rig, rig.writer.steady(next(rig.first), RATE, SECONDS), NODES)
        windows = {str(window): reads_with(rig, window, seconds) for window in WINDOWS_S}
        read = _bytes_a_read(rig)
    return {
        "when": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": about,
        "nodes": NODES,
        "rate_per_s": RATE,
        "windows": windows,
        "bytes_a_read": round(read),
    }


def reads_with(rig: Rig, window_s: float, seconds: float) -> dict[str, Any]:
    """Measure hints and reads of each change, and its delay, with this batching window."""
    before, records = _reads(rig), rig.writer.settled.value
    with followed(rig, window_s):
        sent = rig.writer.steady(next(rig.first), RATE, seconds)
        journeys = settled(rig, sent, NODES)
    found = {
        "changes": len(sent),
        "hints_per_change": round((rig.writer.settled.value - records) / len(sent), 3),
        "reads_per_change": round((_reads(rig) - before) / len(sent), 3),
        "total_ms": spread([journey["total"] for journey in journeys.values()]),
    }
    print(window_s, found, flush=True)
    return found


def _bytes_a_read(rig: Rig) -> float:
    """Return the bytes of one source read: the handler alone, with recorded hints."""
    stack = rig.stack
    records = delivered(stack, SHAPE, "row", _RECORDS)
    frame = EventFrame(topic_of(stack, SHAPE), stack.kafka, stack.target.region)
    load = RecordedLoad(SHAPE, frame, records, distinct(records))
    environment = processor_environment(stack, stack.home)
    setting = Setting(stack.source, stack.target, environment)
    with lane("ours", setting, stack.home / "ours.log") as shipped:
        # The first connects and prepares.
        shipped.go(load.few(10))
        before = _reads(rig)
        taken = shipped.go(load)
        return taken.source_bytes / (_reads(rig) - before)


def _reads(rig: Rig) -> int:
    """Return the reads of the table, summed over all nodes."""
    found = 0
    for host in rig.stack.source.hosts:
        with tables.session(rig.stack.source, host) as node:
            found += sum(int(row.count) for row in node.execute(READS, SHAPE.table.split(".")))
    return found


def page_of(figures: dict[str, Any]) -> list[str]:
    """Return the lines of RESULTS.md for these results."""
    reads = figures["windows"][str(BATCH_WINDOW_S)]["reads_per_change"]
    verdict, read = "met" if reads <= MOST_READS else "missed", figures["bytes_a_read"]
    return [
        "## Reads of a source of three nodes",
        "",
        f"{figures['rate_per_s']} changes a second, each of a key of its own, replicated to"
        f" {figures['nodes']} nodes, each with capture. The first column says how long"
        f" records are batched while the batch is not full (the stacks' mappings:"
        f" {BATCH_WINDOW_S} s). The milliseconds are from the source's acknowledgement to the end"
        " of the first invocation that had the change.",
        "",
        "| batched for | hints a change | reads a change | total p50 / p99 / max ms |",
        "|---|---|---|---|",
        *(
            f"| {window} s | {found['hints_per_change']:.2f} | {found['reads_per_change']:.2f}"
            f" | {found['total_ms']['p50']:.0f} / {found['total_ms']['p99']:.0f}"
            f" / {found['total_ms']['max']:.0f} |"
            for window, found in figures["windows"].items()
        ),
        "",
        f"Reads a change as shipped: {reads:.2f}, target {MOST_READS}, {verdict}. A read takes"
        f" {read:,} bytes from the source, so {read * reads:,.0f} a change as shipped. What bounds"
        f" reads: `pipeline.concurrency` times {READS_IN_FLIGHT} under way, and below that"
        " [the pace](../docs/decisions/0004-a-rate-is-steered.md).",
    ]
