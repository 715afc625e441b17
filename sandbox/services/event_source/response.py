"""Read a function's answer about each record of its batch: the partial batch response.

An answer that names nothing is a success of the whole batch. One that cannot be understood, or
that names a record which was not in the batch, is a failure of the whole batch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from sandbox.services.event_source.batch import Batch
from sandbox.services.event_source.records import PolledRecord
from sandbox.services.lambda_runtime import Invocation


@dataclass(frozen=True, slots=True)
class BatchVerdict:
    """End of one invocation of a batch: which records failed, and why, if that is known.

    `function_error` is true for what was thrown, timed out or killed, not for a partial failure.
    """

    failed: tuple[PolledRecord, ...]
    function_error: bool = False
    reason: str | None = None
    request_id: str = ""


class MalformedResponseError(ValueError):
    """The answer is no partial batch response for this batch."""


def verdict(invocation: Invocation, topic: str, batch: Batch, *, partial: bool) -> BatchVerdict:
    """Return the verdict of an invocation on its batch; `partial` is ReportBatchItemFailures."""
    request_id = invocation.request_id
    if invocation.payload is None:
        reason = f"{invocation.error_type}: {invocation.message}"
        return BatchVerdict(
            batch.records, function_error=True, reason=reason, request_id=request_id
        )
    if not partial:
        return BatchVerdict((), request_id=request_id)
    try:
        failed = failed_records(invocation.payload, topic, batch)
    except MalformedResponseError as error:
        reason = f"not a partial batch response: {error}"
        return BatchVerdict(batch.records, reason=reason, request_id=request_id)
    return BatchVerdict(failed, request_id=request_id)


def failed_records(payload: bytes, topic: str, batch: Batch) -> tuple[PolledRecord, ...]:
    """The records to be retried, in order; raises MalformedResponseError."""
    items = _items(payload)
    if not items:
        return ()
    known = {(f"{topic}-{record.partition}", record.offset): record for record in batch.records}
    named = {_identifier(item) for item in items}
    if unknown := named - known.keys():
        raise MalformedResponseError(f"{min(unknown)} was not in the batch")
    return tuple(record for key, record in known.items() if key in named)


def _items(payload: bytes) -> list[object]:
    try:
        answer = json.loads(payload) if payload else None
    except ValueError as error:
        raise MalformedResponseError("the answer is not JSON") from error
    if answer is None:
        return []
    if not isinstance(answer, dict):
        raise MalformedResponseError("the answer is not an object")
    items = answer.get("batchItemFailures") or []
    if not isinstance(items, list):
        raise MalformedResponseError("batchItemFailures is not a list")
    return items


def _identifier(item: object) -> tuple[str, int]:
    identifier = item.get("itemIdentifier") if isinstance(item, dict) else None
    match identifier:
        case {"partition": str(partition), "offset": int(offset)}:
            return partition, offset
    raise MalformedResponseError(f"{item!r} has no itemIdentifier of partition and offset")
