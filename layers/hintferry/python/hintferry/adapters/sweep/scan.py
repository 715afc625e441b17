"""One side's tables, read in order of tokens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from enum import Enum
from struct import pack
from typing import cast

from cassandra import ConsistencyLevel

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.catalog import execute_raw
from hintferry.adapters.driver.errors import NO_ANSWER, translate
from hintferry.adapters.driver.paging import pages
from hintferry.adapters.driver.raw_rows import RawRows
from hintferry.adapters.driver.row_layout import RowLayout
from hintferry.adapters.driver.session import DRIVER_ERRORS, CqlSession
from hintferry.adapters.target.agreement import Agreement
from hintferry.core.errors import HintferryError, Overwhelmed, Side, Troubled, Unavailable
from hintferry.core.rows import ScanPage
from hintferry.core.schema import Key, Table
from hintferry.core.tokens import TokenRange


class Consistency(Enum):
    """The number of replicas that a scan of the source asks."""

    LOCAL_QUORUM = ConsistencyLevel.LOCAL_QUORUM
    ALL = ConsistencyLevel.ALL


class TokenScan:
    """Scans through `session`; `stamp` gives the read start of each page.

    `consistency` is the driver's. With `elements`, the TTLs of elements are asked for where the
    source tells them. A backfill needs them; a comparison with the target's bytes must not have
    them.
    """

    def __init__(
        self,
        session: CqlSession,
        stamp: Callable[[], int],
        consistency: int = ConsistencyLevel.LOCAL_QUORUM,
        elements: bool = False,
    ) -> None:
        self._session, self._stamp, self._elements = session, stamp, elements
        self._consistency = consistency
        self._agreement = Agreement(session) if session.side is Side.TARGET else None

    def rows(self, table: Table, part: TokenRange) -> Iterator[ScanPage]:
        """The rows of a range page by page. Raises HintferryError."""
        shape = RowLayout(table, self._ttls(table), statics=False)
        return self._pages(shape, cql.scan_rows(table, shape.ttls), part)

    def statics(self, table: Table, part: TokenRange) -> Iterator[ScanPage]:
        """The static columns of each partition likewise. Raises HintferryError."""
        shape = RowLayout(table, self._ttls(table), statics=True)
        return self._pages(shape, cql.scan_statics(table, shape.ttls), part)

    def partitions(self, table: Table, token: int) -> list[Key]:
        """The partitions of one token. Raises HintferryError."""
        values = _bounds(TokenRange(token - 1, token))
        try:
            return cast(list[Key], execute_raw(self._session, cql.scan_partitions(table), values))
        except DRIVER_ERRORS as error:
            raise self._failure(error) from error

    def _pages(self, shape: RowLayout, text: str, part: TokenRange) -> Iterator[ScanPage]:
        if self._agreement is not None:
            self._agreement.check(shape.table)
        for start, rows, is_last in self._raw(text, part):
            yield ScanPage(start, time.time(), rows.body, len(rows), is_last, shape)

    def _raw(self, text: str, part: TokenRange) -> Iterator[tuple[int, RawRows, bool]]:
        values, level = _bounds(part), self._consistency
        try:
            yield from pages(self._session, text, values, self._stamp, level)
        except DRIVER_ERRORS as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> HintferryError:
        """A side that is well otherwise is asked for less; it decides what more is said of it."""
        self._session.doubt(error)
        found = translate(self._session, error)
        is_unanswered = isinstance(error, NO_ANSWER)
        if not is_unanswered and not isinstance(found, Troubled):
            return found
        if not self._session.still_serves():
            return Unavailable(self._session.side, str(error))
        if is_unanswered:
            return Overwhelmed(
                f"{self._session.side.value}: no answer for these tokens within the request timeout"
            )
        return found

    def _ttls(self, table: Table) -> cql.Ttls:
        return cql.ttls_asked(table, self._elements)


def _bounds(part: TokenRange) -> list[bytes]:
    return [pack(">q", part.after), pack(">q", part.upto)]
