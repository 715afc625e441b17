"""Rows as the wire carries them: a driver protocol handler that slices cells and decodes nothing.

Bytes read from one side are bound on the other as they are. So any type passes unchanged, whatever
Python makes of it, and comparing is `==`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any, BinaryIO, ClassVar, overload

from cassandra.bytesio import BytesIOReader
from cassandra.cqltypes import BytesType
from cassandra.deserializers import make_deserializers
from cassandra.obj_parser import ListParser
from cassandra.parsing import ParseDesc
from cassandra.protocol import ResultMessage, _ProtocolHandler

RawRow = tuple[bytes | None, ...]

_PROTOCOL_VERSION = 4


class RawRows(Sequence[RawRow]):
    """The rows of one answer; their bytes are cut only when one of them is asked for.

    `body`: their cells one after the other, `width` a row, each a length (4 bytes) and so many.
    """

    def __init__(self, count: int, body: bytes, width: int) -> None:
        self._count, self.body, self._width = count, body, width

    @cached_property
    def _rows(self) -> list[RawRow]:
        return cut(self._count, self.body, self._width)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[RawRow]:
        return iter(self._rows)

    @overload
    def __getitem__(self, index: int) -> RawRow: ...
    @overload
    def __getitem__(self, index: slice) -> list[RawRow]: ...
    def __getitem__(self, index: int | slice) -> RawRow | list[RawRow]:
        return self._rows[index]


NO_ROWS = RawRows(0, b"", 1)


class _RawResult(ResultMessage):
    """A RESULT whose rows are tuples of bytes."""

    def recv_results_rows(
        self, f: BinaryIO, protocol_version: int, types: Any, result_metadata: Any, policy: Any
    ) -> None:
        self.recv_results_metadata(f, types)
        columns = self.column_metadata or result_metadata
        self.column_names = [column[2] for column in columns]
        self.column_types: list[Any] = []
        count = int.from_bytes(f.read(4))
        self.parsed_rows = RawRows(count, f.read(), len(columns))


def cut(count: int, body: bytes, width: int) -> list[RawRow]:
    """So many rows, by the driver's compiled parser, to which every cell is a blob."""
    frame = BytesIOReader(count.to_bytes(4) + body)
    rows: list[RawRow] = ListParser().parse_rows(frame, _blobs(width))
    return rows


@lru_cache
def _blobs(width: int) -> Any:
    types = [BytesType] * width
    nothing = [None] * width
    return ParseDesc(nothing, types, None, nothing, make_deserializers(types), _PROTOCOL_VERSION)


class RawProtocolHandler(_ProtocolHandler):
    """Set as a session's `client_protocol_handler`."""

    message_types_by_opcode: ClassVar[dict[int, type]] = {
        **_ProtocolHandler.message_types_by_opcode,
        ResultMessage.opcode: _RawResult,
    }


def rows_as_they_are(_names: list[str], rows: RawRows) -> RawRows:
    """A driver row factory that makes nothing of the rows."""
    return rows
