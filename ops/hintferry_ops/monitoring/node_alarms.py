"""Define the alarms over what cdcguard reports from each Cassandra node.

Names, dimensions and thresholds come from the table that cdcguard reports by, `METRICS`.
"""

from __future__ import annotations

from hintferry_ops.monitoring.node_metrics import DIMENSIONS, METRICS, NAMESPACE
from hintferry_ops.monitoring.rule import MINUTE_S, Rule, Series, Severity

_REPORTS = "NodeReports"
_REPORTS_PERIOD_S = 5 * MINUTE_S

CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING

_ALARMS = (
    (
        "CdcSpaceLow", WARNING, "CdcFreePercent", "Minimum", "cdc_raw fills",
        "cdc_raw on a node is over 60 % full.",
        "Check that the connector runs on that node: systemctl status hintferry-capture.",
    ),
    (
        "CdcFullSoon", CRITICAL, "CdcSecondsToFull", "Minimum", "cdc_raw fills",
        "cdc_raw fills within 4 hours. Then the node rejects writes to captured tables.",
        "Fix the connector on that node, or raise cdc_total_space.",
    ),
    (
        "CdcOutageShort", WARNING, "CdcOutageSecondsLeft", "Minimum", "cdc_raw fills",
        "cdc_raw on a node has less than 30 minutes of room if capture stops.",
        "Raise cdc_total_space.",
    ),
    (
        "SourceRefusesWrites", CRITICAL, "WritesRefused", "Sum", "cdc_raw fills",
        "A node rejects writes to captured tables, because its cdc_raw is full.",
        "Raise cdc_total_space and restart the node.",
    ),
    (
        "SegmentsSetAside", CRITICAL, "SetAsideSegments", "Maximum", "Segments set aside",
        "cdcguard set unread segments aside on a node, so that the node accepts writes.",
        "Fix the connector, then run on the node: cdcguard.pyz give-back.",
    ),
    (
        "HintsLate", WARNING, "OldestSegmentSeconds", "Maximum", "Silent connectors",
        "Capture lag on a node is over 5 minutes (oldest unread commit log segment).",
        "Check that the connector on that node runs and keeps up.",
    ),
    (
        "TableNotCaptured", CRITICAL, "TablesNotCaptured", "Maximum", "Tables not captured",
        "A connector does not capture a table to migrate; its changes bring no hints.",
        "Run cdcguard.pyz status on the node, fix the cause, then verify the table in full.",
    ),
    (
        "WatermarkOld", WARNING, "WatermarkAge", "Maximum", "Watermarks that stand still",
        "For 15 minutes a node has not seen that its change hints of a table arrived.",
        "Run hintferry status: it names the table, the node and what it waits for.",
    ),
    (
        "ConnectorSilent", CRITICAL, "CaptureUp", "Minimum", "Silent connectors",
        "The connector on a node is down, or its health check fails.",
        "Read /var/log/hintferry/capture.log on that node.",
    ),
    (
        "ConnectorRestarted", WARNING, "CaptureRestarts", "Sum", "Silent connectors",
        "cdcguard restarted the connector on a node.",
        "Read the reason on that node: journalctl -u cdcguard.",
    ),
    (
        "SegmentStuck", CRITICAL, "CaptureStuck", "Maximum", "Stuck segments",
        "The connector on a node is stuck at a segment; newer change hints wait behind it.",
        "Read the cause in the connector's log on that node.",
    ),
    (
        "SegmentsOrphaned", WARNING, "OrphanSegments", "Maximum", "Stuck segments",
        "A crash left segments in cdc_raw that the connector never reads.",
        "An hour after the node's start, delete them from cdc_raw.",
    ),
    (
        "ConnectorLoses", CRITICAL, "HintsLost", "Sum", "Lost segments",
        "The connector on a node lost change hints, although its health check passes.",
        "Verify in full the tables that cdcguard.pyz status names on that node.",
    ),
    (
        "SegmentsFailed", CRITICAL, "ErrorSegments", "Maximum", "Lost segments",
        "The connector did not send some change hints of a node's segments.",
        "Verify in full the tables that cdcguard.pyz status names on that node.",
    ),
    (
        "SegmentsDeleted", CRITICAL, "SegmentsDeleted", "Sum", "Lost segments",
        "cdcguard deleted unread segments on a node, because the volume was full.",
        "Free disk space, then verify in full the tables that cdcguard.pyz status names.",
    ),
    (
        "TablesUnswept", CRITICAL, "TablesToSweep", "Maximum", "Lost segments",
        "Change hints of some tables may be lost; the tables are not verified since.",
        "Verify them in full, then run on the node: cdcguard.pyz swept TABLE.",
    ),
    (
        "AllocationBlocked", WARNING, "WritesWaitedForMemtable", "Sum", "Blocked allocation",
        "Writes waited for memtable space on a node; their hints may have been read too early.",
        "Verify the busiest tables in full once it is over.",
    ),
    (
        "LogSyncBlocked", WARNING, "WritesWaitedForLog", "Sum", "Blocked allocation",
        "Writes waited for a commit log sync; their hints may have been read too early.",
        "Set periodic_commitlog_sync_lag_block: 15s in that node's cassandra.yaml.",
    ),
    (
        "GuardFails", WARNING, "GuardFaults", "Sum", "Failing guards",
        "A cdcguard check fails on a node, so nothing monitors that check there.",
        "Read the error on that node: journalctl -u cdcguard.",
    ),
)  # fmt: skip


def of_the_nodes(pipeline: str, nodes: int) -> list[Rule]:
    """Return the alarms of a pipeline with so many nodes; 0: the number is unknown."""
    found = [_rule(pipeline, *row) for row in _ALARMS]
    if nodes:
        # Each node counts once a minute.
        least = nodes * _REPORTS_PERIOD_S // MINUTE_S
        found.append(
            Rule(
                "NodeSilent", CRITICAL, _series(pipeline, _REPORTS), "Sum", least,
                f"Fewer than {nodes} nodes report; nothing monitors capture on the others.",
                "Find the node that is missing: check cdcguard, the CloudWatch agent, the node.",
                "Silent nodes", _REPORTS_PERIOD_S, 2, 2, below=True, silence_breaches=True,
            )
        )  # fmt: skip
    return found


def _rule(
    pipeline: str,
    name: str,
    severity: Severity,
    metric: str,
    statistic: str,
    section: str,
    meaning: str,
    action: str,
) -> Rule:
    """Return the rule: a sum alarms at its first occurrence, a gauge after its `seconds`."""
    _, _, asks = METRICS[metric]
    assert asks is not None, f"{metric} has no threshold: add one to METRICS"
    comparison, threshold, seconds = asks
    period_s = seconds if statistic == "Sum" else min(seconds, MINUTE_S)
    periods = seconds // period_s
    return Rule(
        name, severity, _series(pipeline, metric), statistic, threshold, meaning, action, section,
        period_s, periods, periods, below=comparison == "<",
    )  # fmt: skip


def _series(pipeline: str, name: str) -> Series:
    (dimension,) = DIMENSIONS[-1]
    return Series(NAMESPACE, name, {dimension: pipeline})
