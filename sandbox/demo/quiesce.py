"""Knowing that nothing is on its way any more, once the writers have stopped.

A marker is written last. Each node's commit log holds it behind everything else. So when the hint
of every node's copy lies in the topic, capture has delivered everything before it. What is then in
the topics must be settled.
"""

from __future__ import annotations

import json
import time
from base64 import b64encode
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, Message, TopicPartition

_POLL_S = 0.2
_SETTLING_S = 1.0


class MarkerWatch:
    """Enter it before the marker is written; it looks at what is appended to `topic` from then."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._topic = topic
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": "marker-watch", "log_level": 2}
        )

    def nodes(self, marker: str, wanted: int, patience_s: float) -> int:
        """Wait for hints of the marker's partition from `wanted` nodes; give how many sent one.

        A connector that is behind sends other hints first: `patience_s` is without any.
        """
        seen: set[str] = set()
        end = time.monotonic() + patience_s
        while len(seen) < wanted and time.monotonic() < end:
            message = self._consumer.poll(_POLL_S)
            if message is not None and message.error() is None:
                end = time.monotonic() + patience_s
                if _is_of(marker, message):
                    seen.add(_origin(message))
        # Records of other topics may be a moment behind the marker's on their way to the broker.
        time.sleep(_SETTLING_S)
        return len(seen)

    def __enter__(self) -> Self:
        known = self._consumer.list_topics(self._topic, timeout=10).topics[self._topic]
        parts = [TopicPartition(self._topic, number) for number in known.partitions]
        for part in parts:
            part.offset = self._consumer.get_watermark_offsets(part, timeout=10)[1]
        self._consumer.assign(parts)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._consumer.close()


def _is_of(marker: str, message: Message) -> bool:
    """Our records name a key by its bytes in base64, the stock connector's in plain JSON."""
    key = _bytes(message.key())
    return marker.encode() in key or b64encode(marker.encode()) in key


def _origin(message: Message) -> str:
    """The node, or with the stock connector the commit log file, that the hint comes from."""
    value = json.loads(_bytes(message.value()) or b"{}")
    return str(value.get("node") or value.get("source", {}).get("file"))


def _bytes(data: str | bytes | None) -> bytes:
    return data.encode() if isinstance(data, str) else data or b""
