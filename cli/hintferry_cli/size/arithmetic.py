"""Calculate what capture needs on one node, from what the node writes. Pure.

The figures were measured by `python -m bench capture` (bench/results/capture.json) on 2 cores and
rounded up. The connector was Hintferry's, on Cassandra 5.0. A test holds the figures against that
file.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

MIB = 2**20

IDLE_CPU_MS_PER_S = 34.0
CPU_MS_PER_1000_WRITES = 190.0
"""While it follows live writes; a backlog after an outage costs less."""
BACKLOG_CPU_MS_PER_1000_WRITES = 70.0
LOG_BYTES_BESIDE_ROW = 60
HINT_BYTES = 290
RESIDENT_MIB = 512
"""Measured with the heap of node/templates/jvm.options."""

GUARD_SHARE = 0.1
"""Share of cdc_total_space: with less than this free, cdcguard sets segments aside."""
FEWEST_SEGMENTS = 32
ARCHIVE_SECONDS = 3600
ARCHIVE_MIB = 1024
"""The most that cdcguard keeps of read segments beside cdc_raw, in seconds and in MiB."""


@dataclass(frozen=True, slots=True)
class NodeLoad:
    """One node by all its writes, captured or not: they share one log."""

    writes_per_s: float
    row_bytes: float
    outage_hours: float
    segment_mib: int


@dataclass(frozen=True, slots=True)
class Need:
    """The needs of capture on a node. `catch_up_hours` None: one core never catches up."""

    log_bytes_per_s: int
    cdc_total_space_mib: int
    archive_mib: int
    cpu_cores: float
    memory_mib: int
    kafka_bytes_per_s: int
    catch_up_hours: float | None


def need(node: NodeLoad) -> Need:
    """Return the needs of capture. Its unit gives it one core, which bounds how it catches up."""
    log = node.writes_per_s * (node.row_bytes + LOG_BYTES_BESIDE_ROW)
    return Need(
        log_bytes_per_s=ceil(log),
        cdc_total_space_mib=_space_mib(log * node.outage_hours * 3600, node.segment_mib),
        archive_mib=min(ARCHIVE_MIB, ceil(log * ARCHIVE_SECONDS / MIB)),
        cpu_cores=_cores(node.writes_per_s, CPU_MS_PER_1000_WRITES),
        memory_mib=RESIDENT_MIB,
        kafka_bytes_per_s=ceil(node.writes_per_s * HINT_BYTES),
        catch_up_hours=_catch_up_hours(node),
    )


def _space_mib(unread: float, segment_mib: int) -> int:
    """Return MiB in whole segments: cdcguard leaves a share free, and two are being written."""
    segments = ceil(unread / (1 - GUARD_SHARE) / (segment_mib * MIB)) + 2
    return max(FEWEST_SEGMENTS, segments) * segment_mib


def _cores(writes_per_s: float, cpu_ms: float) -> float:
    return round((IDLE_CPU_MS_PER_S + writes_per_s * cpu_ms / 1000) / 1000, 3)


def _catch_up_hours(node: NodeLoad) -> float | None:
    spare = 1 - _cores(node.writes_per_s, BACKLOG_CPU_MS_PER_1000_WRITES)
    if spare <= 0:
        return None
    backlog_core_hours = (
        node.writes_per_s * node.outage_hours * BACKLOG_CPU_MS_PER_1000_WRITES / 1_000_000
    )
    return round(backlog_core_hours / spare, 2)
