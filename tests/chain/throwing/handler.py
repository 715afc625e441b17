"""The processor, but it throws as soon as a batch holds a record with the key `poison`."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from hintferry.adapters.aws.invocation import InvocationDeadline
from hintferry.adapters.aws.kafka_event import batch_response, open_event
from hintferry.wiring import live

logger, metrics = Logger(), Metrics()
pipeline = live.processor(logger, metrics)


@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    records = open_event(event)
    if any(record.key == b"poison" for record in records):
        raise RuntimeError("poison")
    return batch_response(records, pipeline.process(records, InvocationDeadline(context)))
