"""Run the replay function: messages of the replay queue, through the same pipeline."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from hintferry.adapters.aws.invocation import InvocationDeadline
from hintferry.wiring import live

logger, metrics = Logger(), Metrics()
pipeline, events = live.replayer(logger, metrics)


@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Process the messages; return which of them stay in the queue."""
    ends = pipeline.process(events.open(event), InvocationDeadline(context))
    return events.response(event, ends)
