"""Slices page by page, with pages as large as their rows allow.

The protocol bounds a page by its number of rows only, and rows are of a few bytes or of a megabyte.
So a slice begins with a small page, and each page tells how many rows the next may have. A page
that a side fails to make is asked for again with fewer rows. Guardrails of the side are kept to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from cassandra import (
    ConsistencyLevel,
    InvalidRequest,
    OperationTimedOut,
    ReadFailure,
    ReadTimeout,
)

from hintferry.adapters.driver.raw_rows import NO_ROWS, RawRows
from hintferry.adapters.driver.session import CqlSession

FIRST_ROWS = 64
PAGE_BYTES = 1024 * 1024
TOO_HEAVY = (OperationTimedOut, ReadFailure, ReadTimeout)


def pages(
    session: CqlSession,
    text: str,
    values: list[bytes],
    stamp: Callable[[], int],
    consistency: int = ConsistencyLevel.LOCAL_QUORUM,
) -> Iterator[tuple[int, RawRows, bool]]:
    """Each page's stamp, taken just before it is asked for, its rows, and whether it is the last.

    Only the server's paging state tells the last page, never an empty one. Raises driver errors.
    """
    state, size = None, FIRST_ROWS
    while True:
        size = min(size, session.guardrails.page_rows)
        bound = _bound(session, text, values, consistency, size)
        session.rate_limit.wait()
        driver = session.current()
        sent_at, taken = time.time(), stamp()
        try:
            result = driver.execute(bound, paging_state=state)
        except InvalidRequest:
            if size <= session.guardrails.page_rows:
                raise
            continue
        except TOO_HEAVY as error:
            session.answered(sent_at, time.time(), error)
            if size == 1:
                raise
            size = max(1, size // FIRST_ROWS)
            continue
        session.answered(sent_at, time.time(), None)
        session.has_served(bound)
        state = result.paging_state
        # The driver gives a list in place of no rows.
        rows: RawRows = result.current_rows or NO_ROWS
        yield taken, rows, state is None
        if state is None:
            return
        size = _rows_of_next(rows, size, session.guardrails.page_rows)


def _bound(session: CqlSession, text: str, values: list[bytes], consistency: int, rows: int) -> Any:
    bound = session.bind(text, values)
    bound.consistency_level = consistency
    bound.fetch_size = rows
    return bound


def _rows_of_next(rows: RawRows, size: int, most: int) -> int:
    if not rows:
        return size
    return max(1, min(most, 2 * size, PAGE_BYTES * len(rows) // len(rows.body)))
