"""The widgets of a dashboard, as CloudWatch reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Widget = dict[str, Any]

_WIDTH, _HEIGHT = 12, 6


def place(widgets: Sequence[Widget]) -> list[Widget]:
    """Put the widgets beside each other, two a row."""
    return [
        {
            **widget,
            "x": number % 2 * _WIDTH,
            "y": number // 2 * _HEIGHT,
            "width": _WIDTH,
            "height": _HEIGHT,
        }
        for number, widget in enumerate(widgets)
    ]


def metric_widget(title: str, metrics: list[list[Any]], region: str) -> Widget:
    """Make the widget of some metrics."""
    shown = {"title": title, "region": region, "period": 60, "metrics": metrics}
    return {"type": "metric", "properties": shown}


def queue(name: str, queue_name: str) -> list[Any]:
    """Name a metric of a queue."""
    return ["AWS/SQS", name, "QueueName", queue_name, {"stat": "Maximum"}]


def search(
    namespace: str,
    name: str,
    dimensions: tuple[str, ...],
    chosen: Mapping[str, str],
    statistic: str,
) -> list[Any]:
    """Search all series of a metric; `chosen`: the values that some dimensions must have."""
    quoted = ",".join(json.dumps(one) for one in dimensions)
    where = "".join(f" {json.dumps(one)}={json.dumps(value)}" for one, value in chosen.items())
    schema = f'{{"{namespace}",{quoted}}} MetricName="{name}"{where}'
    return [{"expression": f"SEARCH('{schema}', '{statistic}')"}]
