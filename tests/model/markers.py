"""Markers in the world: each node settles one when all facts hold that its connector waits for.

Its own hints from before the marker are in the topic, and what the topic held then is settled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hintferry.core.schema import TableId
from hintferry.core.watermark import NodeMark
from hintferry.testing.cluster import REPLICAS
from tests.model.topic import Delivery

if TYPE_CHECKING:
    from tests.model.world import World


@dataclass(slots=True)
class _Read:
    """A marker that a node's connector read; `before`: what the topic held when all was sent."""

    number: int
    drawn_us: int
    before: list[Delivery] | None = None


class WorldMarkers:
    """The numbers of each table, and what each node has settled of them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._numbers: dict[TableId, int] = defaultdict(int)
        self._open: dict[tuple[TableId, int], list[_Read]] = defaultdict(list)
        self._said: dict[TableId, dict[str, NodeMark]] = defaultdict(dict)

    def draw(self, table: TableId) -> int:
        """Return the next number. A node that is down, or whose capture is deaf, misses it."""
        number = self._numbers[table] = self._numbers[table] + 1
        for node in set(self._world.cluster.up) - self._world.deaf:
            self._open[table, node].append(_Read(number, self._world.time.micros))
        return number

    def marks(self, table: TableId) -> Mapping[str, NodeMark]:
        """Return what each node said last."""
        for node in range(REPLICAS):
            waiting = self._open[table, node]
            self._open[table, node] = [
                one for one in waiting if not self._is_settled(table, node, one)
            ]
        return self._said[table]

    def _is_settled(self, table: TableId, node: int, read: _Read) -> bool:
        now_us, pending = self._world.time.micros, self._world.topic.unsettled
        if node in self._world.deaf or node in self._world.cluster.down:
            return False
        if any(
            one.replica == node and one.captured_us <= read.drawn_us and one.due_us > now_us
            for one in pending
        ):
            return False
        if read.before is None:
            read.before = [one for one in pending if _is_in_topic(one, table, now_us)]
        if any(one is other for one in read.before for other in pending):
            return False
        since = max(self._world.since[node] or 0, self._world.created_us.get(table, 1))
        host = f"host {node}"
        before = self._said[table].get(host)
        if before is None or (before.number or 0) < read.number:
            self._said[table][host] = NodeMark(read.number, since, read.drawn_us / 1e6)
        return True


def _is_in_topic(one: Delivery, table: TableId, now_us: int) -> bool:
    is_ours = one.hint is not None and one.hint.table == table
    return is_ours and one.replica is not None and one.due_us <= now_us
