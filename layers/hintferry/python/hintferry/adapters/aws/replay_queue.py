"""The replay queue: hints that wait for their time, and parked ones that a person sent back.

The format of a message is that of a parked one with a hint; see
`docs/reference/records.md`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from hintferry.adapters.aws.parked_queue import MESSAGES_PER_CALL, VERSION, item_named
from hintferry.adapters.records import hint_record
from hintferry.core.errors import HintferryError
from hintferry.core.hint import Check, Hint
from hintferry.core.open_item import OpenItem
from hintferry.core.work import Later
from hintferry.ports import Clock, OpenItems

SHARED_WITHIN_S = 15
"""A second look comes this much later than it must, so that it serves what is asked meanwhile."""


class PostponingFailed(HintferryError):
    """The replay queue did not take a hint: the work that left it is returned."""


class SqsReplayQueue:
    """Sends to the replay queue; `sqs` is a boto3 client.

    Every replica's copy of a range delete asks for a second look, one soon after the other. One
    look serves all, if this process has asked for it already and it comes late enough.
    """

    def __init__(self, sqs: Any, queue_url: str, clock: Clock, open_items: OpenItems) -> None:
        self._sqs, self._queue_url, self._clock = sqs, queue_url, clock
        self._open_items = open_items
        self._due: dict[tuple[Hint, int], float] = {}
        """When each second look that was sent is due, by hint and `altered_us` (its copies may
        differ in it)."""

    def send(self, items: Sequence[Later]) -> list[HintferryError | None]:
        """Keep the items; for each, None once it is kept, or why it could not be."""
        now = self._clock.now()
        self._due = {look: due for look, due in self._due.items() if due > now}
        needed = [item for item in items if self._due.get(_look(item), 0.0) < now + item.delay_s]
        errors: dict[tuple[Hint, int], HintferryError | None] = {}
        for first in range(0, len(needed), MESSAGES_PER_CALL):
            part = needed[first : first + MESSAGES_PER_CALL]
            for item, error in zip(part, self._send(part), strict=True):
                errors[_look(item)] = error
                if error is None and item.delay_s:
                    self._due[_look(item)] = now + item.delay_s + SHARED_WITHIN_S
        return [errors.get(_look(item)) for item in items]

    def _send(self, items: Sequence[Later]) -> list[HintferryError | None]:
        """The row of each message comes first, so that no message is without one."""
        now = self._clock.now()
        rows = [
            OpenItem(str(one.hint.table), uuid4().bytes, now + _delay_s(one), _reason(one))
            for one in items
        ]
        errors = self._opened(items, rows)
        entries = [
            _entry(index, item, row)
            for index, (item, row, error) in enumerate(zip(items, rows, errors, strict=True))
            if error is None
        ]
        failed = self._refused(entries)
        for index, why in failed.items():
            errors[index] = PostponingFailed(f"the replay queue did not take the hint: {why}")
        # A row that stays all the same is overdue, until a verify pass has compared its key.
        unsent = [rows[index] for index in failed if items[index].check is None]
        self._open_items.close([(row.name, row.id) for row in unsent])
        return errors

    def _opened(
        self, items: Sequence[Later], rows: Sequence[OpenItem]
    ) -> list[HintferryError | None]:
        """Open the rows of all that must be done. A validation writes nothing: no gate waits."""
        needed = [row for item, row in zip(items, rows, strict=True) if item.check is None]
        opened = iter(self._open_items.open(needed) if needed else ())
        return [next(opened) if item.check is None else None for item in items]

    def _refused(self, entries: list[dict[str, Any]]) -> dict[int, str]:
        """Send; why not, of those that the queue did not take."""
        if not entries:
            return {}
        try:
            answer = self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
        except (BotoCoreError, ClientError) as error:
            return {int(one["Id"]): str(error) for one in entries}
        return {int(one["Id"]): one.get("Message", "") for one in answer.get("Failed", [])}


def _look(item: Later) -> tuple[Hint, int]:
    return item.hint, item.hint.altered_us


def _delay_s(item: Later) -> int:
    return item.delay_s + SHARED_WITHIN_S if item.delay_s else 0


def _reason(item: Later) -> str:
    return item.hint.errand.value


def _check(check: Check) -> dict[str, Any]:
    seen = check.suspicion
    return {
        "settled_at": check.settled_at,
        "looks": check.looks,
        "suspicion": seen and {**seen._asdict(), "side": seen.side.value},
    }


def _entry(index: int, item: Later, row: OpenItem) -> dict[str, Any]:
    body: dict[str, Any] = {
        "version": VERSION,
        "reason": _reason(item),
        "table": row.name,
        "hint": hint_record.encode(item.hint),
    }
    if item.check is None:
        body |= item_named(row)
    else:
        body["check"] = _check(item.check)
    if item.trouble is not None:
        body["trouble"] = {"since": item.trouble.since, "times": item.trouble.times}
    return {"Id": str(index), "MessageBody": json.dumps(body), "DelaySeconds": _delay_s(item)}
