"""Somebody changes rows of the target: validation finds those that it samples, on the real chain.

Each N has a table and a chain of its own; all run side by side, for a look takes minutes.
"""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from hintferry.adapters.driver.cql import SOURCE_TABLES
from sandbox.stack import Stack
from tests.failure.bench import Bench, bench, keep

pytestmark = [pytest.mark.stack, pytest.mark.soak]

SAMPLED = (1, 10, 100)
ROWS = 3_000
A_ROUND = 100
WRONGED = 20
"""One row in so many is changed on the target soon after it was settled."""

FOUND_WITHIN_S = 600.0
FAR_US = 120_000_000
"""By how much the foreign write is later than any of Hintferry's."""


def replayed(folder: Path) -> list[dict[str, Any]]:
    """Return what the replay functions of all chains said."""
    logs = folder.glob("*/replay-*.log")
    lines = (line for log in logs for line in log.read_text().splitlines())
    return [json.loads(line) for line in lines if line.startswith("{")]


def diverged(folder: Path) -> dict[str, dict[str, float]]:
    """Return the keys that were called diverged by table, and when (epoch seconds)."""
    found: dict[str, dict[str, float]] = {}
    for one in replayed(folder):
        if one.get("message") == "diverged":
            at = time.mktime(time.strptime(one["timestamp"][:19], "%Y-%m-%d %H:%M:%S"))
            found.setdefault(one["table"], {}).setdefault(one["pk"][0], at)
    return found


def sums(folder: Path) -> Counter[str]:
    """Return the sums of the metrics of validation."""
    found: Counter[str] = Counter()
    for one in replayed(folder):
        if "_aws" in one:
            for name in ("ValidatedKeys", "ValidatedDiverged", "UnvalidatedKeys"):
                found[name] += int(sum(one.get(name, ())))
            found["unsure"] += int(sum(one.get("HintsSkippedUnsure", ())))
            found["invocations"] += 1
    return found


def wrong(side: Bench, keys: range) -> None:
    """Delete the first half of these rows on the target, and write another value to the rest."""
    at = int(time.time() * 1e6) + FAR_US
    for key in keys:
        if key % 2:
            text = f"DELETE FROM {side.table} USING TIMESTAMP {at} WHERE a = {key}"
        else:
            text = f"UPDATE {side.table} USING TIMESTAMP {at} SET v = 'forged' WHERE a = {key}"
        side.behind.execute(text)


def test_rows_that_somebody_changes_are_found(stack: Stack, tmp_path: Path) -> None:
    stack.create_tables(*(one.format(replication=stack.replication) for one in SOURCE_TABLES))
    with ExitStack() as opened:
        sides = []
        for one_in in SAMPLED:
            stack.validate_one_in = one_in
            name = f"sampled_{one_in}"
            sides.append(opened.enter_context(bench(name, stack, tmp_path / name)))
        stack.validate_one_in = 0
        began = time.time()
        wronged: list[int] = []
        for first in range(0, ROWS, A_ROUND):
            for side in sides:
                side.insert(range(first, first + A_ROUND))
            time.sleep(1)
            if first:
                rows = range(first - A_ROUND, first, WRONGED)
                wronged += rows
                for side in sides:
                    wrong(side, rows)
        wrote_s = time.time() - began
        for side in sides:
            side.drain()
        end = time.monotonic() + FOUND_WITHIN_S
        last: Counter[str] = Counter()
        while time.monotonic() < end:
            time.sleep(5)
            if not sides[0].chain.replay.waiting():
                break
            last = sums(tmp_path)
        found = diverged(tmp_path)
        keys = {b64(key): key for key in range(ROWS)}
        for one_in, side in zip(SAMPLED, sides, strict=True):
            of_table = {keys[pk]: at - began for pk, at in found.get(side.table, {}).items()}
            assert set(of_table) <= set(wronged), "a row that nobody changed is called diverged"
            first_s = min(of_table.values(), default=None)
            keep(
                f"validation, one in {one_in}: {ROWS} changes in {wrote_s:.0f} s,"
                f" {len(wronged)} rows wronged, {len(of_table)} found, the first after {first_s} s"
            )
            assert side.parked() == []
        keep(f"validation, replay functions: {dict(sums(tmp_path) or last)}")
        # Of one in a hundred chance may choose none.
        assert {sides[0].table, sides[1].table} <= found.keys()


def b64(key: int) -> str:
    """Return the key of a row as a hint record has it."""
    return b64encode(key.to_bytes(4)).decode()
