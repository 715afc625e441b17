"""List every metric that an alarm or a dashboard uses: its origin and its dimensions.

Ours come from `hintferry.adapters.aws.meter`, which a test runs and compares with this list;
AWS's own name their page. Those of the nodes are `node_metrics.METRICS`.
"""

from __future__ import annotations

from dataclasses import dataclass

NAMESPACE = "Hintferry"

OURS = (
    "ClockOffsetSource",
    "ClockOffsetTarget",
    "ClockSkew",
    "ConservationFailures",
    "Freshness",
    "HintsApplied",
    "HintsParked",
    "HintsReceived",
    "HintsReturned",
    "HintsReturnedPaused",
    "HintsSkipped",
    "ReadLatency",
    "SessionRebuilds",
    "Throttles",
    "UnvalidatedKeys",
    "ValidatedDiverged",
    "ValidatedKeys",
    "WriteLatency",
)
"""Metrics in NAMESPACE with the one dimension `service` (the pipeline's name), as Powertools emits
them."""

OF_SWEEPS = ("SweepAge", "SweepDivergence", "SweepRangesDone", "SweepsBegun")
"""Metrics in NAMESPACE with the same dimension; `hintferry.adapters.sweep.steps` emits them."""

OUR_DIMENSION = "service"

OF_VERSIONS = ("HintsFailed",)
"""In NAMESPACE, with OUR_DIMENSION and OUR_VERSION as dimensions; emitted only where any failed."""

OUR_VERSION = ("function", "version")

MAPPING = ("EventSourceMappingUUID",)
GROUP = ("Cluster Name", "Consumer Group", "Topic")
BROKER = ("Cluster Name", "Broker ID")
TABLE_OPERATION = ("Keyspace", "TableName", "Operation")
"""Dimensions of the metrics that have one series for each mapping, topic, broker, or table."""

VERSION = ("FunctionName", "Resource", "ExecutedVersion")
"""Dimensions of what one version of a function did while its alias leads to two."""

DASHBOARDS = ("cutover", "plumbing", "table")
"""Their names, behind that of the pipeline."""


@dataclass(frozen=True, slots=True)
class AwsMetric:
    """One metric that a service publishes by itself."""

    namespace: str
    name: str
    dimensions: tuple[str, ...]
    page: str
    """The page of AWS's documentation, by its name there."""


_LAMBDA = "lambda/latest/dg/monitoring-metrics-types.html"
_SQS = "AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html"
_MSK = "msk/latest/developerguide/metrics-details.html"
_STATES = "step-functions/latest/dg/procedure-cw-metrics.html"
_KEYSPACES = "keyspaces/latest/devguide/metrics-dimensions.html"
_FUNCTION = ("FunctionName",)
_QUEUE = ("QueueName",)

AWS = (
    AwsMetric("AWS/Lambda", "Errors", _FUNCTION, _LAMBDA),
    AwsMetric("AWS/Lambda", "Errors", VERSION, _LAMBDA),
    AwsMetric("AWS/Lambda", "Throttles", _FUNCTION, _LAMBDA),
    AwsMetric("AWS/Lambda", "Duration", _FUNCTION, _LAMBDA),
    AwsMetric("AWS/Lambda", "RecursiveInvocationsDropped", _FUNCTION, _LAMBDA),
    AwsMetric("AWS/Lambda", "DroppedEventCount", MAPPING, _LAMBDA),
    AwsMetric("AWS/Lambda", "OnFailureDestinationDeliveredEventCount", MAPPING, _LAMBDA),
    AwsMetric("AWS/Lambda", "PollingErrorCount", MAPPING, _LAMBDA),
    AwsMetric("AWS/Lambda", "MaxOffsetLag", MAPPING, _LAMBDA),
    AwsMetric("AWS/SQS", "ApproximateNumberOfMessagesVisible", _QUEUE, _SQS),
    AwsMetric("AWS/SQS", "ApproximateAgeOfOldestMessage", _QUEUE, _SQS),
    AwsMetric("AWS/States", "ExecutionsFailed", ("StateMachineArn",), _STATES),
    AwsMetric("AWS/Kafka", "EstimatedMaxTimeLag", GROUP, _MSK),
    AwsMetric("AWS/Kafka", "SumOffsetLag", GROUP, _MSK),
    AwsMetric("AWS/Kafka", "KafkaDataLogsDiskUsed", BROKER, _MSK),
    AwsMetric("AWS/Kafka", "CpuUser", BROKER, _MSK),
    AwsMetric("AWS/Kafka", "UnderReplicatedPartitions", BROKER, _MSK),
    AwsMetric("AWS/Kafka", "OfflinePartitionsCount", ("Cluster Name",), _MSK),
    AwsMetric("AWS/Cassandra", "ReadThrottleEvents", TABLE_OPERATION, _KEYSPACES),
    AwsMetric("AWS/Cassandra", "SystemErrors", TABLE_OPERATION, _KEYSPACES),
    AwsMetric("AWS/Cassandra", "WriteThrottleEvents", TABLE_OPERATION, _KEYSPACES),
)
