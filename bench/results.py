"""The figures of each bench as JSON, and the page made of them."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

from bench import (
    capture,
    coldstart,
    cutover,
    freshness,
    kills,
    pipeline,
    settings,
    soak,
    source,
    sweep,
)

_HERE = Path(__file__).parent
_KEPT, _PAGE = _HERE / "results", _HERE / "RESULTS.md"

BENCHES: dict[str, ModuleType] = {
    "capture": capture,
    "coldstart": coldstart,
    "cutover": cutover,
    "freshness": freshness,
    "kills": kills,
    "pipeline": pipeline,
    "settings": settings,
    "soak": soak,
    "source": source,
    "sweep": sweep,
}
"""Each has `measure(size)`, which gives its figures, and `page_of(figures)`, their lines.

One whose ratios are guarded has `CHECKED_SIZE` and `worse(figures, kept)` too.
"""

_HEAD = """# Measured

Made by `make bench` from `bench/results/*.json`. Machines are noisy: trust the ratios within one
run, not the seconds. *Hint* always means a change hint. CPU is the process's own; where servers ran
on the same machine, their CPU is not in it.
"""


def kept(name: str) -> dict[str, Any]:
    """The figures of the run before."""
    figures: dict[str, Any] = json.loads((_KEPT / f"{name}.json").read_text())
    return figures


def keep(name: str, figures: dict[str, Any]) -> None:
    """Replace the results of the run before, and make the page again."""
    _KEPT.mkdir(exist_ok=True)
    (_KEPT / f"{name}.json").write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    _PAGE.write_text(page())


def page() -> str:
    """Return the text of RESULTS.md, from what is kept of every bench."""
    pages = [
        "\n".join(page_of(path.stem, kept(path.stem)))
        for path in sorted(_KEPT.glob("*.json"))
        if path.stem in BENCHES
    ]
    return "\n".join([_HEAD, *pages]) + "\n"


def page_of(name: str, figures: dict[str, Any]) -> list[str]:
    """Return the lines of one bench on the page."""
    machine = figures["machine"]
    return [
        *BENCHES[name].page_of(figures),
        "",
        f"{machine['cores']} x {machine['processor']}, {machine['memory_gb']} GB,"
        f" {machine['system']}; Python {machine['python']}, cassandra-driver {machine['driver']},"
        f" Cassandra {machine['cassandra']}; load {machine['load_before']} before;"
        f" {figures['when']}.",
        "",
    ]
