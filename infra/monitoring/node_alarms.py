"""What the guard on each Cassandra node reports, and when that raises an alarm.

Names, dimensions and thresholds are those of the guard's own table, `METRICS`: what it sends is
what is watched.
"""

from __future__ import annotations

from infra.monitoring.rule import MINUTE_S, Rule, Series, Severity
from node.cdcguard.metrics import DIMENSIONS, METRICS, NAMESPACE

_REPORTS = "NodeReports"
_REPORTS_PERIOD_S = 5 * MINUTE_S

CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING

_ALARMS = (
    (
        "CdcSpaceLow", WARNING, "CdcFreePercent", "Minimum", "cdc_raw fills",
        "cdc_raw on a node is over 60 % full.",
        "See whether its connector reads.",
    ),
    (
        "CdcFullSoon", CRITICAL, "CdcSecondsToFull", "Minimum", "cdc_raw fills",
        "cdc_raw fills within 4 hours; then the node refuses writes to captured tables.",
        "Fix its connector, or enlarge cdc_total_space.",
    ),
    (
        "CdcOutageShort", WARNING, "CdcOutageSecondsLeft", "Minimum", "cdc_raw fills",
        "cdc_raw on a node is full within 30 minutes if capture stops.",
        "Enlarge cdc_total_space.",
    ),
    (
        "SourceRefusesWrites", CRITICAL, "WritesRefused", "Sum", "cdc_raw fills",
        "A node refuses writes to captured tables: its cdc_raw is full.",
        "Enlarge cdc_total_space and restart the node.",
    ),
    (
        "SegmentsSetAside", CRITICAL, "SetAsideSegments", "Maximum", "Segments set aside",
        "A node's guard took segments away unread, so that the source's writes go on.",
        "Mend the connector, then: cdcguard.pyz give-back.",
    ),
    (
        "HintsLate", WARNING, "OldestSegmentSeconds", "Maximum", "Silent connectors",
        "Capture lag on a node is over five minutes (oldest unread commit log segment).",
        "See whether its connector keeps up.",
    ),
    (
        "TableNotCaptured", CRITICAL, "TablesNotCaptured", "Maximum", "Tables not captured",
        "A table to migrate is not captured on a node: its changes are not hinted.",
        "See which and why: cdcguard.pyz status on the node. Then compare it in full.",
    ),
    (
        "ConnectorSilent", CRITICAL, "CaptureUp", "Minimum", "Silent connectors",
        "A node's connector does not run, or is not well.",
        "Read /var/log/hintferry/capture.log on the node.",
    ),
    (
        "ConnectorRestarted", WARNING, "CaptureRestarts", "Sum", "Silent connectors",
        "A node's guard restarted its connector.",
        "See in the guard's log why.",
    ),
    (
        "SegmentStuck", CRITICAL, "CaptureStuck", "Maximum", "Stuck segments",
        "A node's connector does not get past a segment; newer hints wait behind it.",
        "Find which cause the connector's log names.",
    ),
    (
        "SegmentsOrphaned", WARNING, "OrphanSegments", "Maximum", "Stuck segments",
        "A crash left segments that nobody reads and that take space.",
        "Find which cause the connector's log names.",
    ),
    (
        "ConnectorLoses", CRITICAL, "HintsLost", "Sum", "Lost segments",
        "A node's connector lost hints although its health is good.",
        "Compare the tables in full that the guard names.",
    ),
    (
        "SegmentsFailed", CRITICAL, "ErrorSegments", "Maximum", "Lost segments",
        "Some hints of a node's segments were not sent.",
        "Compare the tables in full that the guard names.",
    ),
    (
        "SegmentsDeleted", CRITICAL, "SegmentsDeleted", "Sum", "Lost segments",
        "A node's volume was full, and unread segments were deleted.",
        "Make room; compare the tables in full that the guard names.",
    ),
    (
        "TablesUnswept", CRITICAL, "TablesToSweep", "Maximum", "Lost segments",
        "A node's guard waits for tables to be compared whose hints may be lost.",
        "Compare them in full, then: cdcguard.pyz swept TABLE.",
    ),
    (
        "AllocationBlocked", WARNING, "WritesWaitedForMemtable", "Sum", "Blocked allocation",
        "Writes waited for memory on a node: their hints may come before they can be read.",
        "Compare the busiest tables in full once it is over.",
    ),
    (
        "LogSyncBlocked", WARNING, "WritesWaitedForLog", "Sum", "Blocked allocation",
        "Writes waited for a sync of the log: their hints may come before they can be read.",
        "Set periodic_commitlog_sync_lag_block: 15s on the node.",
    ),
    (
        "GuardFails", WARNING, "GuardFaults", "Sum", "Failing guards",
        "A cdcguard check fails on a node, so that check is not being monitored there.",
        "Read: journalctl -u cdcguard.",
    ),
)  # fmt: skip


def of_the_nodes(pipeline: str, nodes: int) -> list[Rule]:
    """The alarms of a pipeline with so many nodes; 0: it is not known how many there are."""
    found = [_rule(pipeline, *row) for row in _ALARMS]
    if nodes:
        # Each node counts once a minute.
        least = nodes * _REPORTS_PERIOD_S // MINUTE_S
        found.append(
            Rule(
                "NodeSilent", CRITICAL, _series(pipeline, _REPORTS), "Sum", least,
                f"Not all of the {nodes} nodes report: capture may stand still unseen.",
                "Find the node whose guard is missing.",
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
    """What happens (a sum) alarms at once; what is so, when it has been for as long as is told."""
    _, _, asks = METRICS[metric]
    assert asks is not None, f"{metric} never asks for attention"
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
