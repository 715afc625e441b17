"""The hint log: every record of the topics as it was appended, ours that were sent again included.

Written to a file as it grows; what is replayed is taken from its end, which is kept in memory.
Has no group and commits nothing.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, Message, TopicPartition

from sandbox.services.event_source.records import PolledRecord, polled

AGAIN = "chaos"
"""The header of a record that was sent again."""

KEPT = 6000
"""records of capture that can be replayed"""

_POLL_S = 0.2
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Recorded:
    """One record; `polled` is its place and its JSON in an invocation event."""

    topic: str
    polled: PolledRecord
    key: bytes
    value: bytes
    is_again: bool

    @property
    def line(self) -> str:
        """The record as a line of the hint log."""
        place = {"topic": self.topic, "partition": self.polled.partition}
        place |= {"offset": self.polled.offset, "again": self.is_again}
        place |= {"appended_at_ms": json.loads(self.polled.json)["timestamp"]}
        return json.dumps(place | {"value": json.loads(self.value)}) + "\n"


class Recorder:
    """Reads the topics in a thread of its own while it is entered."""

    def __init__(self, bootstrap: str, topics: Iterable[str], log: Path) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "hint-log",
                "reconnect.backoff.max.ms": 1000,
                "log_level": 2,
            }
        )
        self._topics, self._log = tuple(topics), log.open("w")
        self.captured = self.sent_again = 0
        self._kept: deque[Recorded] = deque(maxlen=KEPT)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hint log")

    def recent(self, last: int, most: int, random: Random) -> list[Recorded]:
        """Up to `most` of the `last` records that capture sent, in order of arrival."""
        tail = list(self._kept)[-last:]
        chosen = sorted(random.sample(range(len(tail)), min(most, len(tail))))
        return [tail[index] for index in chosen]

    def __enter__(self) -> Self:
        parts = []
        for topic in self._topics:
            known = self._consumer.list_topics(topic, timeout=20).topics[topic].partitions
            parts += [TopicPartition(topic, number, 0) for number in known]
        self._consumer.assign(parts)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()
        self._log.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            now = time.monotonic()
            for message in self._consumer.consume(_AT_ONCE, timeout=_POLL_S):
                if message.error() is None:
                    self._add(_recorded(message, now))

    def _add(self, recorded: Recorded) -> None:
        self._log.write(recorded.line)
        if recorded.is_again:
            self.sent_again += 1
        else:
            self.captured += 1
            self._kept.append(recorded)


def _recorded(message: Message, now: float) -> Recorded:
    topic, key, value = message.topic(), message.key(), message.value()
    assert topic is not None
    assert isinstance(key, bytes)
    assert isinstance(value, bytes)
    headers = dict(message.headers() or [])
    return Recorded(topic, polled(message, now), key, value, AGAIN in headers)
