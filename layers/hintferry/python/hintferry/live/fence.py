"""The fence and the pause: nothing is read of a table that was cut over, or is paused.

From then on the source is the stale side, and what it shows must not reach the target. Everything
that writes begins with a read of the source, so the fence stands there. A row is given out only if
a reading of the fences still held when its read began. So no write time is later than the fence by
more than a reading holds. A pause stands there too, but only before a read: what was read under way
may be written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from hintferry.core.errors import Fenced, HintferryError
from hintferry.core.rows import ScanPage, Snapshot
from hintferry.core.schema import Key, Table, TableId
from hintferry.core.tokens import TokenRange
from hintferry.core.work import RowWork, SliceWork, StaticWork, Work
from hintferry.ports import Admission, Fences, Read, Scan, Source


@dataclass(frozen=True, slots=True)
class FencedSource:
    """A source that refuses reads of a table that was cut over (Fenced), or is paused (Paused)."""

    source: Source
    fences: Fences
    admission: Admission

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
            began_us = seen.read_start if isinstance(seen, Snapshot) else 0
            fault = _fault(_refuse, work.table, self.fences, began_us)
            yield work, seen if fault is None else fault
        yield from refused

    def pages(self, work: SliceWork) -> Iterator[Snapshot]:
        """The rows of a slice page by page. Raises HintferryError."""
        return _while_open(self.source.pages(work), work.table, self.fences, self.admission)

    def neighbours(self, work: Work) -> list[RowWork]:
        """A few other rows of the table. Raises HintferryError."""
        return self.source.neighbours(work)

    def _admitted(
        self, works: Iterable[RowWork | StaticWork], refused: list[Read]
    ) -> Iterator[RowWork | StaticWork]:
        for work in works:
            fault = _fault(_admit, work.table, self.fences, self.admission)
            if fault is None:
                yield work
            else:
                refused.append((work, fault))


@dataclass(frozen=True, slots=True)
class FencedScan:
    """A scan of the source that refuses likewise."""

    scan: Scan
    fences: Fences
    admission: Admission

    def rows(self, table: Table, part: TokenRange) -> Iterator[ScanPage]:
        """The rows of a range page by page. Raises HintferryError."""
        return _while_open(self.scan.rows(table, part), table.id, self.fences, self.admission)

    def statics(self, table: Table, part: TokenRange) -> Iterator[ScanPage]:
        """The static columns of each partition likewise. Raises HintferryError."""
        return _while_open(self.scan.statics(table, part), table.id, self.fences, self.admission)

    def partitions(self, table: Table, token: int) -> list[Key]:
        """The partitions of one token. Raises HintferryError."""
        _admit(table.id, self.fences, self.admission)
        return self.scan.partitions(table, token)


P = TypeVar("P", Snapshot, ScanPage)


def _while_open(
    pages: Iterator[P], table: TableId, fences: Fences, admission: Admission
) -> Iterator[P]:
    """Each page, asked for only after a look at the fence, and given out after another.

    Between the first look and the begin of the read any time may pass: a frozen process.
    """
    while True:
        _admit(table, fences, admission)
        page = next(pages, None)
        if page is None:
            return
        _refuse(table, fences, page.read_start)
        yield page


def _fault(check: Callable[..., None], *of: Any) -> HintferryError | None:
    try:
        check(*of)
    except HintferryError as error:
        return error
    return None


def _admit(table: TableId, fences: Fences, admission: Admission) -> None:
    _refuse(table, fences)
    admission.admit(table)


def _refuse(table: TableId, fences: Fences, read_start: int = 0) -> None:
    if fences.is_fenced(table, read_start):
        raise Fenced(f"{table} was cut over")
