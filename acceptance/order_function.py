"""Fail one record for a while, and log the offsets of each batch: the function of the order stack.

The stack takes this file as it is, so it imports nothing but the standard library.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

FAILS_AT = 57
"""The offset that fails: in the later half of a batch of ten that begins at offset 50."""

FAILING_S = 20 * 60.0
"""So long after the broker took the record it fails: the workload is over then, and MSK has
reported the lag several times."""

KIND, ITEM, ERROR = "KIND", "item", "error"
"""The variable that says how the function fails: it names the record, or it raises."""

_PAUSE_S = 1.0
"""Before each failure, so that some retries are spent in a second and not hundreds."""


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return the record that fails, or raise RuntimeError for it; log no key and no value."""
    now = time.time()
    failed = []
    for place, records in event["records"].items():
        offsets = [one["offset"] for one in records]
        failing = [one for one in records if _fails(one, now)]
        failed += [{"partition": place, "offset": one["offset"]} for one in failing]
        line = {"at": now, "first": min(offsets), "last": max(offsets), "failed": bool(failing)}
        print(json.dumps(line))
    if failed:
        time.sleep(_PAUSE_S)
        if os.environ[KIND] == ERROR:
            raise RuntimeError(f"offset {FAILS_AT} fails on purpose")
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}


def _fails(record: dict[str, Any], now: float) -> bool:
    """Return whether it is the record that fails, and still fails.

    Its age decides, so that another process of the function goes on where the last one ended.
    """
    age_s: float = now - record["timestamp"] / 1000
    return bool(record["offset"] == FAILS_AT) and age_s < FAILING_S
