"""Records that are returned come back no sooner than the retries of the event source last."""

from __future__ import annotations

import time

import pytest

from hintferry.adapters.aws.invocation import ReturnPace
from hintferry.adapters.config.settings import return_after_s_from_environment
from hintferry.core.errors import ConfigurationError
from hintferry.core.outcome import APPLIED, Outcome, Settled

RETURNED = Settled(Outcome.RETURNED)


class Sleeps:
    """A clock that moves only by sleeping."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.slept.append)


@pytest.mark.parametrize(
    ("ends", "taken_s", "slept"),
    [
        ([APPLIED, RETURNED], 1.0, [9.0]),
        ([RETURNED], 30.0, [0.0]),
        ([APPLIED], 1.0, []),
        ([], 1.0, []),
    ],
)
def test_only_an_invocation_that_returns_records_is_held(
    ends: list[Settled], taken_s: float, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Sleeps(monkeypatch)
    rate_limit = ReturnPace(10.0)
    rate_limit.begin()
    clock.now += taken_s
    rate_limit.end(ends)
    assert clock.slept == slept


def test_the_stack_says_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HINTFERRY_RETURN_AFTER_S", raising=False)
    assert return_after_s_from_environment() == 0.0
    monkeypatch.setenv("HINTFERRY_RETURN_AFTER_S", "10")
    assert return_after_s_from_environment() == 10.0
    monkeypatch.setenv("HINTFERRY_RETURN_AFTER_S", "long")
    with pytest.raises(ConfigurationError, match="HINTFERRY_RETURN_AFTER_S is not a number"):
        return_after_s_from_environment()
