"""Open items in memory."""

from __future__ import annotations

from collections.abc import Sequence

from hintferry.core.errors import HintferryError, Side, Unavailable
from hintferry.core.open_item import ANY_TABLE, OpenItem
from hintferry.core.schema import TableId


class MemoryOpenItems:
    """Keeps the items in `items`; while `is_away` it takes none and lets none go."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, bytes], OpenItem] = {}
        self.is_away = False

    def open(self, items: Sequence[OpenItem]) -> list[HintferryError | None]:
        """Keep the items."""
        if not self.is_away:
            self.items |= {(one.name, one.id): one for one in items}
        return self._answers(len(items))

    def close(self, items: Sequence[tuple[str, bytes]]) -> list[HintferryError | None]:
        """Let the items go."""
        if not self.is_away:
            for one in items:
                self.items.pop(one, None)
        return self._answers(len(items))

    def of(self, table: TableId) -> list[OpenItem]:
        """Return the items of the table, and those that may be of any."""
        return [one for one in self.items.values() if one.name in (str(table), ANY_TABLE)]

    def _answers(self, count: int) -> list[HintferryError | None]:
        away = Unavailable(Side.TARGET, "it is away")
        return [away if self.is_away else None for _ in range(count)]
