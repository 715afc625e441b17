"""Cut the answers of a paged read as the service does.

The service ends a page at 1 MB or at the page size in rows *read*. So pages may be short, or empty
and still carry a paging state. The Cassandra behind fills its pages. A page over 1 MB is asked for
again in fewer rows, and `short_pages` and `empty_pages` play the rest. Reads of one row and reads
without a page size are left alone.
"""

from keyspaces_local import encoding, requests
from keyspaces_local.behaviour import Conduct
from keyspaces_local.client import Awaiting, Client, Metered
from keyspaces_local.properties import TableSettings
from keyspaces_local.protocol import Opcode, ResultKind, frame
from keyspaces_local.requests import Paging, Parameters
from keyspaces_local.responses import Response
from keyspaces_local.results import column_count, row_count, without_rows

PAGE_BYTES = 1024 * 1024
START = b"keyspaces-local: start"
"""The paging state of an empty page that came before the first row."""


class PagedRead:
    """One request for a page: the frame to send behind, and what its answer becomes."""

    __slots__ = (
        "_client", "_empty", "_found", "_meter", "_paging", "_seen", "_table", "_whole", "frame",
    )  # fmt: skip

    def __init__(
        self,
        conduct: Conduct,
        client: Client,
        table: TableSettings,
        whole: bytes,
        found: Parameters,
        paging: Paging,
        meter: Metered,
        seen: Awaiting | None,
    ) -> None:
        """`found` and `paging` lie in `whole`; `seen` is shown the answer before the client is."""
        self._client, self._table, self._meter, self._seen = client, table, meter, seen
        self._whole, self._found, self._paging = whole, found, paging
        self._empty, rows = False, paging.size
        if table.row_bytes:
            rows = min(rows, _fitting(table.row_bytes))
        behaviour, draws = conduct.behaviour, conduct.draws
        if behaviour.short_pages or behaviour.empty_pages:
            self._empty = draws.random() < behaviour.empty_pages
            if draws.random() < behaviour.short_pages:
                rows = draws.randint(1, rows)
        self.frame = whole
        if rows != paging.size or paging.state == START:
            self._ask(rows)

    def answer(self, response: Response) -> bytes:
        """Return the answer for the client; b"" when the page must be asked for again."""
        size = len(response.body)
        if response.kind == ResultKind.ROWS and size > PAGE_BYTES:
            count = row_count(response.body)
            mean = size / max(1, count)
            self._table.row_bytes = mean
            if count > 1:
                self._ask(min(_fitting(mean), count - 1))
                self._client.awaited[response.stream] = self.answer
                self._client.forward_later(response.stream, _at_once(self.frame))
                return b""
        self._meter.add(size + self._timestamps(response))
        if self._empty and response.kind == ResultKind.ROWS:
            body = without_rows(response.body, self._paging.state or START)
            response = Response.of(frame(response.stream, Opcode.RESULT, body))
        return response.frame if self._seen is None else self._seen(response)

    def _timestamps(self, response: Response) -> int:
        """The bytes that client-side timestamps take beside the rows of an answer."""
        if response.kind != ResultKind.ROWS or not self._table.client_timestamps:
            return 0
        cells = row_count(response.body) * column_count(response.body)
        return cells * encoding.TIMESTAMP_METADATA

    def _ask(self, rows: int) -> None:
        state = None if self._paging.state == START else self._paging.state
        self.frame = requests.with_paging(self._whole, self._found, self._paging, rows, state)


def _fitting(row_bytes: float) -> int:
    """Return how many rows of that mean size a page holds."""
    return max(1, int(PAGE_BYTES / max(1.0, row_bytes)))


async def _at_once(whole: bytes) -> bytes:
    return whole
