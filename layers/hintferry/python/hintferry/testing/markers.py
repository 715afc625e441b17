"""Markers that a test draws, and settles on each node as it likes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from hintferry.core.schema import TableId
from hintferry.core.watermark import NodeMark


class MemoryMarkers:
    """Numbers of tables; a node reads every marker, and settles one `takes_s` after it was drawn.

    `since` gives the token of each node's capture, by host id. Change what a node does: `away`
    reads no marker, and `waits` reads and does not settle.
    """

    def __init__(self, since: Callable[[], Mapping[str, int]], now: Callable[[], float]) -> None:
        self._since, self._now = since, now
        self.takes_s = 0.0
        self.drawn: dict[TableId, list[float]] = {}
        self.away: set[str] = set()
        self.waits: dict[str, str] = {}
        self._said: dict[tuple[TableId, str], NodeMark] = {}
        self._read: dict[tuple[TableId, str], list[int]] = {}

    def draw(self, table: TableId) -> int:
        """Return the next number; the nodes that are not away read it."""
        self._settle(table)
        drawn = self.drawn.setdefault(table, [])
        drawn.append(self._now())
        for host in self._since().keys() - self.away:
            self._read.setdefault((table, host), []).append(len(drawn))
        return len(drawn)

    def marks(self, table: TableId) -> Mapping[str, NodeMark]:
        """Return what each node said last."""
        self._settle(table)
        return {host: mark for (name, host), mark in self._said.items() if name == table}

    def _settle(self, table: TableId) -> None:
        drawn, now = self.drawn.get(table, []), self._now()
        for host, since in self._since().items():
            read = self._read.get((table, host), [])
            settled = [number for number in read if now - drawn[number - 1] >= self.takes_s]
            before = self._said.get((table, host), NodeMark(None, None, None))
            if host in self.waits:
                if read:
                    self._said[table, host] = replace(before, waits=self.waits[host])
            elif settled and max(settled) > (before.number or 0):
                number = max(settled)
                self._said[table, host] = NodeMark(number, since, drawn[number - 1])
