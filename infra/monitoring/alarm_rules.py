"""What is wrong when: every alarm as data; for the nodes see `node_alarms`."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from hintferry.adapters.config.settings import Migration
from infra.constants import (
    DAY_S,
    FUNCTION_TIMEOUT_S,
    QUEUE_RETENTION_S,
    TOPIC_RETENTION_S,
    sweep_overdue_s,
)
from infra.monitoring.metrics import NAMESPACE, OUR_DIMENSION, SERVICE
from infra.monitoring.node_alarms import of_the_nodes
from infra.monitoring.rule import HOUR_S, MINUTE_S, Query, Rule, Series, Severity


@dataclass(frozen=True, slots=True)
class Names:
    """What the stacks made, as CloudWatch knows it."""

    cluster: str
    processor: str
    replay: str
    parked_queue: str
    replay_queue: str
    sweep_machine: str
    """its ARN"""


CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING


def _ours(name: str) -> Series:
    return Series(NAMESPACE, name, {OUR_DIMENSION: SERVICE})


def _mappings(name: str) -> Query:
    """Of all mappings of the account and Region: a query cannot list those of one pipeline."""
    return Query("AWS/Lambda", name, ("EventSourceMappingUUID",), {})


def rules(migration: Migration, names: Names) -> list[Rule]:
    """All alarms of a pipeline."""
    pipeline = migration.deployment.pipeline.name
    return [
        *_of_the_lag(names),
        *_OF_THE_MAPPINGS,
        *_of_the_brokers(names),
        *_OF_HINTS,
        *_of_the_functions(names),
        *_of_the_queues(names),
        *of_the_nodes(pipeline, migration.deployment.nodes),
        *_of_the_sweeps(names, migration.deployment.sweep.every_hours),
    ]


def _of_the_lag(names: Names) -> list[Rule]:
    group = ("Cluster Name", "Consumer Group", "Topic")
    lag = Query("AWS/Kafka", "EstimatedMaxTimeLag", group, {"Cluster Name": names.cluster})
    return [
        Rule(
            "LagLong", WARNING, lag, "MAX", 600,
            "Hints of a table wait for over ten minutes.",
            "Look for what slows the pipeline: a side that throttles, or too few workers.",
            "Lag", 5 * MINUTE_S, 3, 3, silence_breaches=True,
        ),
        Rule(
            "LagGrows", CRITICAL, lag, "MAX", HOUR_S,
            "Hints of a table wait for over an hour, and longer all the time.",
            "Check whether Cassandra or Keyspaces is unavailable.",
            "Lag", 5 * MINUTE_S, 6, 6,
        ),
        Rule(
            "RetentionRunsOut", CRITICAL, lag, "MAX", TOPIC_RETENTION_S / 2,
            "Hints that nobody applied have used half of the topic's retention.",
            "Lengthen retention.ms of the topic now, then fix the cause.",
            "Topic retention runs out", 5 * MINUTE_S,
        ),
    ]  # fmt: skip


_OF_THE_MAPPINGS = (
    Rule(
        "EventsDropped", CRITICAL, _mappings("DroppedEventCount"), "SUM", 0,
        "An event source mapping dropped hints: nothing holds them any more.",
        "Compare the table in full.",
        "Dropped events",
    ),
    Rule(
        "EventsGivenUp", CRITICAL, _mappings("OnFailureDestinationDeliveredEventCount"), "SUM", 0,
        "An event source mapping gave up hints and put them into the bucket.",
        "Fix the cause and run: hintferry replay.",
        "Given-up events",
    ),
    Rule(
        "PollingFails", CRITICAL, _mappings("PollingErrorCount"), "SUM", 0,
        "A mapping cannot read its topic.",
        "Check the role's permissions, the brokers' security group and the topic.",
        "Polling errors", 5 * MINUTE_S, 3, 3,
    ),
)  # fmt: skip


def _of_the_brokers(names: Names) -> list[Rule]:
    here = {"Cluster Name": names.cluster}
    disk = Query("AWS/Kafka", "KafkaDataLogsDiskUsed", ("Cluster Name", "Broker ID"), here)
    return [
        Rule(
            "BrokerDiskFills", CRITICAL, disk, "MAX", 80,
            "A broker's disk is over 80 % full; full, it takes no hints and the nodes' logs fill.",
            "Enlarge the brokers' storage.",
            "Brokers", 5 * MINUTE_S, 3, 3,
        ),
        Rule(
            "PartitionsOffline", CRITICAL,
            Series("AWS/Kafka", "OfflinePartitionsCount", here), "Maximum", 0,
            "Partitions have no leader: their hints stay on the nodes.",
            "Look at the brokers in the console of MSK.",
            "Brokers", MINUTE_S, 5, 5,
        ),
    ]  # fmt: skip


_OF_HINTS = (
    Rule(
        "HintsParked", CRITICAL, _ours("HintsParked"), "Sum", 0,
        "Hints can never succeed as they are; their rows stay different.",
        "Read the reason in the log line `parked`, fix it, run: hintferry replay.",
        "Parked records",
    ),
    Rule(
        "ConservationFails", CRITICAL, _ours("ConservationFailures"), "Sum", 0,
        "A batch lost or double-counted a record: a bug in Hintferry.",
        "Keep the logs and report it; the batch comes again until it is fixed.",
        "Conservation failures",
    ),
    Rule(
        "ClockSkewed", CRITICAL, _ours("ClockSkew"), "Maximum", 50,
        "A broker's clock is over 50 ms ahead of the functions'.",
        "Compare both with a third clock. Until they agree, hints are returned.",
        "Clocks", MINUTE_S, 5, 3,
    ),
    Rule(
        "ClockOfFunctionOff", CRITICAL, _ours("ClockOffsetTarget"), "Maximum", 20,
        "A function's clock is over 20 ms from the target's; from 50 ms on it refuses to read.",
        "Nobody can set Lambda's clocks: report it to AWS, and see whether hints are returned.",
        "Clocks", MINUTE_S, 5, 3,
    ),
    Rule(
        "ClockOfNodeOff", CRITICAL, _ours("ClockOffsetSource"), "Maximum", 1000,
        "The clock of a node of the source is over a second from the target's.",
        "Look at chrony on the nodes; once they are a second apart, hints are returned.",
        "Clocks", MINUTE_S, 5, 3,
    ),
    Rule(
        "FreshnessPoor", WARNING, _ours("Freshness"), "p99", 60_000,
        "p99 of the time from the broker to the target is over a minute.",
        "Look for what slows the pipeline.",
        "Lag", MINUTE_S, 5, 5,
    ),
    Rule(
        "HintsReturned", WARNING, _ours("HintsReturned"), "Sum", 0,
        "Hints go back to the event source all the time: a side is down or throttles.",
        "Read `returned_because` in the log line `batch`.",
        "Returned records", MINUTE_S, 15, 15,
    ),
    Rule(
        "SidesThrottle", WARNING, _ours("Throttles"), "Sum", 100,
        "A side asks for less than it is given.",
        "Raise the table's capacity on Keyspaces, or lower pipeline.concurrency.",
        "Throttling", MINUTE_S, 15, 15,
    ),
    Rule(
        "SessionsRebuilt", WARNING, _ours("SessionRebuilds"), "Sum", 50,
        "Connections die often.",
        "Look for what cuts them between the functions and either side.",
        "Rebuilt sessions", HOUR_S,
    ),
)  # fmt: skip


def _of_the_functions(names: Names) -> list[Rule]:
    made = []
    for title, function in (("Processor", names.processor), ("Replay", names.replay)):
        dimensions = {"FunctionName": function}
        made += [
            Rule(
                f"{title}Fails", CRITICAL, Series("AWS/Lambda", "Errors", dimensions), "Sum", 0,
                "Invocations fail; Lambda splits the batch and retries each half.",
                "Read the log of the function from that minute on.",
                "Failing functions", MINUTE_S, 5, 3,
            ),
            Rule(
                f"{title}Throttled", WARNING, Series("AWS/Lambda", "Throttles", dimensions),
                "Sum", 0,
                "Lambda refuses invocations, and polls less for it.",
                "Raise pipeline.concurrency, or the account's concurrency.",
                "Throttled functions", 5 * MINUTE_S, 3, 3,
            ),
            Rule(
                f"{title}NearTimeout", WARNING, Series("AWS/Lambda", "Duration", dimensions),
                "p99", 0.9 * FUNCTION_TIMEOUT_S * 1000,
                "Invocations use up their time: batches are returned half done.",
                "Look for a slow side, or for slices of many rows.",
                "Long invocations", 5 * MINUTE_S, 3, 3,
            ),
        ]  # fmt: skip
    return made


def _of_the_queues(names: Names) -> list[Rule]:
    visible, age = "ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"
    parked, replay = {"QueueName": names.parked_queue}, {"QueueName": names.replay_queue}
    return [
        Rule(
            "ParkedWaits", WARNING, Series("AWS/SQS", visible, parked), "Maximum", 0,
            "Records lie in the parked queue.",
            "Fix what parked them and run: hintferry replay.",
            "Parked records", 5 * MINUTE_S,
        ),
        Rule(
            "ParkedExpires", CRITICAL, Series("AWS/SQS", age, parked), "Maximum",
            QUEUE_RETENTION_S - 4 * DAY_S,
            "A parked record is lost in four days.",
            "Replay it now, whether its cause is fixed or not.",
            "Parked records", 5 * MINUTE_S,
        ),
        Rule(
            "ReplayStands", WARNING, Series("AWS/SQS", age, replay), "Maximum", 6 * HOUR_S,
            "A message has been in the replay queue for six hours.",
            "A side is down for its table; see the log of the replay function.",
            "The replay queue", 5 * MINUTE_S, 3, 3,
        ),
    ]  # fmt: skip


def _of_the_sweeps(names: Names, every_hours: int) -> list[Rule]:
    failed = Series("AWS/States", "ExecutionsFailed", {"StateMachineArn": names.sweep_machine})
    found = [
        Rule(
            "SweepDiverges", CRITICAL, _ours("SweepDivergence"), "Sum", 0,
            "A sweep found rows that differ between the sides.",
            "Read the log line `sweep` and its result; start one with a repair rate.",
            "Sweeps that find a divergence",
        ),
        Rule(
            "SweepFails", WARNING, failed, "Sum", 0,
            "A sweep left ranges undone, or could not begin.",
            "Read the cause of the failed execution; the next one goes on from there.",
            "Failed sweeps", 5 * MINUTE_S,
        ),
    ]  # fmt: skip
    if every_hours:
        overdue_s = sweep_overdue_s(every_hours)
        days = min(7, ceil(overdue_s / DAY_S))
        found += [
            Rule(
                "SweepOverdue", WARNING, _ours("SweepAge"), "Maximum", overdue_s,
                "A table has had no completed verify pass for more than two schedule intervals.",
                "Find what keeps its sweeps from finishing.",
                "Overdue sweeps", HOUR_S,
            ),
            Rule(
                "SweepsStop", WARNING, _ours("SweepsBegun"), "Sum", 1,
                "No verify pass of any table began for more than two schedule intervals.",
                "Look at the schedules of the sweep.",
                "Overdue sweeps", DAY_S, days, days,
                below=True, silence_breaches=True,
            ),
        ]  # fmt: skip
    return found
