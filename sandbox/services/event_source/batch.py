"""A batch of records and the invocation event made of it. Pure values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from sandbox.services.event_source.records import PolledRecord
from sandbox.services.lambda_runtime.environment import ACCOUNT

PAYLOAD_LIMIT_BYTES = 6 * 1024 * 1024
"""A batch is cut before its event would be larger than this."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records, those of a partition side by side and in order.

    `epoch` is the assignment they were polled under. `attempt` counts the retries that were used
    up, `invocations` all earlier invocations: a batch that is split uses up no retry.
    """

    records: tuple[PolledRecord, ...]
    epoch: int
    attempt: int = 0
    invocations: int = 0
    poller: int = 0

    @property
    def partitions(self) -> set[int]:
        """The partitions that this batch holds up."""
        return {record.partition for record in self.records}

    def halves(self) -> tuple[Batch, Batch]:
        """The two batches that a batch of several records is split into, in order."""
        middle = len(self.records) // 2
        return (
            replace(self, records=self.records[:middle]),
            replace(self, records=self.records[middle:]),
        )


@dataclass(frozen=True, slots=True)
class EventFrame:
    """Parts that every event of one source shares: the topic and the cluster."""

    topic: str
    bootstrap: str
    region: str

    @property
    def cluster_arn(self) -> str:
        """The ARN under which the events name the cluster."""
        return f"arn:aws:kafka:{self.region}:{ACCOUNT}:cluster/hintferry/local-1"

    @property
    def head(self) -> bytes:
        """The event up to its records."""
        fields = {
            "eventSource": "aws:kafka",
            "eventSourceArn": self.cluster_arn,
            "bootstrapServers": self.bootstrap,
        }
        return json.dumps(fields, separators=(",", ":"))[:-1].encode() + b',"records":{'

    def partition_head(self, partition: int) -> bytes:
        """The beginning of a partition's list of records."""
        return b'"%s-%d":[' % (self.topic.encode(), partition)

    def event(self, records: Iterable[PolledRecord]) -> bytes:
        """The exact JSON with which the function is invoked."""
        parts = (
            self.partition_head(partition) + b",".join(record.json for record in group) + b"]"
            for partition, group in groupby(records, key=lambda record: record.partition)
        )
        return self.head + b",".join(parts) + b"}}"
