"""A counter is added to while its lease lasts, however long the way to the socket is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from hintferry.adapters.driver.rate_limit import RateLimit
from hintferry.adapters.target import keyspaces
from hintferry.adapters.target.keyspaces import KeyspacesTarget
from hintferry.core.errors import HintferryError, LeaseLost, Side
from hintferry.core.hint import WHOLE_PARTITION
from hintferry.core.limits import COUNT_WITHIN_S
from hintferry.core.rows import Add
from hintferry.core.work import SliceWork
from hintferry.live.counter_lease import _LeasedTarget
from hintferry.ports import Lease, Write
from tests.model.tables import COUNTS

NOW = 1_000.0


class Answered:
    """A request that the service answers at once."""

    has_more_pages = False

    def add_callbacks(
        self, served: Any, _failed: Any, callback_args: Any, errback_args: Any
    ) -> None:
        served([], *callback_args)


class Bound:
    values = (b"\0" * 8,)


class SlowSession:
    """Takes `delay_s` to give a connection, as one that has to be built again does."""

    side = Side.TARGET

    def __init__(self, delay_s: float) -> None:
        self.now, self.sent, self.rate_limit, self._delay_s = NOW, 0, RateLimit(), delay_s

    def current(self) -> SlowSession:
        self.now += self._delay_s
        return self

    def bind(self, _text: str, _values: Any) -> Bound:
        return Bound()

    def execute_async(self, _request: Any, timeout: float | None) -> Answered:
        self.sent += 1
        return Answered()

    def answered(self, *_: Any) -> None:
        return

    def doubt(self, _error: Exception) -> None:
        return


@pytest.mark.parametrize(
    ("delay_s", "sent"), [(0.0, 2), (COUNT_WITHIN_S - 1, 1), (COUNT_WITHIN_S + 1, 0), (22.0, 0)]
)
def test_nothing_is_sent_after_the_lease(
    delay_s: float, sent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = SlowSession(delay_s)
    target = KeyspacesTarget(session)  # type: ignore[arg-type]
    monkeypatch.setattr(target._agreement, "check", lambda *_: None)
    monkeypatch.setattr(keyspaces, "time", SimpleNamespace(time=lambda: session.now))
    guarded = _LeasedTarget(target, Lease(b"n", "me", NOW + COUNT_WITHIN_S))
    work = SliceWork(COUNTS.id, (b"p",), WHOLE_PARTITION, (0,))
    adds = [Add((key,), ("m",), (b"\0" * 7 + b"\5",)) for key in (b"1", b"2")]
    errors: list[HintferryError | None] = [
        error for _, error in guarded.write([Write(work, COUNTS, adds)])
    ]
    assert session.sent == sent
    assert [isinstance(error, LeaseLost) for error in errors].count(True) == 2 - sent
    assert guarded.unsure == 0, "what was never sent leaves no doubt: the lease is given back"
