"""Locks of passes in memory, as several runs share them."""

from __future__ import annotations


class MemoryPassLock:
    """One owner's view of a lock; `row` holds the owner's name, and is shared by all of them."""

    def __init__(self, row: list[str], owner: str) -> None:
        self._row, self._owner = row, owner

    def take(self) -> str | None:
        """Return None once it is held; else who holds it."""
        return None if self.renew() else self._row[0]

    def renew(self) -> bool:
        """Hold it for longer; return False where another run has it."""
        if self._row and self._row[0] != self._owner:
            return False
        self._row[:] = [self._owner]
        return True

    def release(self) -> None:
        """Let others have it at once."""
        if self._row == [self._owner]:
            self._row.clear()
