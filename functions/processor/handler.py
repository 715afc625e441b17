"""The processor function: one batch of hints from the event source, brought to its end."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from hintferry import wiring
from hintferry.adapters.invocation import InvocationDeadline
from hintferry.adapters.kafka_event import batch_response, open_event

logger, metrics = Logger(), Metrics()
pipeline = wiring.processor(logger, metrics)


@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers which records the event source shall deliver again."""
    records = open_event(event)
    ends = pipeline.process(records, InvocationDeadline(context))
    return batch_response(records, ends)
