"""A batch's figures and its one log line, through Powertools."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from hintferry.adapters.clocks.measured import MeasuredClock
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.records import hint_record
from hintferry.core.clock_offset import Offsets
from hintferry.core.hint import Hint, Record
from hintferry.core.outcome import Outcome, ReturnReason, Settled, SkipReason

_VALIDATION = {
    SkipReason.VALIDATED: "ValidatedKeys",
    SkipReason.DIVERGED: "ValidatedDiverged",
    SkipReason.UNVALIDATED: "UnvalidatedKeys",
}

N = TypeVar("N", int, float)

SAMPLES = 25
"""Values of one metric that a batch tells, evenly drawn; each costs as much as half a record."""

_COUNTS = {
    Outcome.APPLIED: "HintsApplied",
    Outcome.SKIPPED: "HintsSkipped",
    Outcome.PARKED: "HintsParked",
    Outcome.RETURNED: "HintsReturned",
}


class ClockMeter:
    """Tells how far the clocks are apart, as a process that reads by them has seen."""

    def __init__(self, metrics: Metrics, clock: MeasuredClock) -> None:
        self._metrics, self._clock = metrics, clock
        self._told: Offsets | None = None

    def tell(self) -> None:
        """Report the offsets of the clocks that are certain, once after each comparison."""
        seen = self._clock.offsets
        if seen is None or seen is self._told:
            return
        self._told = seen
        if seen.target is not None:
            self._milliseconds("ClockOffsetTarget", abs(seen.target.known_us) / 1000)
        if seen.nodes:
            self._milliseconds("ClockOffsetSource", seen.worst_node_us / 1000)

    def _milliseconds(self, name: str, value: float) -> None:
        self._metrics.add_metric(name, MetricUnit.Milliseconds, value)


class PowertoolsMeter:
    """Adds up per batch: nothing is logged or emitted per record but what was parked.

    `source`, `target`: the sessions, which count what happens on their connections. `clock` knows
    how far it is from theirs. `version`: which function this is and which version of it.
    """

    def __init__(
        self,
        logger: Logger,
        metrics: Metrics,
        source: CqlSession,
        target: CqlSession,
        clock: MeasuredClock,
        version: Mapping[str, str],
    ) -> None:
        self._logger, self._metrics, self._version = logger, metrics, version
        self._source, self._target = source, target
        self._clocks = ClockMeter(metrics, clock)
        self._throttles = self._rebuilds = 0

    def batch(
        self, records: Sequence[Record], hints: Mapping[int, Hint], ends: Sequence[Settled]
    ) -> None:
        """One finished batch: its records, their hints by index, and how each record ended."""
        counts = Counter(end.outcome for end in ends)
        self._count("HintsReceived", len(records))
        for outcome, name in _COUNTS.items():
            self._count(name, counts[outcome])
        reasons = Counter((end.outcome, end.reason) for end in ends if end.reason)
        for (outcome, reason), count in reasons.items():
            assert reason is not None
            of_validation = _VALIDATION.get(reason) if isinstance(reason, SkipReason) else None
            self._count(of_validation or _COUNTS[outcome] + _camel(reason.value), count)
        self._failed(ends)
        freshness = _freshness(records, ends)
        self._milliseconds("Freshness", freshness)
        self._milliseconds("ClockSkew", [_behind_the_broker(records)])
        self._sides()
        self._clocks.tell()
        self._logger.info(
            "batch",
            extra={"tables": _by_table(hints, ends), "freshness_ms": freshness, **_errors(ends)},
        )
        for index, (record, end) in enumerate(zip(records, ends, strict=True)):
            if end.outcome is Outcome.PARKED:
                self._parked(record, end)
            elif end.reason is SkipReason.DIVERGED:
                self._diverged(hints[index], end)

    def unvalidated(self, count: int) -> None:
        """Count settled keys whose validation the replay queue did not take."""
        if count:
            self._count("UnvalidatedKeys", count)

    def conservation_failed(self) -> None:
        """Count a batch whose sums do not add up: a bug of Hintferry. Its records come again."""
        self._count("ConservationFailures", 1)

    def _failed(self, ends: Sequence[Settled]) -> None:
        """Say of this version alone what it failed at: a deploy asks whether to take it back."""
        count = sum(map(_is_failed, ends))
        if not count:
            return
        dimensions = {"service": self._metrics.service, **self._version}
        with single_metric(
            "HintsFailed",
            MetricUnit.Count,
            count,
            namespace=self._metrics.namespace,
            default_dimensions=dimensions,
        ):
            pass

    def _sides(self) -> None:
        """Report what happened on the connections since the batch before."""
        sides = self._source, self._target
        for name, side in zip(("ReadLatency", "WriteLatency"), sides, strict=True):
            taken = list(side.latencies_s)
            side.latencies_s.clear()
            self._milliseconds(name, [round(1000 * one, 1) for one in _sampled(taken)])
        throttles = sum(side.rate_limit.throttled for side in sides)
        rebuilds = sum(side.rebuilds for side in sides)
        self._count("Throttles", throttles - self._throttles)
        self._count("SessionRebuilds", rebuilds - self._rebuilds)
        self._throttles, self._rebuilds = throttles, rebuilds

    def _count(self, name: str, count: int) -> None:
        self._metrics.add_metric(name, MetricUnit.Count, count)

    def _milliseconds(self, name: str, values: Sequence[float]) -> None:
        for value in values:
            self._metrics.add_metric(name, MetricUnit.Milliseconds, value)

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

    def _diverged(self, hint: Hint, end: Settled) -> None:
        key = hint_record.encode(hint)
        self._logger.warning(
            "diverged",
            extra={
                "table": str(hint.table),
                "verdict": str(end.error),
                "pk": key["pk"],
                "ck": key["ck"],
            },
        )


class NoMeter:
    """A meter that reports nothing, for a command that shows its own sums."""

    def batch(
        self, records: Sequence[Record], hints: Mapping[int, Hint], ends: Sequence[Settled]
    ) -> None:
        """One finished batch."""

    def unvalidated(self, count: int) -> None:
        """Settled keys whose validation the replay queue did not take."""

    def conservation_failed(self) -> None:
        """The books of a batch do not add up; the error that says so ends the command."""


def _freshness(records: Sequence[Record], ends: Sequence[Settled]) -> list[int]:
    """Milliseconds from the broker's append to the acknowledged write, evenly sampled."""
    now = time.time() * 1000
    applied = [
        int(now - record.appended_at_ms)
        for record, end in zip(records, ends, strict=True)
        if end.outcome is Outcome.APPLIED and record.appended_at_ms is not None
    ]
    return _sampled(applied)


def _sampled(values: list[N]) -> list[N]:
    return values[:: -(-len(values) // SAMPLES) or 1]


def _behind_the_broker(records: Sequence[Record]) -> int:
    """Milliseconds by which the newest record was appended after now, by our clock."""
    stamps = [one.appended_at_ms for one in records if one.appended_at_ms is not None]
    return max(0, max(stamps, default=0) - int(time.time() * 1000))


def _is_failed(end: Settled) -> bool:
    is_returned = end.outcome is Outcome.RETURNED and end.reason is not ReturnReason.PAUSED
    return is_returned or end.outcome is Outcome.PARKED


def _camel(reason: str) -> str:
    return "".join(word.capitalize() for word in reason.split("_"))


def _by_table(hints: Mapping[int, Hint], ends: Sequence[Settled]) -> dict[str, dict[str, int]]:
    counts = Counter((hint.table, ends[index].outcome) for index, hint in hints.items())
    tables: dict[str, dict[str, int]] = {}
    for (table, outcome), count in counts.items():
        tables.setdefault(str(table), {})[outcome.value] = count
    return tables


def _errors(ends: Sequence[Settled]) -> dict[str, dict[str, int]]:
    """Return why records were returned, or keys not validated, each with how many."""
    returned = Counter(str(end.error) for end in ends if end.outcome is Outcome.RETURNED)
    unvalidated = Counter(str(end.error) for end in ends if end.reason is SkipReason.UNVALIDATED)
    named = {"returned_because": returned, "unvalidated_because": unvalidated}
    return {name: dict(found.most_common(5)) for name, found in named.items() if found}
