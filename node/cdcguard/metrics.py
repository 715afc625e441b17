"""Build the report of a node that CloudWatch reads."""

import json
from typing import Any, Dict

from hintferry_ops.monitoring.node_metrics import DIMENSIONS, METRICS, NAMESPACE
from node.cdcguard.settings import Settings


def emf_document(settings: Settings, node: str, metrics: Dict[str, float], now: float) -> str:
    """Return a report as one line in CloudWatch's embedded metric format."""
    names = [emf_metric(name) for name in sorted(metrics)]
    document: Dict[str, Any] = {
        "_aws": {
            "Timestamp": int(now * 1000),
            "LogGroupName": f"/hintferry/{settings.pipeline}/cdcguard",
            "CloudWatchMetrics": [
                {"Namespace": NAMESPACE, "Dimensions": DIMENSIONS, "Metrics": names}
            ],
        },
        "pipeline": settings.pipeline,
        "node": node,
    }
    document.update(metrics)
    return json.dumps(document, sort_keys=True)


def emf_metric(name: str) -> Dict[str, Any]:
    """Describe a metric; CloudWatch keeps it by the second if its alarm is to come in a minute."""
    unit, _, alarm = METRICS[name]
    found: Dict[str, Any] = {"Name": name, "Unit": unit}
    if alarm and alarm[2] < 60:
        found["StorageResolution"] = 1
    return found


def metrics_table() -> str:
    """Return METRICS as JSON, for people."""
    table = []
    for name, (unit, about, alarm) in METRICS.items():
        row: Dict[str, Any] = {"name": name, "unit": unit, "about": about}
        if alarm:
            row["alarm"] = {"when": alarm[0], "threshold": alarm[1], "seconds": alarm[2]}
        table.append(row)
    return json.dumps({"dimensions": DIMENSIONS, "metrics": table}, indent=2)
