"""Ask how an event source mapping retries a record that fails, and what it commits meanwhile.

Two functions of the order stack follow one topic of the run, each in a consumer group of its own.
The topic has one partition, so the lag of a group tells which offset the group has committed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from acceptance.order_function import ERROR, FAILS_AT, ITEM
from acceptance.plan import ORDER_TABLE
from acceptance.questions.service import ServiceQuestion
from hintferry.adapters.config.settings import Migration
from hintferry.core.schema import TableId
from hintferry_ops.monitoring import metrics

KINDS = (ITEM, ERROR)
AT = "at the record"
_REST_S, _SETTLED_S = 8 * 60.0, 60.0
"""The lag counts that was reported so long before the record was settled, up to a minute before."""

_PERIOD_S = 60
_FEWEST_LAGS = 3
"""Equal lags in a row that show that neither the topic nor the group moves."""

ORDER_QUESTIONS = (
    ServiceQuestion(
        "partial-commit",
        "Up to where does a mapping commit while a record fails that batchItemFailures names?",
        "MSK's SumOffsetLag of a group of its own, and the log of its function",
        AT,
    ),
    ServiceQuestion(
        "partial-again",
        "What does a mapping deliver again after batchItemFailures named one record?",
        "the log of the function",
        "that record alone",
    ),
    ServiceQuestion(
        "bisect-order",
        "In which order does a mapping deliver the halves of a batch that failed?",
        "the log of the function",
        "the earlier half first",
    ),
    ServiceQuestion(
        "bisect-commit",
        "Up to where does a mapping commit while a later half fails?",
        "MSK's SumOffsetLag of a group of its own, and the log of its function",
        AT,
    ),
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One invocation: when (epoch, s), the first and last offset, and whether it failed."""

    at: float
    first: int
    last: int
    failed: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one group: deliveries in their order, and lags as (epoch s, records)."""

    deliveries: Sequence[Delivery]
    lags: Sequence[tuple[float, float]]


def name_of(migration: Migration, kind: str) -> str:
    """Return the name of the log group and of the consumer group of one kind of failure."""
    return f"{migration.deployment.pipeline.name}-order-{kind}"


def order_answers(seen: Mapping[str, Seen]) -> Mapping[str, object]:
    """Return the answers by id; what cannot be answered yet is left out."""
    found = {
        "partial-commit": _committed(seen[ITEM]),
        "partial-again": _delivered_again(seen[ITEM].deliveries),
        "bisect-order": _halves(seen[ERROR].deliveries),
        "bisect-commit": _committed(seen[ERROR]),
    }
    return {name: answer for name, answer in found.items() if answer}


def _committed(seen: Seen) -> str:
    """Return where the group stood while the record failed; empty while that is not known.

    The lag counts from the end of the topic, which the log shows once the record is settled and the
    lag is 0.
    """
    failures = [one.at for one in seen.deliveries if one.failed]
    if not failures:
        return ""
    settled = max(failures)
    if not any(lag == 0 for at, lag in seen.lags if at > settled):
        return ""
    within = settled - _REST_S, settled - _SETTLED_S
    lags = [lag for at, lag in seen.lags if within[0] <= at <= within[1]]
    if len(lags) < _FEWEST_LAGS or len(set(lags)) > 1:
        # The workload was not over, or the group moved: neither is an answer.
        return ""
    end = max(one.last for one in seen.deliveries) + 1
    beyond = round(end - lags[0]) - FAILS_AT
    if not beyond:
        return AT
    return f"{abs(beyond)} {'beyond' if beyond > 0 else 'before'} it"


def _delivered_again(deliveries: Sequence[Delivery]) -> str:
    batch, following = _first_failure(deliveries)
    if batch is None or following is None:
        return ""
    if following.first > FAILS_AT:
        return "later records first"
    if following.first < FAILS_AT:
        return "earlier records too"
    return "that record alone" if following.last == FAILS_AT else "that record and what follows it"


def _halves(deliveries: Sequence[Delivery]) -> str:
    batch, following = _first_failure(deliveries)
    if batch is None or following is None:
        return ""
    if (following.first, following.last) == (batch.first, batch.last):
        return "the whole batch again"
    if following.first > batch.last:
        return "later records first"
    return "the earlier half first" if following.first == batch.first else "the later half first"


def _first_failure(
    deliveries: Sequence[Delivery],
) -> tuple[Delivery | None, Delivery | None]:
    """Return the batch that failed first and the next delivery; a batch of one shows nothing."""
    number = next((n for n, one in enumerate(deliveries) if one.failed), len(deliveries))
    batch, following, *_ = [*deliveries[number : number + 2], None, None]
    return (batch, following) if batch and batch.first < batch.last else (None, None)


def order_seen(client: Callable[[str], Any], migration: Migration) -> Mapping[str, Seen]:
    """Return what logs and CloudWatch have of each kind; `client` gives a boto3 client.

    Raises boto3's errors.
    """
    found = {}
    for kind in KINDS:
        name = name_of(migration, kind)
        deliveries = sorted(_logged(client("logs"), name), key=lambda one: one.at)
        lags = _lags(client("cloudwatch"), migration, name) if deliveries else []
        found[kind] = Seen(deliveries, lags)
    return found


def _logged(logs: Any, group: str) -> Iterator[Delivery]:
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, filterPattern="{ $.last >= 0 }"
    )
    for page in pages:
        yield from (Delivery(**json.loads(one["message"])) for one in page["events"])


def _lags(cloudwatch: Any, migration: Migration, group: str) -> Sequence[tuple[float, float]]:
    topic = migration.topic(TableId(*ORDER_TABLE.split(".")))
    values = migration.kafka_cluster, group, topic
    now = datetime.now(UTC)
    points = cloudwatch.get_metric_statistics(
        Namespace="AWS/Kafka",
        MetricName="SumOffsetLag",
        Dimensions=[
            {"Name": name, "Value": value}
            for name, value in zip(metrics.GROUP, values, strict=True)
        ],
        StartTime=now - timedelta(hours=6),
        EndTime=now,
        Period=_PERIOD_S,
        Statistics=["Maximum"],
    )["Datapoints"]
    return sorted((one["Timestamp"].timestamp(), one["Maximum"]) for one in points)
