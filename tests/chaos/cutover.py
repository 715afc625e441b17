"""The end of a run: every table is cut over while writers write, as an operator does it.

The application writes each table as soon as its cutover is over. Then the run tries to have
Hintferry write: a worker goes on that stood still since before the fence, writers that were
forgotten write the source, old hints come again. The target's meters must not move.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from hintferry.adapters.records.topics import table_of
from hintferry.core.limits import CUTOVER_WAIT_S
from hintferry.core.open_item import PARKED
from hintferry_ops.cutover.gate.passes import LATE_WRITES_S
from sandbox.command_line import COMMAND_S, Operator
from sandbox.parts.launch import tied
from sandbox.sessions import cassandra_session
from sandbox.stack import Stack
from tests.chaos.application import Application
from tests.chaos.injector import UNFENCED
from tests.chaos.recorder import Recorded, Recorder
from tests.chaos.zombies import Zombie
from tools import places

LONGEST_S = 300.0
"""A worker stands still for so long at most, and lives for longer."""

_RECENT = 250
_PATIENCE_S, _BETWEEN_S, _SILENT = 120.0, 1.0, "does not answer"
_LATE_S = 2.0
"""No older write is under way this long after the wait of the last fence."""


@dataclass(slots=True)
class CutOver:
    """What the cutover of all tables came to."""

    downtime_s: float | None = None
    """from the stop of the writers to the cutover; None where no table was cut over"""
    written: int = 0
    """rows that the application wrote"""
    lost: list[str] = field(default_factory=list)
    """writes of the application that are not there any more"""
    late_writes: int = 0
    """writes of Hintferry after the wait of the fences"""
    obstacles: list[str] = field(default_factory=list)


def wait_until_compared(stack: Stack) -> None:
    """Wait until a pass that begins now compares the keys of what was parked and taken out."""
    query = "SELECT due FROM hintferry.open_items WHERE reason = %s ALLOW FILTERING"
    with cassandra_session(stack.behind) as behind:
        rows = behind.execute(query, [PARKED]).all()
    latest = max((row.due.replace(tzinfo=UTC).timestamp() for row in rows), default=0.0)
    time.sleep(max(0.0, latest + LATE_WRITES_S + 1 - time.time()))


def cut_over(
    operator: Operator, behind: Any, tables: Sequence[str], stopped_at: float
) -> tuple[CutOver, dict[str, Application]]:
    """Cut the tables over as one; the application writes all of them as soon as it may."""
    found = CutOver()
    applications = {table: Application(behind, table) for table in tables}
    answer = _patiently(operator, tables, stopped_at)
    if answer.returncode:
        found.obstacles.append(f"no table was cut over: {_why(answer)}")
        return found, applications
    found.downtime_s = float(json.loads(answer.stdout)["downtime_seconds"])
    with ThreadPoolExecutor(len(tables)) as pool:
        list(pool.map(Application.write, applications.values()))
    found.written = sum(map(len, applications.values()))
    return found, applications


@contextmanager
def standing_still(sleeper: Zombie, recorder: Recorder, random: Random) -> Iterator[Future[bool]]:
    """A worker that stands still, on its way with an old payload, until this is left."""
    goes_on = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        payload = _payload(recorder, random)
        lasted = pool.submit(sleeper.freeze, payload, random, lambda: goes_on.wait(LONGEST_S))
        try:
            yield lasted
        finally:
            goes_on.set()


def wait_out(behind: Any) -> None:
    """Wait until no write from before the fences can arrive, however long the cutover waited."""
    rows = behind.execute("SELECT set_at FROM hintferry.fences").all()
    # The row of an announcement has none.
    fences = [row.set_at for row in rows if row.set_at is not None]
    latest = max((one.replace(tzinfo=UTC).timestamp() for one in fences), default=0.0)
    time.sleep(max(0.0, latest + CUTOVER_WAIT_S + _LATE_S - time.time()))


def writes(stack: Stack, tables: Iterable[str]) -> int:
    """Return how many writes of these tables came through the target's proxy so far."""
    meters = stack.keyspaces.control.meters()
    return sum(meters[table].writes for table in tables if table in meters)


def _patiently(
    operator: Operator, tables: Sequence[str], stopped_at: float
) -> subprocess.CompletedProcess[str]:
    """Run it again while a node takes longer to answer than a look waits: the machine is busy."""
    end = time.monotonic() + _PATIENCE_S
    while True:
        answer = _command(operator, tables, stopped_at)
        if not answer.returncode or _SILENT not in answer.stdout or time.monotonic() > end:
            return answer
        time.sleep(_BETWEEN_S)


def _command(
    operator: Operator, tables: Sequence[str], stopped_at: float
) -> subprocess.CompletedProcess[str]:
    stopped = datetime.fromtimestamp(stopped_at, UTC).isoformat()
    options = "--writes-stopped", stopped, "--writers-at-quorum", "--json"
    return subprocess.run(
        tied(str(places.COMMAND), "cutover", *tables, *options),
        env=operator.environment,
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
    )


def _why(answer: subprocess.CompletedProcess[str]) -> str:
    """Return the conditions that do not hold, or what the command said."""
    if not answer.stdout:
        return answer.stderr.strip()
    return "; ".join(
        f"{table['table']}: {one['reason']}"
        for table in json.loads(answer.stdout)["tables"]
        for one in table["conditions"]
        if one["state"] != "holds"
    )


def _payload(recorder: Recorder, random: Random) -> list[Recorded]:
    """Return records of one topic; a counter's worker must not stand still (`injector.py`)."""
    records = recorder.recent(_RECENT, _RECENT, random)
    named = {one.topic: table_of(one.topic).split(".")[1] for one in records}
    topics = sorted(topic for topic, name in named.items() if name != UNFENCED)
    topic = random.choice(topics)
    return [one for one in records if one.topic == topic]
