"""List the questions that only AWS answers, which no CQL statement of one table does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cassandra.cluster import Session

from acceptance.questions.client import wait_active
from hintferry_ops.monitoring import metrics

STREAM_WITHIN_S = 180.0
_POLL_S = 2.0
_MOST_RECORDS = 1_000
_LAST = "last"

STREAM_PROBLEM = "stream-problem"
"""By this name the answers say why none came of the streams."""

STREAMED = (
    "CREATE TABLE streamed (p int, c int, s text STATIC, v text, PRIMARY KEY (p, c))"
    " WITH CUSTOM_PROPERTIES = {'cdc_specification': {'view_type': 'NEW_AND_OLD_IMAGES'}}"
    " AND CDC = TRUE"
)


@dataclass(frozen=True, slots=True)
class ServiceQuestion:
    """One thing that the stacks or decision 10 assume of AWS."""

    id: str
    text: str
    by: str
    assumed: object


SERVICE_QUESTIONS = (
    ServiceQuestion(
        "lag-dimensions",
        "By which dimensions does MSK report the lag of a consumer group?",
        "cloudwatch ListMetrics AWS/Kafka SumOffsetLag",
        sorted(metrics.GROUP),
    ),
    ServiceQuestion(
        "mapping-dimensions",
        "By which dimension does Lambda report an event source mapping?",
        "cloudwatch ListMetrics AWS/Lambda MaxOffsetLag",
        sorted(metrics.MAPPING),
    ),
    ServiceQuestion(
        "stream-first-write",
        "Does a new stream hold the first write after its table is ACTIVE?",
        "INSERT at once after ACTIVE, then keyspacesstreams GetRecords",
        True,
    ),
    ServiceQuestion(
        "stream-static",
        "Does a write of nothing but a static column make a record?",
        "UPDATE of a static column, then GetRecords",
        True,
    ),
    ServiceQuestion(
        "stream-partition-delete",
        "How many records does the DELETE of a partition with two rows make?",
        "DELETE of a partition, then GetRecords",
        2,
    ),
)


def stream_answers(session: Session, keyspace: str, client: Any) -> Mapping[str, object]:
    """Return the answers about streams; `client` is boto3's keyspacesstreams.

    A part of an answer that did not come in time is left out, so its question stays open.
    """
    session.execute(STREAMED)
    wait_active(session, keyspace, "streamed")
    session.execute("INSERT INTO streamed (p, c, v) VALUES (1, 1, 'first')")
    session.execute("UPDATE streamed SET s = 'static' WHERE p = 2")
    session.execute("INSERT INTO streamed (p, c, v) VALUES (3, 1, 'a')")
    session.execute("INSERT INTO streamed (p, c, v) VALUES (3, 2, 'b')")
    session.execute("DELETE FROM streamed WHERE p = 3")
    session.execute("INSERT INTO streamed (p, c, v) VALUES (9, 9, %s)", (_LAST,))
    found = list(_records(client, keyspace))
    if not any(_key(one) == 9 for one in found):
        return {}
    deletes = [one for one in found if _key(one) == 3 and "newImage" not in one]
    return {
        "stream-first-write": any(_key(one) == 1 for one in found),
        "stream-static": any(_key(one) == 2 for one in found),
        "stream-partition-delete": len(deletes),
    }


def _records(client: Any, keyspace: str) -> Iterator[dict[str, Any]]:
    """Yield the records of the table's stream, until the last key has come, or time is up."""
    end = time.monotonic() + STREAM_WITHIN_S
    (stream,) = client.list_streams(keyspaceName=keyspace, tableName="streamed")["streams"]
    arn = stream["streamArn"]
    iterators = [
        _from_the_start(client, arn, shard["shardId"])
        for shard in client.get_stream(streamArn=arn)["shards"]
    ]
    seen_last = False
    while iterators and time.monotonic() < end and not seen_last:
        following: list[str] = []
        for iterator in iterators:
            page = client.get_records(shardIterator=iterator, maxResults=_MOST_RECORDS)
            yield from page["changeRecords"]
            seen_last |= any(_key(one) == 9 for one in page["changeRecords"])
            if page.get("nextShardIterator"):
                following.append(page["nextShardIterator"])
        iterators = following
        time.sleep(0 if seen_last else _POLL_S)


def _from_the_start(client: Any, arn: str, shard: str) -> str:
    answer = client.get_shard_iterator(
        streamArn=arn, shardId=shard, shardIteratorType="TRIM_HORIZON"
    )
    return str(answer["shardIterator"])


def _key(record: Mapping[str, Any]) -> int:
    """Return the partition key, which all of the table's rows have as a number."""
    return int(record["partitionKeys"]["p"]["intT"])


def metric_answers(client: Callable[[str], Any], pipeline: str) -> Mapping[str, object]:
    """Return the dimensions that CloudWatch knows; what it does not know yet is left out."""
    cloudwatch = client("cloudwatch")
    found: dict[str, object] = {}
    asked: dict[str, dict[str, Any]] = {
        "lag-dimensions": {
            "Namespace": "AWS/Kafka",
            "MetricName": "SumOffsetLag",
            "Dimensions": [{"Name": "Cluster Name", "Value": pipeline}],
        },
        "mapping-dimensions": {"Namespace": "AWS/Lambda", "MetricName": "MaxOffsetLag"},
    }
    for name, what in asked.items():
        series = cloudwatch.list_metrics(**what)["Metrics"]
        kinds = sorted({tuple(sorted(d["Name"] for d in one["Dimensions"])) for one in series})
        if kinds:
            found[name] = list(kinds[0]) if len(kinds) == 1 else [list(kind) for kind in kinds]
    return found
