"""Hold what was seen of a table and of its surroundings, for the gate of the cutover to judge.

All times are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hintferry.core.capture import Witness
from hintferry.core.open_item import OpenItem
from hintferry.core.passes import Pass
from hintferry.core.schema import TableId
from hintferry.core.switches import Board
from hintferry.core.watermark import Progress
from hintferry_ops.cutover.gate.fence import UNKNOWN, Wait


@dataclass(frozen=True, slots=True)
class NodeReport:
    """The report of a node's guard; `node` is its address.

    `lost_at`: when hints were last lost there, if ever.
    """

    node: str
    at: float
    hinted_upto: float | None
    """Whatever was in its synced log by then is in the topics; None where it cannot say."""

    set_aside: int
    """Segments that wait beside the directory, unread."""

    lost_at: float | None

    host_id: str | None = None
    """The host id of the node, where its guard knows it."""


@dataclass(frozen=True, slots=True)
class Lag:
    """Records of the table's topic that are not settled, as of `at`."""

    records: int
    at: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """Samples of how far the table has come: all there is with the stock connector."""

    reports: Sequence[NodeReport]
    hinted_since: float | None
    """Since then they have hinted all that was written before the stop, at every check."""

    lag: Lag | None
    marker_at: float | None
    """When the last marker row was written that is on the target."""

    took_s: float | None
    """How long it was on its way, at most."""


Arrival = Progress | Estimate
"""How far the table has come."""


@dataclass(frozen=True, slots=True)
class Confirmations:
    """The facts that only a person can confirm."""

    stopped_at: float | None = None
    """Since then nobody writes the table."""

    repaired_at: float | None = None
    """When a full repair of the source's table ended."""

    writers_at_quorum: bool = False
    """Every writer writes at a quorum of the datacenter that is read."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was seen of one table and its surroundings at `now`."""

    table: TableId
    now: float
    has_unhinted: bool
    """It has static columns or counters, and the stock connector sends no hint of those."""

    capture: Witness
    arrival: Arrival
    parked: Mapping[str, int]
    """Records that wait for a person, by reason."""

    given_up: int
    open_items: Sequence[OpenItem]
    """What waits in the replay queue or is parked of the table, read after the arrival."""

    passes: Sequence[Pass]
    """The one that began last first."""

    switches: Board
    """The switches that an operator set, by the name of a table or of all."""

    confirmations: Confirmations = Confirmations()

    watched_since: float = 0.0
    """When the watch began. What was written before it must have come through, whatever is said of
    the writers."""

    wait: Wait = UNKNOWN
    """How long the application waits behind the fence."""
