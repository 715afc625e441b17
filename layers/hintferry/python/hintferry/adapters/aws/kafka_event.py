"""Lambda's Kafka event: records out of it, and the partial batch response back into its words."""

from __future__ import annotations

from binascii import Error as NotBase64
from binascii import a2b_base64
from collections.abc import Mapping, Sequence
from typing import Any

from hintferry.core.hint import Record
from hintferry.core.outcome import Outcome, Settled


def open_event(event: Mapping[str, Any]) -> list[Record]:
    """The event's records, partition by partition in order of offset.

    A null, missing or empty value is a Kafka tombstone and becomes None; so does a key.
    """
    return [_record(raw) for partition in event["records"].values() for raw in partition]


def batch_response(records: Sequence[Record], ends: Sequence[Settled]) -> dict[str, Any]:
    """The answer that has the event source deliver the returned records, and only them, again."""
    return {
        "batchItemFailures": [
            {
                "itemIdentifier": {
                    "partition": f"{record.topic}-{record.partition}",
                    "offset": record.offset,
                }
            }
            for record, end in zip(records, ends, strict=True)
            if end.outcome is Outcome.RETURNED
        ]
    }


def _record(raw: Mapping[str, Any]) -> Record:
    by_broker = raw.get("timestampType") == "LOG_APPEND_TIME"
    return Record(
        raw["topic"],
        raw["partition"],
        raw["offset"],
        raw["timestamp"] if by_broker else None,
        _bytes(raw.get("key")),
        _bytes(raw.get("value")),
    )


def _bytes(text: str | None) -> bytes | None:
    if not text:
        return None
    try:
        return a2b_base64(text)
    except NotBase64:
        # Not what Lambda sends: hand it on as it is, to be refused and parked like other poison.
        return text.encode()
