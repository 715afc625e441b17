"""Rows as the wire carries them: a driver protocol handler that slices cells and decodes nothing.

Bytes read from one side are bound on the other as they are, so any type passes unchanged,
whatever this language makes of it, and comparing is `==`.
"""

from __future__ import annotations

from struct import Struct
from typing import Any, BinaryIO, ClassVar

from cassandra.protocol import ResultMessage, _ProtocolHandler

RawRow = tuple[bytes | None, ...]

_INT = Struct(">i").unpack_from


class _RawResult(ResultMessage):
    """A RESULT whose rows are tuples of bytes."""

    def recv_results_rows(
        self, f: BinaryIO, protocol_version: int, types: Any, result_metadata: Any, policy: Any
    ) -> None:
        self.recv_results_metadata(f, types)
        columns = self.column_metadata or result_metadata
        self.column_names = [column[2] for column in columns]
        self.column_types: list[Any] = []
        self.parsed_rows = _slice_rows(f.read(), len(columns))


def _slice_rows(body: bytes, width: int) -> list[RawRow]:
    (count,) = _INT(body)
    at = 4
    rows = []
    for _ in range(count):
        row: list[bytes | None] = []
        for _ in range(width):
            (length,) = _INT(body, at)
            at += 4
            if length < 0:
                row.append(None)
            else:
                row.append(body[at : at + length])
                at += length
        rows.append(tuple(row))
    return rows


class RawProtocolHandler(_ProtocolHandler):
    """Set as a session's `client_protocol_handler`."""

    message_types_by_opcode: ClassVar[dict[int, type]] = {
        **_ProtocolHandler.message_types_by_opcode,
        ResultMessage.opcode: _RawResult,
    }


def rows_as_they_are(_names: list[str], rows: list[RawRow]) -> list[RawRow]:
    """A driver row factory that makes nothing of the rows."""
    return rows
