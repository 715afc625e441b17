"""Records on their way: the Kafka topic, and the replay queue whose items wait for their time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from random import Random

from hintferry.adapters.records import hint_record
from hintferry.core.hint import Hint, Record
from hintferry.core.work import Later
from hintferry.testing.clock import SimulatedTime

FASTEST_CAPTURE_US = 10_000
SLOWEST_CAPTURE_US = 400_000


class Kind(Enum):
    """Kind of end that a record must have."""

    HINT = "applied, or parked because the target refuses its row"
    NOTHING = "skipped"
    POISON = "parked"
    CHECK = "skipped, and never written"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A record, from when on it can be delivered, and what it says (None: nothing readable)."""

    record: Record
    due_us: int
    kind: Kind
    hint: Hint | None = None
    replica: int | None = None
    """Whose capture sent it, if any."""

    captured_us: int = 0


_POISON: tuple[bytes | None, ...] = (
    None,
    b"{",
    b'{"hint": 2}',
    b'{"hint": 1, "scope": "row", "keyspace": "model", "table": "gone", "pk": [], "ck": []}',
    b'{"hint": 1, "scope": "row", "keyspace": "model", "table": "wide", "pk": ["cA=="], "ck": []}',
)


class Topic:
    """`pending` are records to be delivered, `in_hand` those that a worker has; `sent` every record
    there ever was.
    """

    def __init__(self, time: SimulatedTime, random: Random) -> None:
        self.pending: list[Delivery] = []
        self.in_hand: list[Delivery] = []
        self.sent: list[Delivery] = []
        self.broker_error_us = 0
        self.slowest_capture_us = SLOWEST_CAPTURE_US
        self._time, self._random = time, random

    @property
    def unsettled(self) -> list[Delivery]:
        """Return every record that is on its way, or that a worker has not answered yet."""
        return self.pending + self.in_hand

    def captured(self, hint: Hint, written_us: int, replica: int | None = None) -> None:
        """A replica's capture found a change that was written at this time."""
        delay = self._random.randint(FASTEST_CAPTURE_US, self.slowest_capture_us)
        self._send(Later(hint, 0), delay, written_us, replica=replica)

    def postponed(self, later: Later) -> None:
        """The pipeline left work for later."""
        delay_us = later.delay_s * 1_000_000
        self._send(later, delay_us, self._time.micros)

    def poison(self, kind: int) -> None:
        """A record that makes no hint."""
        value = _POISON[kind % len(_POISON)]
        end = Kind.NOTHING if value is None else Kind.POISON
        now_us = self._time.micros
        record = self._record(value, self._stamp(now_us, now_us))
        self.pending.append(Delivery(record, now_us, end))

    def send_again(self, index: int) -> None:
        """An old record turns up once more."""
        if self.sent:
            self.pending.append(self.sent[-1 - index % len(self.sent)])

    def take(self, size: int, patience_us: int, random: Random) -> list[Delivery]:
        """Some of what is due within `patience_us`, in any order, now and then one of it twice."""
        limit = self._time.micros + patience_us
        due = [at for at, one in enumerate(self.pending) if one.due_us <= limit]
        chosen = random.sample(due, min(size, len(due)))
        taken = [self.pending[at] for at in chosen]
        for at in sorted(chosen, reverse=True):
            del self.pending[at]
        if taken and random.random() < 0.1:
            taken.append(random.choice(taken))
        return taken

    def _send(
        self,
        later: Later,
        delay_us: int,
        written_us: int,
        replica: int | None = None,
    ) -> None:
        value = json.dumps(hint_record.encode(later.hint) | {"ts_us": written_us}).encode()
        due_us = self._time.micros + delay_us
        stamp = self._stamp(self._time.micros, due_us)
        record = self._record(value, stamp)._replace(trouble=later.trouble, check=later.check)
        kind = Kind.HINT if later.check is None else Kind.CHECK
        delivery = Delivery(record, due_us, kind, later.hint, replica, self._time.micros)
        self.pending.append(delivery)
        self.sent.append(delivery)

    def _stamp(self, captured_us: int, appended_us: int) -> int:
        return appended_at_ms(captured_us, appended_us + self.broker_error_us)

    def _record(self, value: bytes | None, stamp: int) -> Record:
        return Record("model", 0, len(self.sent) + len(self.pending), stamp, None, value)


def appended_at_ms(_captured_us: int, appended_us: int) -> int:
    """The broker's stamp: of when it got the record, not of when a node made it."""
    return appended_us // 1000
