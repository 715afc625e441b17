"""The queues and the bucket of a deployment, inside this process, and the command run on them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import botocore.client
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from typer.testing import CliRunner, Result

from hintferry.testing.open_items import MemoryOpenItems
from hintferry_cli.app import app
from hintferry_cli.replay import command, parked
from hintferry_cli.replay.choice import Choice

REGION = "eu-west-1"
CONFIG = """\
[source]
contact_points = ["127.0.0.1"]
datacenter = "d"
[target]
endpoint = "127.0.0.1"
region = "eu-west-1"
[tables."shop.orders"]
[tables."shop.readings"]
"""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Boto3 clients, and where the queues and the bucket are."""

    sqs: Any
    s3: Any
    parked_url: str
    replay_url: str
    bucket: str
    noted: list[Choice]
    """What was written into the journal."""

    open_items: MemoryOpenItems

    def run(self, *arguments: str) -> Result:
        """`hintferry replay` with these arguments."""
        return CliRunner().invoke(app, ["replay", *arguments])

    def park(self, table: str | None = "shop.orders", reason: str = "schema", **more: Any) -> str:
        """Put one message into the parked queue; its body."""
        body = json.dumps({"version": 1, "reason": reason, "table": table, "error": "e"} | more)
        self.sqs.send_message(QueueUrl=self.parked_url, MessageBody=body)
        return body

    def taken(self, url: str) -> list[str]:
        """The bodies of all visible messages of a queue, taken out of it."""
        bodies = []
        while answer := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in answer:
                bodies.append(message["Body"])
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bodies


@pytest.fixture(scope="module")
def aws() -> Iterator[tuple[Any, Any]]:
    """AWS inside this process, and clients of SQS and S3."""
    with mock_aws():
        yield boto3.client("sqs", region_name=REGION), boto3.client("s3", region_name=REGION)


@pytest.fixture
def deployment(aws: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Deployment:
    """Queues and a bucket that nobody has used yet."""
    monkeypatch.setattr(parked, "LONG_POLL_S", 0)
    noted: list[Choice] = []
    items = MemoryOpenItems()
    monkeypatch.setattr(command, "open_items", lambda config: nullcontext(items))
    monkeypatch.setattr(command, "note", lambda config, choice, errors: noted.append(choice))
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    sqs, s3 = aws
    name = f"on-failure-{uuid4()}"
    urls = [sqs.create_queue(QueueName=f"{kind}-{name}")["QueueUrl"] for kind in ("p", "r")]
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    monkeypatch.setenv("HINTFERRY_PARKED_QUEUE_URL", urls[0])
    monkeypatch.setenv("HINTFERRY_REPLAY_QUEUE_URL", urls[1])
    monkeypatch.setenv("HINTFERRY_BUCKET", name)
    config = tmp_path / "replayed.toml"
    config.write_text(CONFIG)
    monkeypatch.setenv("HINTFERRY_CONFIG", str(config))
    return Deployment(sqs, s3, urls[0], urls[1], name, noted, items)


def refuse(monkeypatch: pytest.MonkeyPatch, operation: str, *, after: int = 0) -> Counter[str]:
    """Let AWS refuse an operation once it was called `after` times; counts all calls."""
    calls: Counter[str] = Counter()
    ask = botocore.client.BaseClient._make_api_call

    def asked(client: Any, name: str, arguments: Any) -> Any:
        calls[name] += 1
        if name == operation and calls[name] > after:
            error = {"Error": {"Code": "InternalError", "Message": "out of order"}}
            raise ClientError(error, name)
        return ask(client, name, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", asked)
    return calls
