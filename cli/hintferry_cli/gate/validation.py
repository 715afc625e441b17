"""Say for `status` what validation found in the last day."""

from __future__ import annotations

from typing import Any

from hintferry.adapters.config.settings import Migration
from hintferry_ops.cutover.cloudwatch import DIVERGED, UNVALIDATED, VALIDATED, CloudWatchMetrics


def as_tree(migration: Migration, metrics: CloudWatchMetrics) -> dict[str, Any] | None:
    """Return the keys of the last day by what was found, or None where nothing is validated."""
    one_in = migration.deployment.pipeline.validate_one_in
    if not one_in:
        return None
    found = metrics.validated()
    return {
        "one_in": one_in,
        "hours": 24,
        "validated": found[VALIDATED],
        "diverged": found[DIVERGED],
        "unvalidated": found[UNVALIDATED],
    }


def told(tree: dict[str, Any]) -> str:
    """Return the same as one line for a person."""
    text = (
        f"validation, one settled row in {tree['one_in']:,}, last {tree['hours']} h:"
        f" {tree['validated']:,} equal, {tree['diverged']:,} diverged"
    )
    if tree["unvalidated"]:
        text += f", {tree['unvalidated']:,} unknown"
    if tree["diverged"]:
        text += "; the log line `diverged` of the replay function names each"
    return text
