"""Every metric that an alarm or a dashboard looks at, where it comes from, and its dimensions.

Ours come from `hintferry.adapters.meter`, which a test runs and compares with this list; AWS's own
name their page; those of the nodes are what the guard on each node must emit. No import of the CDK.
"""

from __future__ import annotations

from dataclasses import dataclass

NAMESPACE = "Hintferry"
SERVICE = "hintferry"
NODE_NAMESPACE = "Hintferry/Nodes"

OURS = (
    "ClockSkew",
    "ConservationFailures",
    "Freshness",
    "HintsApplied",
    "HintsParked",
    "HintsReceived",
    "HintsReturned",
    "HintsSkipped",
    "ReadLatency",
    "SessionRebuilds",
    "Throttles",
    "WriteLatency",
)
"""In NAMESPACE, with the one dimension `service`, as Powertools emits them."""

OF_SWEEPS = ("SweepAge", "SweepDivergence", "SweepRangesDone", "SweepsBegun")
"""Likewise, from `hintferry.adapters.sweep_steps`."""

OUR_DIMENSION = "service"


@dataclass(frozen=True, slots=True)
class AwsMetric:
    """One metric that a service publishes by itself."""

    namespace: str
    name: str
    dimensions: tuple[str, ...]
    page: str
    """of AWS's documentation, by its name there"""


_LAMBDA = "lambda/latest/dg/monitoring-metrics-types.html"
_SQS = "AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html"
_MSK = "msk/latest/developerguide/metrics-details.html"
_STATES = "step-functions/latest/dg/procedure-cw-metrics.html"
_FUNCTION = ("FunctionName",)
_MAPPING = ("EventSourceMappingUUID",)
_QUEUE = ("QueueName",)
_GROUP = ("Cluster Name", "Consumer Group", "Topic")

AWS = (
    AwsMetric("AWS/Lambda", "Errors", _FUNCTION, _LAMBDA),
    AwsMetric("AWS/Lambda", "Throttles", _FUNCTION, _LAMBDA),
    AwsMetric("AWS/Lambda", "Duration", _FUNCTION, _LAMBDA),
    AwsMetric("AWS/Lambda", "DroppedEventCount", _MAPPING, _LAMBDA),
    AwsMetric("AWS/Lambda", "OnFailureDestinationDeliveredEventCount", _MAPPING, _LAMBDA),
    AwsMetric("AWS/Lambda", "PollingErrorCount", _MAPPING, _LAMBDA),
    AwsMetric("AWS/Lambda", "MaxOffsetLag", _MAPPING, _LAMBDA),
    AwsMetric("AWS/SQS", "ApproximateNumberOfMessagesVisible", _QUEUE, _SQS),
    AwsMetric("AWS/SQS", "ApproximateAgeOfOldestMessage", _QUEUE, _SQS),
    AwsMetric("AWS/States", "ExecutionsFailed", ("StateMachineArn",), _STATES),
    AwsMetric("AWS/Kafka", "EstimatedMaxTimeLag", _GROUP, _MSK),
    AwsMetric("AWS/Kafka", "SumOffsetLag", _GROUP, _MSK),
    AwsMetric("AWS/Kafka", "KafkaDataLogsDiskUsed", ("Cluster Name", "Broker ID"), _MSK),
    AwsMetric("AWS/Kafka", "OfflinePartitionsCount", ("Cluster Name",), _MSK),
)


@dataclass(frozen=True, slots=True)
class NodeMetric:
    """One figure that the guard of each node emits once a minute."""

    name: str
    unit: str
    meaning: str


NODE_DIMENSION = "pipeline"
"""Its value is `pipeline.name`. The nodes share it, so that one alarm watches all of them; a second
set of dimensions with the node's address beside it is for people."""

NODES = (
    NodeMetric("CdcFreeFraction", "None", "free part of cdc_total_space, 0 to 1"),
    NodeMetric("CdcSecondsToFull", "Seconds", "until cdc_raw is full at the pace of the last hour"),
    NodeMetric("StuckSegments", "Count", "segments that wait, flushed, and are not read on"),
    NodeMetric(
        "ConnectorSilentSeconds", "Seconds", "since capture last read, while there was more"
    ),
    NodeMetric("SegmentsLost", "Count", "segments that went without having been read to their end"),
    NodeMetric("AllocationBlocked", "Count", "times that a write waited for memory of a memtable"),
)
