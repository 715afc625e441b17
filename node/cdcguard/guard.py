"""Hold what every step of a pass knows, and what it reports."""

from typing import Any, Dict, Iterable, List

from hintferry_ops.monitoring.node_metrics import METRICS
from node.cdcguard.progress import (
    CaptureOffset,
    note_loss,
    read_capture,
    read_offsets,
    table_name,
)
from node.cdcguard.segments import Segment, read_segments
from node.cdcguard.settings import Settings
from node.cdcguard.world import World


class Guard:
    """One pass of the guard: `state` comes from the last one, `said` is for a person to read."""

    def __init__(self, settings: Settings, state: Dict[str, Any], world: World) -> None:
        self.settings = settings
        self.state = state
        self.world = world
        self.said: List[str] = []
        self.metrics: Dict[str, float] = dict.fromkeys(METRICS, 0.0)
        self.now = world.now()
        self.offsets = read_offsets(settings.offsets)
        self.capture = read_capture(settings.offsets)
        self.sent = self.furthest()

    def furthest(self) -> CaptureOffset:
        """Return the position before which capture sent everything.

        The stock connector has a position for each table only: one whose topic is stuck does not
        show while another table's moves on.
        """
        if self.capture is None:
            return max(self.offsets.values() or [CaptureOffset(0, 0)])
        found = self.capture["acknowledged"]
        return CaptureOffset(found["segment"], found["position"]) if found else CaptureOffset(0, 0)

    @property
    def name(self) -> str:
        """Return the node's address and host id: other nodes may reuse an address."""
        return " ".join(filter(None, [self.settings.node, self.state.get("host_id", "")]))

    def segments(self) -> List[Segment]:
        return read_segments(self.settings.cdc_raw, self.settings.commitlog)

    def waiting(self) -> List[Segment]:
        """Return the closed segments, which wait: what was read has left the directory."""
        return [one for one in self.segments() if one.completed and one.log]

    def say(self, level: str, text: str) -> None:
        line = f"{level}: {text}"
        if line not in self.said:
            self.said.append(line)

    def known_tables(self) -> List[str]:
        told = [table_name(one) for one in self.capture["tables"]] if self.capture else []
        return sorted(set(self.offsets) | set(self.settings.tables) | set(told))

    def may_be_lost(self, why: str, tables: Iterable[str]) -> None:
        """List the tables for a verify pass; the connector knows of it before this returns."""
        note_loss(self.settings.offsets)
        listing = self.to_sweep()
        for table in list(tables) or ["every captured table"]:
            listing.setdefault(table, {"why": why, "since": self.now})
        self.say("CRITICAL", f"Hints may be lost ({why}): sweep {', '.join(sorted(listing))}.")

    def to_sweep(self) -> Dict[str, Any]:
        listing: Dict[str, Any] = self.state.setdefault("to_sweep", {})
        return listing
