"""A batch's figures and its one log line, through Powertools."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from hintferry.core.hint import Hint, Record
from hintferry.core.ledger import Outcome, Settled

FRESHNESS_SAMPLES = 100
"""As many values of one metric as an embedded metric format blob holds."""

_COUNTS = {
    Outcome.APPLIED: "HintsApplied",
    Outcome.SKIPPED: "HintsSkipped",
    Outcome.PARKED: "HintsParked",
    Outcome.RETURNED: "HintsReturned",
}


class PowertoolsMeter:
    """Adds up per batch: nothing is logged or emitted per record but what was parked."""

    def __init__(self, logger: Logger, metrics: Metrics) -> None:
        self._logger, self._metrics = logger, metrics

    def batch(
        self, records: Sequence[Record], hints: Mapping[int, Hint], ends: Sequence[Settled]
    ) -> None:
        """One finished batch: its records, their hints by index, and how each record ended."""
        counts = Counter(end.outcome for end in ends)
        self._metrics.add_metric("HintsReceived", MetricUnit.Count, len(records))
        for outcome, name in _COUNTS.items():
            self._metrics.add_metric(name, MetricUnit.Count, counts[outcome])
        freshness = _freshness(records, ends)
        for milliseconds in freshness:
            self._metrics.add_metric("Freshness", MetricUnit.Milliseconds, milliseconds)
        self._logger.info(
            "batch",
            extra={"tables": _by_table(hints, ends), "freshness_ms": freshness, **_errors(ends)},
        )
        for record, end in zip(records, ends, strict=True):
            if end.outcome is Outcome.PARKED:
                self._parked(record, end)

    def _parked(self, record: Record, end: Settled) -> None:
        self._logger.warning(
            "parked",
            extra={
                "reason": end.reason.value if end.reason else None,
                "error": str(end.error),
                "topic": record.topic,
                "partition": record.partition,
                "offset": record.offset,
            },
        )


def _freshness(records: Sequence[Record], ends: Sequence[Settled]) -> list[int]:
    """Milliseconds from the broker's append to the acknowledged write, evenly sampled."""
    now = time.time() * 1000
    applied = [
        int(now - record.appended_at_ms)
        for record, end in zip(records, ends, strict=True)
        if end.outcome is Outcome.APPLIED and record.appended_at_ms is not None
    ]
    return applied[:: -(-len(applied) // FRESHNESS_SAMPLES) or 1]


def _by_table(hints: Mapping[int, Hint], ends: Sequence[Settled]) -> dict[str, dict[str, int]]:
    tables: dict[str, dict[str, int]] = {}
    for index, hint in hints.items():
        table = tables.setdefault(str(hint.table), {})
        outcome = ends[index].outcome.value
        table[outcome] = table.get(outcome, 0) + 1
    return tables


def _errors(ends: Sequence[Settled]) -> dict[str, dict[str, int]]:
    """Why records were returned, with how many; absent where none was."""
    returned = Counter(str(end.error) for end in ends if end.outcome is Outcome.RETURNED)
    return {"returned_because": dict(returned.most_common(5))} if returned else {}
