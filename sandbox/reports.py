"""Report what reaches CloudWatch from nodes and MSK; here, the sandbox's parts send it.

The guard of each node runs as its timer would run it; the lag is what the broker knows.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from node.cdcguard.loop import one_pass
from node.cdcguard.settings import Settings, load_settings
from node.cdcguard.world import World
from sandbox.chain import Chain
from sandbox.parts.capture import Connector
from sandbox.parts.cassandra import Node
from sandbox.services.queue_source import client
from sandbox.stack import Stack

EVERY_S = 3.0
PIPELINE = "hintferry"
"""The pipeline's name when `migration.toml` gives none; its MSK cluster has the same name."""
_MOST = 20


class Reports:
    """Reports while it is entered; the guards keep their state in `directory`."""

    def __init__(self, stack: Stack, chain: Chain, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._cloudwatch = client(stack.aws, "cloudwatch")
        self._sources = chain.sources
        pairs = zip(stack.source_nodes, stack.captures, strict=True)
        self._guards = [_settings(node, capture, directory) for node, capture in pairs]
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)
        self.last_error: str | None = None

    def _run(self) -> None:
        while not self._stopped.wait(EVERY_S):
            try:
                for settings in self._guards:
                    one_pass(settings, _World(settings, self._cloudwatch))
                self._tell_lags()
            except (BotoCoreError, ClientError) as error:
                self.last_error = str(error)

    def _tell_lags(self) -> None:
        for source in self._sources:
            lag = source.lag()
            if lag is not None:
                names = {"Cluster Name": PIPELINE, "Consumer Group": source.group}
                names["Topic"] = source.topic
                metric = {"MetricName": "SumOffsetLag", "Dimensions": _named(names), "Value": lag}
                self._cloudwatch.put_metric_data(Namespace="AWS/Kafka", MetricData=[metric])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join(timeout=30)


class _World(World):
    """Sends as the CloudWatch agent of a node does."""

    def __init__(self, settings: Settings, cloudwatch: Any) -> None:
        super().__init__(settings)
        self._cloudwatch = cloudwatch

    def send(self, document: str) -> None:
        tree = json.loads(document)
        at = datetime.fromtimestamp(tree["_aws"]["Timestamp"] / 1000, UTC)
        for wanted in tree["_aws"]["CloudWatchMetrics"]:
            data = list(_data(tree, wanted, at))
            for first in range(0, len(data), _MOST):
                self._cloudwatch.put_metric_data(
                    Namespace=wanted["Namespace"], MetricData=data[first : first + _MOST]
                )


def _data(tree: dict[str, Any], wanted: dict[str, Any], at: datetime) -> Iterator[dict[str, Any]]:
    """Only by node: each question is answered by going through all that was ever sent."""
    dimensions = _named({name: tree[name] for name in wanted["Dimensions"][0]})
    for metric in wanted["Metrics"]:
        name = metric["Name"]
        yield {
            "MetricName": name,
            "Dimensions": dimensions,
            "Timestamp": at,
            "Value": tree[name],
        }


def _named(dimensions: dict[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in dimensions.items()]


def _settings(node: Node, capture: Connector, directory: Path) -> Settings:
    ini = directory / f"{node.host}.ini"
    ini.write_text(
        "[cdcguard]\n"
        f"cassandra_yaml = {node.yaml}\nhome = {capture.log.parent}\n"
        f"state = {directory / node.host}.json\n"
        f"connector_log = {capture.log}\ncassandra_log = {node.log}\n"
        f"health_url = http://127.0.0.1:{capture.http_port}/health\n"
        f"pipeline = {PIPELINE}\nnode = {node.host}\n"
    )
    return load_settings(str(ini))
