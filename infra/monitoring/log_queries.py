"""Save the queries of `hintferry_ops.monitoring.log_queries` in CloudWatch Logs Insights."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_logs as logs
from constructs import Construct

from hintferry_ops.monitoring.log_queries import LOG_QUERIES


def save_log_queries(scope: Construct, prefix: str, groups: Mapping[str, str]) -> None:
    """Save them in a folder named after the pipeline; `groups`: the functions' log groups."""
    for query in LOG_QUERIES:
        logs.CfnQueryDefinition(
            scope,
            f"Query-{query.name}",
            name=f"{prefix}/{query.name}",
            query_string="\n| ".join(query.text),
            log_group_names=[groups[name] for name in query.functions],
        )
