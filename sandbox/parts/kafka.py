"""The sandbox's Kafka: one broker in KRaft mode, and the topics of the hints."""

import subprocess
from collections.abc import Iterable
from itertools import product
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from sandbox.parts import java, templates
from sandbox.parts.errors import PartFailed
from sandbox.parts.launch import tied
from sandbox.parts.process import Part
from sandbox.parts.waiting import until

PORT = 9092
CONTROLLER_PORT = 9093
_JARS = "kafka"
_CLUSTER_ID = "hintferry-sandbox-kafk"  # any 22 characters of base64
_PARTITIONS = 4
_TOPIC_SETTINGS = {
    # Freshness and skipping use the broker's clock, never a node's (design, section 2).
    "message.timestamp.type": "LogAppendTime",
    "cleanup.policy": "delete",
    "retention.ms": str(7 * 24 * 3600 * 1000),
    "unclean.leader.election.enable": "false",
    # Lambda's payload is 6 MB of base64, so a larger record could never be handed over.
    "max.message.bytes": str(4 * 1024 * 1024),
}
_ANSWER_SECONDS = 20


class Broker(Part):
    """A handle on the broker; its log survives a restart."""

    def __init__(self, host: str, home: Path) -> None:
        self.bootstrap = f"{host}:{PORT}"
        self._home = home
        self._conf = templates.write(
            "kafka.properties", home / "kafka.properties", host=host, data=home / "data"
        )
        self.classes = java.archive(_JARS)
        command = java.command(
            _JARS, "kafka.Kafka", str(self._conf), heap_mb=320, classes=self.classes
        )
        super().__init__(f"Kafka {host}", command, home / "log", "Kafka Server started")

    def spawn(self) -> None:
        if not (self._home / "data").exists():
            self._format()
        super().spawn()

    def _format(self) -> None:
        arguments = ["format", "-t", _CLUSTER_ID, "-c", str(self._conf)]
        command = java.command(_JARS, "kafka.tools.StorageTool", *arguments, heap_mb=64)
        done = subprocess.run(
            tied(*command), capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode != 0:
            raise PartFailed(f"Kafka's storage could not be formatted:\n{done.stdout}{done.stderr}")


def create_topics(bootstrap: str, names: Iterable[str]) -> None:
    """Create the topics that do not exist yet, with the settings that hints need.

    Returns when every partition of the new ones answers.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap})
    known = admin.list_topics(timeout=_ANSWER_SECONDS).topics
    new = [
        NewTopic(name, num_partitions=_PARTITIONS, replication_factor=1, config=_TOPIC_SETTINGS)
        for name in names
        if name not in known
    ]
    if new:
        for made in admin.create_topics(new, operation_timeout=_ANSWER_SECONDS).values():
            made.result(_ANSWER_SECONDS)
        names = [topic.topic for topic in new]
        seconds = _ANSWER_SECONDS + len(names)
        until(lambda: _answer(bootstrap, names), seconds, "all new topics have their leaders")


def _answer(bootstrap: str, topics: Iterable[str]) -> bool:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "sandbox"})
    try:
        for name, number in product(topics, range(_PARTITIONS)):
            consumer.get_watermark_offsets(TopicPartition(name, number), timeout=_ANSWER_SECONDS)
    except KafkaException:
        return False
    finally:
        consumer.close()
    return True
