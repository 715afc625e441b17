"""Draw the numbers of markers on the source, and read what each node has settled of them."""

from __future__ import annotations

from struct import pack, unpack
from uuid import UUID, uuid4

from cassandra import (
    ConsistencyLevel,
    InvalidRequest,
    OperationTimedOut,
    Unauthorized,
    WriteTimeout,
)

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.session import CqlSession
from hintferry.core.errors import ConfigurationError, HintferryError, Side, Unavailable
from hintferry.core.schema import TableId
from hintferry.core.watermark import Marks, NodeMark
from hintferry.ports import Clock

DRAWS = 10
"""How often a number is drawn where others draw too, or the source is slow."""

DRAW_WITHIN_S = 30.0
PAUSE_S = 0.1

_IN_DOUBT = (WriteTimeout, OperationTimedOut)
"""Nobody knows whether the number was drawn, so it counts as another's."""

_Rows = list[tuple[bytes | None, ...]]


class CqlMarkers:
    """Draws and reads through `session`, a session with the source."""

    def __init__(self, session: CqlSession, clock: Clock) -> None:
        self._session, self._clock = session, clock

    def draw(self, table: TableId) -> int:
        """Return a number of the table that is higher than any before; each node's log gets it.

        Where `hintferry.markers` was emptied, what nodes have settled still is from before.
        Raises SideFault, ConfigurationError.
        """
        end = self._clock.now() + DRAW_WITHIN_S
        for _ in range(DRAWS):
            number = self._try(str(table).encode())
            if number is not None:
                return number
            if self._clock.now() > end:
                break
            self._clock.sleep(PAUSE_S)
        raise Unavailable(
            Side.SOURCE, f"no number of {table} could be drawn in hintferry.markers; try again"
        )

    def marks(self, table: TableId) -> Marks:
        """Return what each node's connector wrote of the table's markers, by host id.

        Raises SideFault, ConfigurationError.
        """
        try:
            rows = self._execute(cql.MARKS, [str(table).encode()])
        except Exception as error:
            raise self._meaning(error) from error
        return {str(UUID(bytes=host)): _mark(*row) for host, *row in rows if host is not None}

    def _try(self, name: bytes) -> int | None:
        """Return the number, or None where another was drawn meanwhile, or may have been."""
        try:
            ((before,),) = self._execute(cql.NUMBER, [name]) or [(None,)]
            number = max(_integer(before) or 0, self._settled(name)) + 1
            at = pack(">q", round(self._clock.now() * 1000))
            values = [pack(">q", number), uuid4().bytes, at, name, before]
            ((applied, *_),) = self._execute(cql.DRAW_NUMBER, values)
        except _IN_DOUBT as error:
            self._session.doubt(error)
            return None
        except Exception as error:
            raise self._meaning(error) from error
        return number if applied == b"\x01" else None

    def _settled(self, name: bytes) -> int:
        """Return the highest number that a node has settled, or 0."""
        rows = self._execute(cql.MARKS, [name])
        return max((_integer(number) or 0 for _, number, *_ in rows), default=0)

    def _execute(self, text: str, values: list[bytes | None]) -> _Rows:
        """Run a statement; the datacenter that is read decides its condition."""
        bound = self._session.bind(text, values)
        bound.serial_consistency_level = ConsistencyLevel.LOCAL_SERIAL
        rows: _Rows = self._session.current().execute(bound).all()
        return rows

    def _meaning(self, error: Exception) -> HintferryError:
        if isinstance(error, InvalidRequest):
            return ConfigurationError(
                f"the source lacks a table or a column of watermarks ({error}); run what"
                " `hintferry preflight --only source` prints"
            )
        if isinstance(error, Unauthorized):
            return ConfigurationError(
                f"the login lacks a permission on the source ({error}); run there: GRANT MODIFY,"
                " SELECT ON TABLE hintferry.markers TO its role, and GRANT SELECT ON TABLE"
                " hintferry.watermarks TO its role"
            )
        self._session.doubt(error)
        return translate(self._session, error)


def _mark(
    number: bytes | None, since: bytes | None, drawn_at: bytes | None, waits: bytes | None
) -> NodeMark:
    at = _integer(drawn_at)
    return NodeMark(
        _integer(number),
        _integer(since),
        None if at is None else at / 1000,
        None if waits is None else waits.decode(),
    )


def _integer(cell: bytes | None) -> int | None:
    return None if cell is None else int(unpack(">q", cell)[0])
