"""Define every alarm as data, but for those of the nodes (`node_alarms`)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from hintferry.adapters.config.settings import Migration
from hintferry_ops.constants import (
    DAY_S,
    FUNCTION_TIMEOUT_S,
    QUEUE_RETENTION_S,
    TOPIC_RETENTION_S,
    sweep_overdue_s,
)
from hintferry_ops.monitoring.metrics import (
    BROKER,
    GROUP,
    NAMESPACE,
    OUR_DIMENSION,
    TABLE_OPERATION,
)
from hintferry_ops.monitoring.node_alarms import of_the_nodes
from hintferry_ops.monitoring.queries import in_queries
from hintferry_ops.monitoring.rule import HOUR_S, MINUTE_S, Query, Rule, Series, Severity


@dataclass(frozen=True, slots=True)
class Names:
    """The names of what the stacks made, as CloudWatch knows it."""

    cluster: str
    processor: str
    replay: str
    parked_queue: str
    replay_queue: str
    sweep_machine: str
    """The ARN of the state machine of sweeps."""
    unstarted_queue: str
    """The queue of sweeps that their schedule could not start."""


CONTROL_KEYSPACE = "hintferry"
"""The keyspace of fences, leases and markers on the target."""

CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING


def _ours(name: str) -> Series:
    """Name a metric of our own; `rules` says of which pipeline."""
    return Series(NAMESPACE, name, {})


def _of_pipeline(rule: Rule, pipeline: str) -> Rule:
    if not isinstance(rule.metric, Series) or rule.metric.namespace != NAMESPACE:
        return rule
    return replace(rule, metric=replace(rule.metric, dimensions={OUR_DIMENSION: pipeline}))


def rules(migration: Migration, names: Names) -> list[Rule]:
    """Return all alarms of a pipeline, but for those of its mappings and of new versions."""
    pipeline = migration.deployment.pipeline.name
    found = [
        *_of_the_lag(names),
        *_of_the_brokers(names),
        *_OF_HINTS,
        *_of_the_functions(names),
        *_of_the_queues(names),
        *of_the_nodes(pipeline, migration.deployment.nodes),
        *_of_the_sweeps(names, migration.deployment.sweep.every_hours),
        *_of_keyspaces(migration),
    ]
    return [_of_pipeline(rule, pipeline) for rule in found]


def _in(cluster: str) -> tuple[str, tuple[str, ...]]:
    """Select the series of one cluster."""
    return "Cluster Name", (cluster,)


def _of_the_lag(names: Names) -> list[Rule]:
    lag = Query("AWS/Kafka", "EstimatedMaxTimeLag", GROUP, *_in(names.cluster))
    return [
        Rule(
            "LagLong", WARNING, lag, "MAX", 600,
            "The change hints of a table have waited in its topic for over 10 minutes.",
            "Check whether the source or the target throttles, or raise pipeline.concurrency.",
            "Lag", 5 * MINUTE_S, 3, 3, silence_breaches=True,
        ),
        Rule(
            "LagGrows", CRITICAL, lag, "MAX", HOUR_S,
            "The change hints of a table have waited for over an hour, and the lag grows.",
            "Check whether Cassandra or Keyspaces is unavailable.",
            "Lag", 5 * MINUTE_S, 6, 6,
        ),
        Rule(
            "RetentionRunsOut", CRITICAL, lag, "MAX", TOPIC_RETENTION_S / 2,
            "The oldest change hint not applied has reached half of its topic's retention.",
            "Raise retention.ms of the topic now, then fix the cause.",
            "Topic retention runs out", 5 * MINUTE_S,
        ),
    ]  # fmt: skip


def _of_the_brokers(names: Names) -> list[Rule]:
    here = _in(names.cluster)
    disk = Query("AWS/Kafka", "KafkaDataLogsDiskUsed", BROKER, *here)
    return [
        Rule(
            "BrokerDiskFills", CRITICAL, disk, "MAX", 80,
            "A broker's disk is over 80 % full. A full broker rejects hints, and cdc_raw fills.",
            "Raise kafka.storage_gib and deploy.",
            "Brokers", 5 * MINUTE_S, 3, 3,
        ),
        Rule(
            "BrokerCpuHigh", WARNING, Query("AWS/Kafka", "CpuUser", BROKER, *here), "MAX", 50,
            "A broker uses over half of its CPU; when another fails, it takes over that work too.",
            "Take a larger kafka.instance.",
            "Brokers", 5 * MINUTE_S, 3, 3,
        ),
        Rule(
            "PartitionsUnderReplicated", WARNING,
            Query("AWS/Kafka", "UnderReplicatedPartitions", BROKER, *here), "MAX", 0,
            "Partitions lack a replica; when another fails, their hints stay on the nodes.",
            "See in the console of MSK whether a broker is down or too slow.",
            "Brokers", 5 * MINUTE_S, 3, 3,
        ),
        Rule(
            "PartitionsOffline", CRITICAL,
            Series("AWS/Kafka", "OfflinePartitionsCount", {"Cluster Name": names.cluster}),
            "Maximum", 0,
            "Topic partitions have no leader; their change hints stay on the Cassandra nodes.",
            "Check the brokers in the MSK console.",
            "Brokers", MINUTE_S, 5, 5,
        ),
    ]  # fmt: skip


_OF_HINTS = (
    Rule(
        "HintsParked", CRITICAL, _ours("HintsParked"), "Sum", 0,
        "Change hints failed permanently and were parked; their rows stay different.",
        "Read the reason in the log line `parked`, fix the cause, then run: hintferry replay.",
        "Parked records",
    ),
    Rule(
        "ValidationDiverges", CRITICAL, _ours("ValidatedDiverged"), "Sum", 0,
        "A settled row differs between source and target, and no change hint of it is on its way.",
        "Read the key in the log line `diverged`, then run: hintferry verify TABLE --repair.",
        "Rows that diverge",
    ),
    Rule(
        "ConservationFails", CRITICAL, _ours("ConservationFailures"), "Sum", 0,
        "A batch lost or double-counted a record: a bug in Hintferry.",
        "Keep the logs and report the bug. Lambda retries the batch until it is fixed.",
        "Conservation failures",
    ),
    Rule(
        "ClockSkewed", CRITICAL, _ours("ClockSkew"), "Maximum", 50,
        "A broker's clock is over 50 ms ahead of the functions' clocks.",
        "Compare both clocks with a third. Until they agree, the functions return hints.",
        "Clocks", MINUTE_S, 5, 3,
    ),
    Rule(
        "ClockOfFunctionOff", CRITICAL, _ours("ClockOffsetTarget"), "Maximum", 20,
        "A function's clock is over 20 ms off the target's. At 50 ms it stops reading.",
        "Report it to AWS (nobody can set Lambda's clocks), and watch HintsReturned.",
        "Clocks", MINUTE_S, 5, 3,
    ),
    Rule(
        "ClockOfNodeOff", CRITICAL, _ours("ClockOffsetSource"), "Maximum", 1000,
        "A source node's clock is over 1 s off the target's.",
        "Run chronyc tracking on the nodes. Functions return hints if two nodes differ by 1 s.",
        "Clocks", MINUTE_S, 5, 3,
    ),
    Rule(
        "FreshnessPoor", WARNING, _ours("Freshness"), "p99", 60_000,
        "p99 of the time from the broker to the target is over 60 s.",
        "Check ReadLatency, WriteLatency and Throttles on the plumbing dashboard.",
        "Lag", MINUTE_S, 5, 5,
    ),
    Rule(
        "HintsReturned", WARNING, _ours("HintsReturned"), "Sum", 0,
        "The functions have returned change hints for 15 min: a side is down or a table paused.",
        "Read `returned_because` in the log line `batch`.",
        "Returned records", MINUTE_S, 15, 15,
    ),
    Rule(
        "PausedLong", WARNING, _ours("HintsReturnedPaused"), "Sum", 0,
        "A table has been paused for 12 h; 24 h after its begin hints go to the bucket.",
        "Read who paused it with hintferry journal, then run: hintferry resume.",
        "Long pauses", HOUR_S, 12, 12,
    ),
    Rule(
        "SidesThrottle", WARNING, _ours("Throttles"), "Sum", 100,
        "The source or the target throttles requests.",
        "Raise the table's capacity in Keyspaces, or lower pipeline.concurrency.",
        "Throttling", MINUTE_S, 15, 15,
    ),
    Rule(
        "SessionsRebuilt", WARNING, _ours("SessionRebuilds"), "Sum", 50,
        "The functions rebuilt over 50 dead connections in an hour.",
        "Check firewalls, NAT and proxies for idle timeouts between functions and either side.",
        "Rebuilt sessions", HOUR_S,
    ),
)  # fmt: skip


def _of_keyspaces(migration: Migration) -> list[Rule]:
    keyspaces = {CONTROL_KEYSPACE, *(table.id.keyspace for table in migration.tables)}
    return [
        Rule(
            f"KeyspacesFails{number}", WARNING,
            Query("AWS/Cassandra", "SystemErrors", TABLE_OPERATION, "Keyspace", some), "SUM", 0,
            "Keyspaces fails at requests for reasons of its own.",
            "See the AWS Health Dashboard; hints are returned and come again meanwhile.",
            "Failing Keyspaces", 5 * MINUTE_S, 3, 3,
        )
        for number, some in in_queries(sorted(keyspaces))
    ]  # fmt: skip


def _of_the_functions(names: Names) -> list[Rule]:
    made = []
    for title, function in (("Processor", names.processor), ("Replay", names.replay)):
        dimensions = {"FunctionName": function}
        made += [
            Rule(
                f"{title}Fails", CRITICAL, Series("AWS/Lambda", "Errors", dimensions), "Sum", 0,
                "Invocations fail; Lambda splits the batch and retries each half.",
                "Read the function's log from that minute on.",
                "Failing functions", MINUTE_S, 5, 3,
            ),
            Rule(
                f"{title}Throttled", WARNING, Series("AWS/Lambda", "Throttles", dimensions),
                "Sum", 0,
                "Lambda throttles invocations because the function's concurrency is used up.",
                "Raise pipeline.concurrency, or the account's Lambda concurrency.",
                "Throttled functions", 5 * MINUTE_S, 3, 3,
            ),
            Rule(
                f"{title}NearTimeout", WARNING, Series("AWS/Lambda", "Duration", dimensions),
                "p99", 0.9 * FUNCTION_TIMEOUT_S * 1000,
                "Invocations take over 90 % of the timeout; unfinished hints are returned.",
                "Check for a slow source or target, or for range deletes that cover many rows.",
                "Long invocations", 5 * MINUTE_S, 3, 3,
            ),
        ]  # fmt: skip
    dropped = Series("AWS/Lambda", "RecursiveInvocationsDropped", {"FunctionName": names.replay})
    made.append(
        Rule(
            "ReplayStopped", CRITICAL, dropped, "Sum", 0,
            "Lambda stopped the replay function, because it took the retries for a loop.",
            "Deploy the stacks again: they allow this function to write to its own queue.",
            "Failing functions",
        )
    )  # fmt: skip
    return made


def _of_the_queues(names: Names) -> list[Rule]:
    visible, age = "ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"
    parked, replay = {"QueueName": names.parked_queue}, {"QueueName": names.replay_queue}
    return [
        Rule(
            "ParkedWaits", WARNING, Series("AWS/SQS", visible, parked), "Maximum", 0,
            "Records wait in the parked queue.",
            "Fix what parked them, then run: hintferry replay.",
            "Parked records", 5 * MINUTE_S,
        ),
        Rule(
            "ParkedExpires", CRITICAL, Series("AWS/SQS", age, parked), "Maximum",
            QUEUE_RETENTION_S - 4 * DAY_S,
            "SQS deletes a parked record in 4 days.",
            "Run now, even if the cause is not fixed: hintferry replay.",
            "Parked records", 5 * MINUTE_S,
        ),
        Rule(
            "ReplayStands", WARNING, Series("AWS/SQS", age, replay), "Maximum", 6 * HOUR_S,
            "A message has waited in the replay queue for 6 hours.",
            "Read the replay function's log: a side has been failing for that message's table.",
            "The replay queue", 5 * MINUTE_S, 3, 3,
        ),
    ]  # fmt: skip


def _of_the_sweeps(names: Names, every_hours: int) -> list[Rule]:
    failed = Series("AWS/States", "ExecutionsFailed", {"StateMachineArn": names.sweep_machine})
    found = [
        Rule(
            "SweepDiverges", CRITICAL, _ours("SweepDivergence"), "Sum", 0,
            "A verify pass found rows that differ between source and target.",
            "Read the log line `sweep` and its result, then start a pass with a repair_rate.",
            "Sweeps that find a divergence",
        ),
        Rule(
            "SweepUnstarted", WARNING,
            Series("AWS/SQS", "ApproximateNumberOfMessagesVisible",
                   {"QueueName": names.unstarted_queue}), "Maximum", 0,
            "A schedule could not start a sweep.",
            "Read the message in the queue for the cause, then purge the queue.",
            "Failed sweeps", 5 * MINUTE_S,
        ),
        Rule(
            "SweepFails", WARNING, failed, "Sum", 0,
            "A sweep left token ranges undone, or could not start.",
            "Read the cause of the failed execution. The next execution resumes from there.",
            "Failed sweeps", 5 * MINUTE_S,
        ),
    ]  # fmt: skip
    return found + _of_overdue_sweeps(every_hours) if every_hours else found


def _of_overdue_sweeps(every_hours: int) -> list[Rule]:
    overdue_s = sweep_overdue_s(every_hours)
    days = min(7, ceil(overdue_s / DAY_S))
    return [
        Rule(
            "SweepOverdue", WARNING, _ours("SweepAge"), "Maximum", overdue_s,
            "A table has had no completed verify pass for more than two schedule intervals.",
            "Check the last executions of the sweep's state machine.",
            "Overdue sweeps", HOUR_S,
        ),
        Rule(
            "SweepsStop", WARNING, _ours("SweepsBegun"), "Sum", 1,
            "No verify pass of any table has started for more than two schedule intervals.",
            "Check the sweep's schedules in EventBridge Scheduler.",
            "Overdue sweeps", DAY_S, days, days,
            below=True, silence_breaches=True,
        ),
    ]  # fmt: skip
