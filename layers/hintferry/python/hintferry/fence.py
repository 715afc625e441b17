"""The fence of cut-over: of a table that was handed over, nothing is read any more.

From then on the source is the stale side, and what it shows must not reach the target. Everything
that writes begins with a read of the source, so the fence stands there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hintferry.core.coalesce import RowWork, SliceWork, StaticWork
from hintferry.core.errors import Fenced, HintferryError
from hintferry.core.rows import Snapshot
from hintferry.core.schema import Table, TableId
from hintferry.ports import Fences, Source

Read = tuple[RowWork | StaticWork, Snapshot | HintferryError]


@dataclass(frozen=True, slots=True)
class FencedSource:
    """A source that refuses, with Fenced, every read of a table behind the fence."""

    source: Source
    fences: Fences

    def table(self, table: TableId) -> Table:
        """The table as the source has it. Raises UnknownTable, SideFault."""
        return self.source.table(table)

    def read(self, works: Iterable[RowWork | StaticWork]) -> Iterator[Read]:
        """Read many keys at once, answering in the order in which the answers arrive."""
        refused: list[Read] = []
        yield from self.source.read(self._admitted(works, refused))
        yield from refused

    def pages(self, work: SliceWork) -> Iterator[Snapshot]:
        """The rows of a slice page by page. Raises HintferryError."""
        pages = self.source.pages(work)
        while True:
            self._refuse(work.table)
            page = next(pages, None)
            if page is None:
                return
            yield page

    def _admitted(
        self, works: Iterable[RowWork | StaticWork], refused: list[Read]
    ) -> Iterator[RowWork | StaticWork]:
        for work in works:
            try:
                self._refuse(work.table)
            except HintferryError as error:
                refused.append((work, error))
            else:
                yield work

    def _refuse(self, table: TableId) -> None:
        if self.fences.is_fenced(table):
            raise Fenced(f"{table} was cut over")
