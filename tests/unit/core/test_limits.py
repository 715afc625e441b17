"""Pauses double up to their longest."""

from __future__ import annotations

import pytest

from hintferry.core.limits import LIVE_RETRY, RANGE_RETRY, REPLAY_RETRY, TIMEOUT_RETRY, Retry


@pytest.mark.parametrize(
    ("retry", "pauses"),
    [
        (LIVE_RETRY, [0.2, 0.4, 0.8]),
        (RANGE_RETRY, [1.0, 2.0, 4.0, 8.0, 16.0]),
        (TIMEOUT_RETRY, [15, 30, 60, 120, 120]),
        (REPLAY_RETRY, [15, 30, 60, 120, 240, 480, 900, 900]),
    ],
)
def test_each_pause_is_twice_the_one_before_up_to_the_longest(
    retry: Retry, pauses: list[float]
) -> None:
    assert [retry.pause_s(failed) for failed in range(1, len(pauses) + 1)] == pauses
    assert retry.pause_s(1_000) <= retry.longest_s
