"""Run the sweep function: one step of the state machine that verifies or backfills a table."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from hintferry.adapters.aws.invocation import InvocationDeadline
from hintferry.wiring import sweep

logger, metrics = Logger(), Metrics()
steps = sweep.sweep_steps(logger, metrics)


@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Run one step; return what the state machine continues with."""
    return steps.run(event, InvocationDeadline(context))
