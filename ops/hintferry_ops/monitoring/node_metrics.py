"""List every metric that the guard on a node reports. It runs there, on Python 3.6.

The guard (`node.cdcguard`) sends them, the alarms (`node_alarms`) watch them.
"""

from typing import Dict, Optional, Tuple

NAMESPACE = "Hintferry/Nodes"
# One alarm watches all nodes of a pipeline, so it is a dimension alone too.
DIMENSIONS = [["pipeline", "node"], ["pipeline"]]
# Name: unit, meaning, and when it asks for attention (comparison, threshold, seconds), if ever.
METRICS: Dict[str, Tuple[str, str, Optional[Tuple[str, int, int]]]] = {
    "CdcFreePercent": ("Percent", "Free part of cdc_total_space", ("<", 40, 60)),
    "CdcUsedBytes": ("Bytes", "All files in cdc_raw", None),
    "CdcSecondsToFull": (
        "Seconds",
        "Until cdc_raw is full at its present growth",
        ("<", 4 * 3600, 120),
    ),
    "CdcOutageSecondsLeft": (
        "Seconds",
        "Until cdc_raw is full if nothing were read from now on",
        ("<", 1800, 300),
    ),
    "VolumeFreeBytes": ("Bytes", "Free space of the volume of cdc_raw", None),
    "OldestSegmentSeconds": (
        "Seconds",
        "How long the oldest closed segment has waited to be read",
        (">", 300, 60),
    ),
    "ClosedSegments": ("Count", "Closed segments that wait to be read", None),
    "UnreadBytes": ("Bytes", "Synced log not yet hinted, at most (with other tables')", None),
    "HintedUpTo": (
        "Seconds",
        "The stock connector sent what was synced by this second (since 1970); 0: not known",
        None,
    ),
    "OrphanSegments": ("Count", "Logs without an index left by a crash", (">", 0, 3600)),
    "StuckSegmentsMended": ("Count", "Segments that a crash left open and this pass closed", None),
    "TablesNotCaptured": (
        "Count",
        "Tables to migrate that the connector does not capture now",
        (">", 0, 30),
    ),
    "WatermarkAge": (
        "Seconds",
        "Age of the oldest watermark of the tables to migrate, as this node knows it",
        (">", 900, 300),
    ),
    "CaptureUp": ("Count", "1 when the connector's health answers well", ("<", 1, 120)),
    "CaptureStuck": ("Count", "1 when segments wait and nothing moves", (">", 0, 60)),
    "CaptureRestarts": ("Count", "Restarts of the connector by this pass", (">", 0, 60)),
    "HintsLost": ("Count", "Log lines of the connector that mean lost hints", (">", 0, 60)),
    "PartitionsHinted": ("Count", "Mutations hinted as a whole partition", None),
    "ErrorSegments": (
        "Count",
        "Segments in error/: some of their hints were not sent",
        (">", 0, 60),
    ),
    "TablesToSweep": ("Count", "Tables whose hints may be lost", (">", 0, 60)),
    "SetAsideSegments": ("Count", "Segments taken from cdc_raw to keep writes going", (">", 0, 60)),
    "SegmentsDeleted": (
        "Count",
        "Unread segments this pass deleted to keep the node going",
        (">", 0, 60),
    ),
    "WritesRefused": ("Count", "Log lines about writes refused, cdc_raw being full", (">", 0, 60)),
    "WritesWaitedForMemtable": (
        "Count",
        "Writes that waited for memory after they were logged",
        (">", 0, 300),
    ),
    "WritesWaitedForLog": (
        "Count",
        "Writes that waited for a sync after they were logged",
        (">", 0, 300),
    ),
    "SlowLogSyncs": ("Count", "Log syncs that took longer than their period", None),
    "ArchiveBytes": ("Bytes", "Segments read and kept", None),
    "GuardFaults": ("Count", "Steps of this pass that failed", (">", 0, 60)),
    "NodeReports": ("Count", "1 at the first pass of a minute, by which silence is noticed", None),
    "GuardSeconds": ("Seconds", "How long this pass took", None),
}
