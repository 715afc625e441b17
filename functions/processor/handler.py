"""The processor function: one batch of hints from the event source, brought to its end."""

import gc
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from hintferry.adapters.aws.invocation import InvocationDeadline, ReturnPace
from hintferry.adapters.aws.kafka_event import batch_response, open_event
from hintferry.adapters.config.settings import return_after_s_from_environment
from hintferry.wiring import live

logger, metrics = Logger(), Metrics()
pipeline = live.processor(logger, metrics)
pace = ReturnPace(return_after_s_from_environment())
# What was made up to here lasts as long as the process: no batch has the collector walk through it.
gc.freeze()


@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers which records the event source shall deliver again."""
    pace.begin()
    records = open_event(event)
    ends = pipeline.process(records, InvocationDeadline(context))
    pace.end(ends)
    return batch_response(records, ends)
