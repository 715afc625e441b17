"""Switches in a dictionary, which also admit work, and a journal in a list."""

from __future__ import annotations

from dataclasses import replace

from hintferry.core.errors import Paused
from hintferry.core.journal import Entry
from hintferry.core.schema import TableId
from hintferry.core.switches import UNSET, Board, Pause, Rates, Switch, pause_of, paused_text


class MemorySwitches:
    """The switches of `switches`, as they are now."""

    def __init__(self) -> None:
        self.switches: dict[str, Switch] = {}

    def board(self) -> Board:
        """Return all switches."""
        return self.switches

    read = board

    def set_pause(self, name: str, pause: Pause | None) -> None:
        """Pause the table of this name, or let it go on."""
        self.switches[name] = replace(self.switches.get(name, UNSET), pause=pause)

    def set_rates(self, name: str, rates: Rates) -> None:
        """Set all bounds of the table of this name."""
        self.switches[name] = replace(self.switches.get(name, UNSET), rates=rates)

    def admit(self, table: TableId) -> None:
        """Raise Paused for a table that is paused."""
        found = pause_of(self.switches, table)
        if found is not None:
            raise Paused(paused_text(table, *found))


class MemoryJournal:
    """Keeps `kept`, the first one first."""

    def __init__(self) -> None:
        self.kept: list[Entry] = []

    def add(self, entry: Entry) -> None:
        """Keep an entry."""
        self.kept.append(entry)

    def entries(self, table: str, since: float) -> list[Entry]:
        """Return the entries of a table since then, the latest first."""
        found = [one for one in self.kept if one.table == table and one.at >= since]
        return found[::-1]
