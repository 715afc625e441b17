"""List the queries over the functions' logs that the stacks save in CloudWatch Logs Insights.

They read our own log events, whose fields docs/reference/logs.md lists, and the report that Lambda
writes at the end of each invocation (`PLATFORM_REPORT`).
"""

from __future__ import annotations

from dataclasses import dataclass

PLATFORM_REPORT = (
    "type",
    "record.requestId",
    "record.status",
    "record.errorType",
    "record.metrics.durationMs",
    "record.metrics.billedDurationMs",
    "record.metrics.initDurationMs",
    "record.metrics.maxMemoryUsedMB",
    "record.metrics.memorySizeMB",
)
"""The fields of `platform.report`: Lambda's documentation, "Telemetry API event schema"."""

_BOTH = ("processor", "replay")
_ALL = (*_BOTH, "sweep")

# A batch of the processor has the records of one table: each table has a mapping of its own.
_TABLE = r'parse @message /"tables":\{"(?<table>[^"]+)"/'
_REPORTS = 'filter type = "platform.report"'


@dataclass(frozen=True, slots=True)
class LogQuery:
    """One saved query; `text` is in the language of Logs Insights, a command a line."""

    name: str
    question: str
    functions: tuple[str, ...]
    """whose log groups it reads"""
    text: tuple[str, ...]


LOG_QUERIES = (
    LogQuery(
        "parked-by-reason", "Which records were parked, from which topic, and why?", _BOTH,
        (
            'filter message = "parked"',
            "stats count(*) as records, latest(error) as last_error by topic, reason",
            "sort records desc",
        ),
    ),
    LogQuery(
        "parked-of-a-table",
        "Which records of one table were parked? Write its topic in place of the dot.", _BOTH,
        (
            "fields @timestamp, reason, error, topic, partition, offset",
            'filter message = "parked" and topic like "."',
            "sort @timestamp desc",
            "limit 500",
        ),
    ),
    LogQuery(
        "returned-by-reason",
        "Of which table were batches returned, and why? Throttling and outages show here.", _BOTH,
        (
            'filter message = "batch" and @message like "returned_because"',
            _TABLE,
            r'parse @message /"returned_because":\{"(?<because>[^"]+)"/',
            "stats count(*) as batches, latest(@timestamp) as last by table, because",
            "sort batches desc",
        ),
    ),
    LogQuery(
        "freshness-by-table", "How many milliseconds late is each table?", _BOTH,
        (
            'filter message = "batch" and ispresent(freshness_ms.0)',
            _TABLE,
            "stats count(*) as batches, pct(freshness_ms.0, 50) as p50, pct(freshness_ms.0, 99)"
            " as p99 by table",
            "sort p99 desc",
        ),
    ),
    LogQuery(
        "slowest-invocations", "Which invocations took longest?", _ALL,
        (
            "fields @timestamp, record.metrics.durationMs, record.metrics.maxMemoryUsedMB,"
            " record.status, record.requestId, @logStream",
            _REPORTS,
            "sort record.metrics.durationMs desc",
            "limit 50",
        ),
    ),
    LogQuery(
        "failed-invocations", "Which invocations failed or reached the timeout?", _ALL,
        (
            "fields @timestamp, record.status, record.errorType, record.requestId, @logStream",
            f'{_REPORTS} and record.status != "success"',
            "sort @timestamp desc",
            "limit 200",
        ),
    ),
    LogQuery(
        "cold-starts", "How many cold starts were there, and how long did they take?", _ALL,
        (
            f"{_REPORTS} and ispresent(record.metrics.initDurationMs)",
            "stats count(*) as starts, max(record.metrics.initDurationMs) as longest_ms by"
            " bin(1h), @log",
        ),
    ),
    LogQuery(
        "memory", "How much memory do the functions use of what they have?", _ALL,
        (
            _REPORTS,
            "stats max(record.metrics.maxMemoryUsedMB) as most_mb,"
            " max(record.metrics.memorySizeMB) as has_mb by bin(1h), @log",
        ),
    ),
    LogQuery(
        "passes", "Which verify passes ended, and what did they find?", ("sweep",),
        (
            "fields @timestamp, table, verb, equal, missing, different, extra, unread, hinted",
            'filter message = "sweep"',
            "sort @timestamp desc",
            "limit 200",
        ),
    ),
)  # fmt: skip
