"""Run the processor function: one batch of change hints from the event source."""

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
# Objects made up to here live as long as the process: the collector need not walk them again.
gc.freeze()


@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Process a batch; return which records the event source must deliver again."""
    pace.begin()
    records = open_event(event)
    ends = pipeline.process(records, InvocationDeadline(context))
    pace.end(ends)
    return batch_response(records, ends)
