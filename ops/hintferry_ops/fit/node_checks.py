"""Check that a node's settings let capture see every write. This file runs on the nodes.

Pure: settings are name and text, as in cassandra.yaml or in `system_views.settings` (4.0 and later,
with the names of either). What must hold in the schema: `schema_checks.py`.
"""

import re
from typing import Dict, Iterable, List, NamedTuple, Optional

LONGEST_SYNC_MS = 15000
LATEST_SYNC_MS = 1000
FEWEST_SEGMENTS = 32
MIB = 1024 * 1024
_DURATION = {"ms": 1, "s": 1000, "m": 60000}
_SIZE = {"B": 1, "KiB": 1024, "MiB": MIB, "GiB": 1024 * MIB}


class Fault(NamedTuple):
    """`fatal`: hints are lost or come too soon with it. Else it costs time, space or comfort.

    `cql` is the statement that fixes it on the source, where one alone does.
    """

    what: str
    found: str
    fix: str
    fatal: bool = True
    cql: str = ""

    def __str__(self) -> str:
        level = "FAULT" if self.fatal else "advice"
        return f"{level}: {self.what}: {self.found}. {self.fix}"


def setting_faults(settings: Dict[str, str], version: str = "5.0") -> List[Fault]:
    """The faults of one node's settings. `version` is Cassandra's: `5.0.9`, `4.1`, `3.11`."""
    major = [int(part) for part in re.findall(r"\d+", version)[:2]]
    faults = [*_cdc_faults(settings, major), *_sync_faults(settings), *_space_faults(settings)]
    if major < [4, 0]:
        faults.append(
            Fault(
                "version", version, "Before 4.0 capture reads a segment only when it is full: "
                "upgrade the node, or expect changes hours late.", fatal=False,
            )
        )  # fmt: skip
    return faults


def _cdc_faults(settings: Dict[str, str], major: List[int]) -> Iterable[Fault]:
    if settings.get("cdc_enabled") != "true":
        yield Fault(
            "cdc_enabled", settings.get("cdc_enabled") or "not set",
            "Capture sees no write: set cdc_enabled: true in cassandra.yaml and restart the node.",
        )  # fmt: skip
    if major >= [4, 1] and settings.get("cdc_block_writes") == "false":
        yield Fault(
            "cdc_block_writes", "false",
            "A full cdc_raw silently drops the oldest segments: set cdc_block_writes: true.",
        )  # fmt: skip
    if major >= [5, 0] and settings.get("cdc_on_repair_enabled") == "false":
        yield Fault(
            "cdc_on_repair_enabled", "false",
            "Capture never sees rows that a repair writes: set cdc_on_repair_enabled: true.",
        )  # fmt: skip
    if "commitlog_compression" in settings and settings["commitlog_compression"] != "null":
        yield Fault(
            "commitlog_compression", "set",
            "Each poll decompresses whole segments: remove commitlog_compression.", fatal=False,
        )  # fmt: skip


def _sync_faults(settings: Dict[str, str]) -> Iterable[Fault]:
    sync = settings.get("commitlog_sync", "periodic")
    if sync != "periodic":
        yield Fault(
            "commitlog_sync", sync, "Change hints would come before their writes can be read: set "
            "commitlog_sync: periodic and commitlog_sync_period: 100ms.",
        )  # fmt: skip
        return
    period = milliseconds(settings, "commitlog_sync_period") or 10000
    if period > LATEST_SYNC_MS:
        yield Fault(
            "commitlog_sync_period", f"{period} ms",
            "Every change hint is late by as much: set commitlog_sync_period: 100ms.", fatal=False,
        )  # fmt: skip
    block = milliseconds(settings, "periodic_commitlog_sync_lag_block")
    block = period * 3 // 2 if block is None else block
    if block < LONGEST_SYNC_MS:
        yield Fault(
            "periodic_commitlog_sync_lag_block", f"{block} ms",
            "A slow sync lets change hints come before their writes can be read: set "
            "periodic_commitlog_sync_lag_block: 15s.",
        )  # fmt: skip


def _space_faults(settings: Dict[str, str]) -> Iterable[Fault]:
    segment = bytes_of(settings, "commitlog_segment_size") or 32 * MIB
    total = bytes_of(settings, "cdc_total_space")
    if not total:
        yield Fault(
            "cdc_total_space", "not set", "The default is 4 GiB, or 1/8 of the volume if "
            "that is less: set the bytes of log that a node writes in the longest outage.",
            fatal=False,
        )  # fmt: skip
    elif total < FEWEST_SEGMENTS * segment:
        yield Fault(
            "cdc_total_space", f"{total // MIB} MiB", f"It holds fewer than {FEWEST_SEGMENTS} "
            f"segments of {segment // MIB} MiB, so Cassandra soon rejects writes: raise it.",
        )  # fmt: skip


def milliseconds(settings: Dict[str, str], name: str) -> Optional[int]:
    """A duration in 4.1's form (`200ms`) or the older one (`..._in_ms: 200`); None: not set."""
    match = re.match(r"^(\d+)\s*(ms|s|m)$", settings.get(name) or "")
    if match:
        return int(match.group(1)) * _DURATION[match.group(2)]
    old = settings.get(name + "_in_ms") or ""
    return int(old) if old.isdigit() else None


def bytes_of(settings: Dict[str, str], name: str) -> int:
    """A size in 4.1's form (`32MiB`) or the older one (`..._in_mb: 32`); 0: not set."""
    match = re.match(r"^(\d+)\s*(B|KiB|MiB|GiB)$", settings.get(name) or "")
    if match:
        return int(match.group(1)) * _SIZE[match.group(2)]
    old = settings.get(name + "_in_mb") or ""
    return int(old) * MIB if old.isdigit() else 0
