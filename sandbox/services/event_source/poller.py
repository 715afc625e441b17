"""The Kafka side of the event source: one consumer, owned by one thread.

Polls, pauses what grows too long, commits what is settled, follows rebalances. Knows nothing of
batches or functions.
"""

from __future__ import annotations

import time

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from sandbox.services.event_source.exchange import Exchange
from sandbox.services.event_source.records import polled

_PATIENCE_S = 0.2
"""The longest wait of a poll, in seconds: an idle consumer commits and resumes this late."""

_AT_ONCE = 500
_REBALANCE_PATIENCE_S = 5.0


class Poller:
    """Reads one topic for one consumer group into an `Exchange`; `omit_null` as in the settings."""

    def __init__(
        self, bootstrap: str, topic: str, group: str, exchange: Exchange, *, omit_null: bool
    ) -> None:
        self._topic, self._exchange, self._omit_null = topic, exchange, omit_null
        self._next_commit = 0.0
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "client.id": f"event-source-{topic}",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                # Eager: the backlog's epochs count on a rebalance taking everything away.
                "partition.assignment.strategy": "range",
                "session.timeout.ms": 10_000,
                "fetch.max.bytes": 16_000_000,
                "max.partition.fetch.bytes": 8_000_000,
                "queued.max.messages.kbytes": 32_768,
                "fetch.queue.backoff.ms": 50,
                "fetch.error.backoff.ms": 100,
                "reconnect.backoff.max.ms": 1_000,
                "on_commit": self._on_commit,
                "error_cb": lambda error: exchange.polling_failed(),
                # A broker that goes away is counted; the library would print each attempt.
                "log_level": 2,
            }
        )

    def run(self) -> None:
        """Poll until the exchange is stopped, then commit and leave the group."""
        self._consumer.subscribe(
            [self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke
        )
        try:
            while not self._exchange.stopped:
                self._poll()
                self._keep_up()
        finally:
            self._consumer.close()

    def _poll(self) -> None:
        first = self._consumer.poll(_PATIENCE_S)
        if first is None:
            return
        now = time.monotonic()
        messages = [first, *self._consumer.consume(_AT_ONCE - 1, timeout=0)]
        records = [
            polled(message, now, omit_null=self._omit_null)
            for message in messages
            if self._is_record(message)
        ]
        if too_long := self._exchange.add(records):
            self._consumer.pause(self._partitions(too_long))

    def _is_record(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        self._exchange.polling_failed()
        if error.fatal():
            raise KafkaException(error)
        return False

    def _keep_up(self) -> None:
        now = time.monotonic()
        if now < self._next_commit:
            return
        self._next_commit = now + _PATIENCE_S
        commits, short = self._exchange.progress()
        if commits:
            self._commit(commits)
        if short:
            self._consumer.resume(self._partitions(short))

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._exchange.assign(part.partition for part in partitions)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        commits = self._exchange.revoke(_REBALANCE_PATIENCE_S)
        if commits:
            self._commit(commits, wait=True)

    def _commit(self, commits: dict[int, int], *, wait: bool = False) -> None:
        offsets = [TopicPartition(self._topic, number, to) for number, to in commits.items()]
        try:
            if wait:
                self._consumer.commit(offsets=offsets, asynchronous=False)
            else:
                self._consumer.commit(offsets=offsets)
        except KafkaException:
            # The next owner of the partition does again what was done.
            self._exchange.commit_failed()

    def _on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        if error is not None or any(part.error for part in partitions):
            self._exchange.commit_failed()

    def _partitions(self, numbers: list[int]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, number) for number in numbers]
