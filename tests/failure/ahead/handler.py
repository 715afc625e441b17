"""The processor on a machine whose clock is ahead by as many seconds as a file says."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

MARK = Path(os.environ["HINTFERRY_CONFIG"]).parent / "ahead"

true_time_ns = time.time_ns


def time_ns() -> int:
    ahead_s = float(MARK.read_text()) if MARK.exists() else 0.0
    return true_time_ns() + round(1e9 * ahead_s)


time.time_ns = time_ns

from hintferry.adapters.aws.invocation import InvocationDeadline  # noqa: E402
from hintferry.adapters.aws.kafka_event import batch_response, open_event  # noqa: E402
from hintferry.wiring import live  # noqa: E402 - behind the change of the clock

logger, metrics = Logger(), Metrics()
pipeline = live.processor(logger, metrics)


@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers which records the event source shall deliver again."""
    records = open_event(event)
    ends = pipeline.process(records, InvocationDeadline(context))
    return batch_response(records, ends)
