"""Our clock compared with those of real sides, which stand on this machine and so have the same."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from hintferry.adapters.clocks.both_sides import CqlClocks
from hintferry.adapters.clocks.measured import MeasuredClock
from hintferry.adapters.clocks.wall import WallClock
from hintferry.adapters.config.settings import TargetSettings
from hintferry.adapters.config.source_settings import SourceSettings
from hintferry.adapters.driver.session import CqlSession
from hintferry.wiring import sessions
from sandbox.stack import Stack

pytestmark = pytest.mark.stack

ROUND_TRIP_US = 250_000
"""Longer than any answer of this machine takes."""


class Ahead(WallClock):
    """A machine whose clock is ahead."""

    ahead_us = 0

    def wall_us(self) -> int:
        return super().wall_us() + self.ahead_us


@pytest.fixture
def sides(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[CqlSession, CqlSession]]:
    """Sessions as the function makes them, in this process."""
    source, target = stack.source, stack.target
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", target.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", target.secret_access_key)
    source_session = sessions.source_session(
        SourceSettings(source.hosts, source.port, source.datacenter)
    )
    target_session = sessions.target_session(
        TargetSettings(target.host, target.port, target.region, target.ca_file)
    )
    yield source_session, target_session
    source_session.close()
    target_session.close()


def test_both_sides_tell_their_time(stack: Stack, sides: tuple[CqlSession, CqlSession]) -> None:
    own = Ahead()
    clock = MeasuredClock(own, CqlClocks(*sides, stack.source.datacenter, own))
    for own.ahead_us in (0, 40_000, 0, -40_000):
        seen = clock.compare()
        assert seen.target is not None
        assert seen.target.least_us <= own.ahead_us <= seen.target.most_us
        assert seen.target.width_us < ROUND_TRIP_US
        (node,) = seen.nodes.values()
        assert node.least_us <= 0 <= node.most_us
        assert clock.read_start() <= time.time_ns() // 1000
