"""The fence of cut-over: of a table that was handed over, nothing is read any more.

From then on the source is the stale side, and what it shows must not reach the target. Everything
that writes begins with a read of the source, so the fence stands there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from hintferry.core.errors import Fenced, HintferryError
from hintferry.core.rows import ScanPage, Snapshot
from hintferry.core.schema import Key, Table, TableId
from hintferry.core.tokens import TokenRange
from hintferry.core.work import RowWork, SliceWork, StaticWork, Work
from hintferry.ports import Fences, Scan, Source

Read = tuple[RowWork | StaticWork, Snapshot | HintferryError]


@dataclass(frozen=True, slots=True)
class FencedSource:
    """A source that refuses, with Fenced, every read of a table behind the fence."""

    source: Source
    fences: Fences

    def table(self, table: TableId, altered_us: int = 0) -> Table:
        """The table, altered no earlier than then. Raises UnknownTable, SideFault."""
        return self.source.table(table, altered_us)

    def agreed(self, table: TableId) -> Table:
        """The table as all nodes have it now. Raises UnknownTable, SideFault."""
        return self.source.agreed(table)

    def read(self, works: Iterable[RowWork | StaticWork]) -> Iterator[Read]:
        """Read many keys at once, answering in the order in which the answers arrive."""
        refused: list[Read] = []
        for work, seen in self.source.read(self._admitted(works, refused)):
            # However long it took from the look at the fence to the begin of the read.
            fault = self._fault(work.table)
            yield work, seen if fault is None else fault
        yield from refused

    def pages(self, work: SliceWork) -> Iterator[Snapshot]:
        """The rows of a slice page by page. Raises HintferryError."""
        return _while_open(self.source.pages(work), work.table, self.fences)

    def neighbours(self, work: Work) -> list[RowWork]:
        """A few other rows of the table. Raises HintferryError."""
        return self.source.neighbours(work)

    def _admitted(
        self, works: Iterable[RowWork | StaticWork], refused: list[Read]
    ) -> Iterator[RowWork | StaticWork]:
        for work in works:
            fault = self._fault(work.table)
            if fault is None:
                yield work
            else:
                refused.append((work, fault))

    def _fault(self, table: TableId) -> HintferryError | None:
        try:
            _refuse(table, self.fences)
        except HintferryError as error:
            return error
        return None


@dataclass(frozen=True, slots=True)
class FencedScan:
    """A scan of the source that refuses likewise."""

    scan: Scan
    fences: Fences

    def rows(self, table: Table, part: TokenRange) -> Iterator[ScanPage]:
        """The rows of a range page by page. Raises HintferryError."""
        return _while_open(self.scan.rows(table, part), table.id, self.fences)

    def statics(self, table: Table, part: TokenRange) -> Iterator[ScanPage]:
        """The static columns of each partition likewise. Raises HintferryError."""
        return _while_open(self.scan.statics(table, part), table.id, self.fences)

    def partitions(self, table: Table, token: int) -> list[Key]:
        """The partitions of one token. Raises HintferryError."""
        _refuse(table.id, self.fences)
        return self.scan.partitions(table, token)


P = TypeVar("P")


def _while_open(pages: Iterator[P], table: TableId, fences: Fences) -> Iterator[P]:
    """Each page, asked for only after a look at the fence, and given out after another.

    Between the first look and the begin of the read any time may pass: a frozen process.
    """
    while True:
        _refuse(table, fences)
        page = next(pages, None)
        if page is None:
            return
        _refuse(table, fences)
        yield page


def _refuse(table: TableId, fences: Fences) -> None:
    if fences.is_fenced(table):
        raise Fenced(f"{table} was cut over")
