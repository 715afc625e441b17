"""What the functions log, from the meter itself."""

from __future__ import annotations

import io
import json
from typing import Any

from aws_lambda_powertools import Logger, Metrics

from hintferry.adapters.aws.meter import PowertoolsMeter
from hintferry.adapters.clocks.measured import MeasuredClock
from hintferry.adapters.driver.rate_limit import RateLimit
from hintferry.core.errors import ParkReason, Side, Throttled, Undecodable
from hintferry.core.hint import Hint, Record
from hintferry.core.outcome import APPLIED, Outcome, Settled
from hintferry.core.schema import TableId
from hintferry.testing.clock import ScriptedClock, SimulatedTime
from hintferry.testing.other_clocks import SimulatedClocks


class Session:
    """A session as the meter needs it."""

    def __init__(self) -> None:
        self.latencies_s = [0.01, 0.02]
        self.rebuilds = 1
        self.rate_limit = RateLimit()


def compared_clock() -> MeasuredClock:
    """A clock that was compared with a target and one node."""
    own = ScriptedClock(SimulatedTime())
    clock = MeasuredClock(own, SimulatedClocks(own, nodes={"10.0.0.1": 2_000_000}))
    clock.compare()
    return clock


def meter_of(logger: Logger, collector: Metrics) -> PowertoolsMeter:
    """The meter of version 7 of the processor."""
    source: Any = Session()
    target: Any = Session()
    version = {"function": "processor", "version": "7"}
    return PowertoolsMeter(logger, collector, source, target, compared_clock(), version)


def logged_lines() -> dict[str, str]:
    """A line of each kind that the meter logs, by its message."""
    stream = io.StringIO()
    collector = Metrics("t", "t")
    # Loggers of one service share their stream: this one has a service of its own.
    meter = meter_of(Logger(service="logged", stream=stream, level="INFO"), collector)
    record = Record("hintferry.shop.orders", 0, 1, 1_700_000_000_000, b"k", b"v")
    hint: Any = Hint.__new__(Hint)
    object.__setattr__(hint, "table", TableId("shop", "orders"))
    ends = [
        APPLIED,
        Settled(Outcome.PARKED, ParkReason.UNDECODABLE, Undecodable("no")),
        Settled(Outcome.RETURNED, None, Throttled(Side.TARGET, "asked for less")),
    ]
    meter.batch([record] * 3, dict.fromkeys(range(3), hint), ends)
    Metrics.clear_metrics(collector)
    return {json.loads(line)["message"]: line for line in stream.getvalue().splitlines()}
