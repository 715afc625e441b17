"""The processor with credentials that have expired, as long as a file says so."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from hintferry.adapters.aws.invocation import InvocationDeadline
from hintferry.adapters.aws.kafka_event import batch_response, open_event
from hintferry.wiring import live

MARK = Path(os.environ["HINTFERRY_CONFIG"]).parent / "expired"
SECRET = os.environ["AWS_SECRET_ACCESS_KEY"]

logger, metrics = Logger(), Metrics()
pipeline = live.processor(logger, metrics)


@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers which records the event source shall deliver again."""
    os.environ["AWS_SECRET_ACCESS_KEY"] = "expired" if MARK.exists() else SECRET
    records = open_event(event)
    ends = pipeline.process(records, InvocationDeadline(context))
    return batch_response(records, ends)
