"""Make the dashboard of one table, which its reader chooses.

It has as many widgets for any number of tables: a variable of CloudWatch puts the chosen table in
place of CHOSEN. What the functions know of a table stands in their logs, so most widgets are
queries over these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hintferry.adapters.config.settings import Migration
from hintferry_ops.monitoring.alarm_rules import Names
from hintferry_ops.monitoring.metrics import GROUP, TABLE_OPERATION
from infra.monitoring.widgets import Widget, metric_widget, place, queue, search

CHOSEN = "KEYSPACE.TABLE"

_BOTH = ("processor", "replay")
_ENDS = ("applied", "skipped", "returned", "parked")
# The dot of CHOSEN also finds the dash in the topic of a keyspace that has a `_`.
_BATCHES = f'filter message = "batch" and @message like /"{CHOSEN}":/'
_COUNTS = " | ".join(
    rf'parse @message /"{CHOSEN}":\{{[^}}]*"{end}":(?<{end}>\d+)/' for end in _ENDS
)


def table_dashboard(
    migration: Migration, names: Names, groups: Mapping[str, str], region: str
) -> dict[str, Any]:
    """Return the body; `groups`: the log group of each function, by the function's name."""
    group = migration.deployment.pipeline.consumer_group
    name = f"{migration.deployment.pipeline.name}-{CHOSEN}-{group}"
    rows = [
        *_of_the_topic(names, name, region),
        *_of_the_logs(groups, region),
        metric_widget(
            "Replay queue of all tables, with delayed and in flight",
            queue_states(names.replay_queue), region,
        ),
        metric_widget(
            "Throttled reads and writes on Keyspaces, of each table",
            [search("AWS/Cassandra", f"{kind}ThrottleEvents", TABLE_OPERATION, {}, "Sum")
             for kind in ("Read", "Write")], region,
        ),
    ]  # fmt: skip
    return {"variables": [_variable(migration)], "widgets": place(rows)}


def queue_states(name: str) -> list[list[Any]]:
    """Return the metrics that together count all messages of a queue."""
    states = ("Visible", "Delayed", "NotVisible")
    return [queue(f"ApproximateNumberOfMessages{state}", name) for state in states]


def _variable(migration: Migration) -> dict[str, Any]:
    tables = [str(table.id) for table in migration.tables]
    return {
        "type": "pattern",
        "pattern": CHOSEN,
        "inputType": "select",
        "id": "table",
        "label": "Table",
        "defaultValue": tables[0],
        "visible": True,
        "values": [{"value": table, "label": table} for table in tables],
    }


def _of_the_topic(names: Names, group: str, region: str) -> list[Widget]:
    here = {"Cluster Name": names.cluster, "Consumer Group": group}
    return [
        metric_widget(title, [search("AWS/Kafka", metric, GROUP, here, "Maximum")], region)
        for title, metric in (
            (f"{CHOSEN}: lag, records", "SumOffsetLag"),
            (f"{CHOSEN}: lag, s", "EstimatedMaxTimeLag"),
        )
    ]


def _of_the_logs(groups: Mapping[str, str], region: str) -> list[Widget]:
    sums = ", ".join(f"sum({end}) as {end}_" for end in _ENDS)
    late = "pct(freshness_ms.0, 50) as p50, pct(freshness_ms.0, 99) as p99"
    of_the_table = f"filter topic like /{CHOSEN}$/"
    found = "verb, equal, missing, different, extra, unread, hinted"
    asked: tuple[tuple[str, tuple[str, ...], str, str], ...] = (
        ("records by how they ended", _BOTH, "timeSeries",
         f"{_BATCHES} | {_COUNTS} | stats {sums} by bin(5m)"),
        ("lateness, ms", _BOTH, "timeSeries", f"{_BATCHES} | stats {late} by bin(5m)"),
        ("parked records", _BOTH, "table",
         f'filter message = "parked" | {of_the_table} | stats count(*) as records,'
         " latest(error) as last_error by reason"),
        ("why batches were returned", _BOTH, "table",
         f'{_BATCHES} | parse @message /"returned_because":\\{{"(?<because>[^"]+)"/'
         " | filter ispresent(because) | stats count(*) as batches by because"),
        ("verify passes that ended", ("sweep",), "table",
         f'filter message = "sweep" and table = "{CHOSEN}" | fields @timestamp, {found}'
         " | sort @timestamp desc | limit 20"),
    )  # fmt: skip
    return [
        {
            "type": "log",
            "properties": {
                "title": f"{CHOSEN}: {title}",
                "region": region,
                "view": view,
                "query": "".join(f"SOURCE '{groups[one]}' | " for one in functions) + text,
            },
        }
        for title, functions, view, text in asked
    ]
