"""Ask the broker how far a consumer group is behind on a topic.

It uses a separate client, which never joins the group. While one thread polls a consumer, every
question that another thread asks it may wait for ever.
"""

from __future__ import annotations

import threading

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, TopicPartition

_ANSWER_S = 10.0
_PASSING = frozenset(
    {
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._DESTROY_BROKER,
        KafkaError._TIMED_OUT,
        KafkaError._TRANSPORT,
        KafkaError._WAIT_COORD,
    }
)
"""The errors of a broker that starts or restarts."""


class OffsetLag:
    """The service's OffsetLag metric of one event source."""

    def __init__(self, bootstrap: str, topic: str, group: str) -> None:
        self._topic = topic
        self._client = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "reconnect.backoff.max.ms": 1_000,
                "log_level": 2,
            }
        )
        self._one_at_a_time = threading.Lock()

    def records(self) -> int | None:
        """Records of all partitions that are not committed; None while the broker cannot say."""
        behind = self.by_partition()
        return None if behind is None else sum(behind.values())

    def by_partition(self) -> dict[int, int] | None:
        """Records of each partition that are not committed; None while the broker cannot say.

        Raises KafkaException for errors that last, such as a topic that is not there.
        """
        with self._one_at_a_time:
            try:
                return self._ask()
            except KafkaException as error:
                if error.args[0].code() in _PASSING:
                    return None
                raise

    def _ask(self) -> dict[int, int]:
        known = self._client.list_topics(self._topic, timeout=_ANSWER_S).topics[self._topic]
        if known.error is not None:
            raise KafkaException(known.error)
        parts = [TopicPartition(self._topic, number) for number in known.partitions]
        committed = self._client.committed(parts, timeout=_ANSWER_S)
        return {part.partition: self._behind(part) for part in committed}

    def close(self) -> None:
        """Release the connection."""
        self._client.close()

    def _behind(self, committed: TopicPartition) -> int:
        if committed.error is not None:
            raise KafkaException(committed.error)
        low, high = self._client.get_watermark_offsets(committed, timeout=_ANSWER_S)
        return high - (low if committed.offset == OFFSET_INVALID else committed.offset)
