"""Define the alarms over the event source mappings of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence

from hintferry_ops.monitoring.metrics import MAPPING
from hintferry_ops.monitoring.queries import in_queries
from hintferry_ops.monitoring.rule import MINUTE_S, Query, Rule, Severity

CRITICAL = Severity.CRITICAL


def mapping_rules(mappings: Sequence[str]) -> list[Rule]:
    """Return the alarms over the mappings with these UUIDs, as many of each as queries need."""
    return [rule for number, some in in_queries(mappings) for rule in _rules(number, some)]


def _rules(number: str, mappings: tuple[str, ...]) -> list[Rule]:
    def all_of(name: str) -> Query:
        return Query("AWS/Lambda", name, MAPPING, *MAPPING, mappings)

    return [
        Rule(
            f"EventsDropped{number}", CRITICAL, all_of("DroppedEventCount"), "SUM", 0,
            "An event source mapping dropped change hints; no topic, queue or bucket has them.",
            "Run: hintferry verify TABLE --repair.",
            "Dropped events",
        ),
        Rule(
            f"EventsGivenUp{number}", CRITICAL,
            all_of("OnFailureDestinationDeliveredEventCount"), "SUM", 0,
            "An event source mapping gave up change hints and put them into the bucket.",
            "Fix the cause and run: hintferry replay.",
            "Given-up events",
        ),
        Rule(
            f"PollingFails{number}", CRITICAL, all_of("PollingErrorCount"), "SUM", 0,
            "An event source mapping cannot read its topic.",
            "Check the function's permissions, the brokers' security group and the topic.",
            "Polling errors", 5 * MINUTE_S, 3, 3,
        ),
    ]  # fmt: skip
