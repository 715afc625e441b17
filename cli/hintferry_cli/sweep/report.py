"""The report of a pass: everything that is known of it, as one tree."""

from __future__ import annotations

import json
import time
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from hintferry.core.errors import ConfigurationError
from hintferry.core.verdict import BackfillSums
from hintferry_cli.pages.page import write_pass
from hintferry_cli.sweep.run import Run
from hintferry_cli.sweep.state import RunState
from hintferry_cli.sweep.task import as_numbers


def check(folder: Path) -> None:
    """Raise ConfigurationError where no report can be written, before a pass that takes hours."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"no report can be written into {folder}: {error.strerror}; name another folder with"
            " --report"
        ) from error


def write(folder: Path, run: Run) -> None:
    """Write `<verb>-<keyspace.table>.json` and `.html`, in place of the last pass's."""
    folder.mkdir(parents=True, exist_ok=True)
    tree = as_tree(run)
    path = folder / f"{tree['verb']}-{tree['table']}.json"
    path.write_text(json.dumps(tree))
    write_pass(path.with_suffix(".html"), tree)


def as_tree(run: Run) -> dict[str, Any]:
    """Return the report; times are epoch seconds, `cost` has estimates by name."""
    task, state, bookmark = run.order.task, run.state, run.bookmark
    units = "write_units" if isinstance(state.sums, BackfillSums) else "read_units"
    cost = {units.replace("_", " "): as_numbers(state.sums)[units], **_usd(state)}
    done = [
        {"after": part.after, "upto": part.upto, "state": "done", "error": None, **sums}
        for part, sums in bookmark.done
    ]
    left = [
        {
            "after": part.after,
            "upto": part.upto,
            "state": "failed" if part in state.failures else "left",
            "error": state.failures.get(part),
        }
        for part in bookmark.left
    ]
    return {
        "verb": task.verb.value,
        "table": str(task.table),
        **task.settings,
        "began": bookmark.began,
        "ended": time.time(),
        "clean": state.sums.is_clean and not state.unfinished,
        "unfinished": state.ending,
        "keys": state.sums.seen,
        "sums": as_numbers(state.sums),
        "ranges": sorted(done + left, key=lambda one: one["after"]),
        "examples": [{"verdict": verdict, "key": key} for verdict, key in bookmark.examples],
        "errors": dict(state.errors),
        "cost": cost,
    }


def _usd(state: RunState) -> dict[str, float]:
    return {} if state.usd is None else {"USD": round(state.usd, 4)}
