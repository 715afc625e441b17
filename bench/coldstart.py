"""A new execution environment: imports, both sides connected with the first record, one more.

Each try is a new process, with the layer and the function on its path and nothing running.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from statistics import median
from typing import Any

from bench import machine
from bench.loads import RecordedLoad
from bench.pipeline import prepared
from sandbox.function import FUNCTIONS, LAYERS
from sandbox.parts.launch import tied
from tools import places

TRIES = 7
STAGES = ("import", "connect and first record", "one more record")
_LONGEST_S = 60.0
_SCRIPT = """
import json, resource, sys, time
from types import SimpleNamespace

def marked():
    return time.perf_counter(), time.process_time()

events = [json.loads(line) for line in sys.stdin]
context = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000)
marks = [marked()]
import handler
marks.append(marked())
for event in events:
    assert handler.lambda_handler(event, context) == {"batchItemFailures": []}
    marks.append(marked())
print(json.dumps([marks, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]), file=sys.stderr)
"""


def measure(size: int | None) -> dict[str, Any]:
    """All figures; `size` tries in place of the usual number."""
    about, tries = machine.described(), size or TRIES
    with prepared(places.BUILD / "bench" / "coldstart", 10) as (_, setting, loads):
        region = setting.environment["AWS_REGION"]
        environment = {**setting.environment, "AWS_DEFAULT_REGION": region}
        # The first writes the byte code, as the layer's build does not.
        found = [_try(environment, loads[0]) for _ in range(tries + 1)][1:]
    stages = {
        stage: {
            what: round(median(one[place][part] for one, _ in found) * 1000)
            for part, what in enumerate(("wall_ms", "cpu_ms"))
        }
        for place, stage in enumerate(STAGES)
    }
    return {
        "when": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": about,
        "tries": tries,
        "stages": stages,
        "peak_mb": round(max(peak for _, peak in found) / 1024),
    }


def _try(environment: dict[str, str], load: RecordedLoad) -> tuple[list[list[float]], int]:
    """Seconds of wall and CPU of each stage, and the peak of resident memory in KB."""
    single = [replace(load, records=[record]) for record in load.records[:2]]
    path = os.pathsep.join(map(str, [*LAYERS, FUNCTIONS / "processor"]))
    run = subprocess.run(
        tied(sys.executable, "-c", _SCRIPT),
        input="".join(event.decode() + "\n" for one in single for event in one.events()),
        env={**os.environ, **environment, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=_LONGEST_S,
        check=True,
    )
    marks, peak = json.loads(run.stderr.splitlines()[-1])
    pairs = zip(marks[1:], marks[:-1], strict=True)
    stages = [[now - before for now, before in zip(*pair, strict=True)] for pair in pairs]
    return stages, peak


def page_of(figures: dict[str, Any]) -> list[str]:
    """Return the lines of RESULTS.md for these results."""
    return [
        "## Cold start",
        "",
        f"Medians of {figures['tries']} new processes, both sides on the same machine; byte code"
        " is there already.",
        "",
        "| stage | ms | CPU ms |",
        "|---|---|---|",
        *(
            f"| {stage} | {taken['wall_ms']} | {taken['cpu_ms']} |"
            for stage, taken in figures["stages"].items()
        ),
        "",
        f"At most {figures['peak_mb']} MB resident.",
    ]
