"""RESULT bodies: reading rows, and giving a client other rows than the server behind gave.

Owns the layout of ROWS. A `View` says what to change; why is `views`' business.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from keyspaces_local.protocol import INT, ProtocolError, ResultKind, string, value
from keyspaces_local.reader import Reader

_GLOBAL_SPEC, _MORE_PAGES, _NO_METADATA = 0x01, 0x02, 0x04
_CUSTOM, _LIST, _MAP, _SET, _UDT, _TUPLE = 0x00, 0x20, 0x21, 0x22, 0x30, 0x31


@dataclass(frozen=True, slots=True)
class View:
    """The view that clients get of a table: its columns, cells that are replaced, rows that do not
    show.
    """

    columns: frozenset[str]
    cells: Mapping[str, bytes]
    hide_rows: bool = False


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    spec: bytes


@dataclass(frozen=True, slots=True)
class _Metadata:
    paging_state: bytes | None
    table: bytes
    """keyspace and table, encoded, of the first column"""
    columns: list[_Column]


def read_rows(body: bytes) -> list[list[bytes | None]]:
    """The cells of a ROWS result; an empty list for any other result."""
    reader = Reader(body)
    if reader.i32() != ResultKind.ROWS:
        return []
    width = len(_metadata(reader).columns)
    return [[reader.value() for _ in range(width)] for _ in range(reader.i32())]


def column_count(body: bytes) -> int:
    """Return how many columns the rows of a ROWS body have."""
    return int(INT.unpack_from(body, 2 * INT.size)[0])


def row_count(body: bytes) -> int:
    """Return how many rows a ROWS body holds."""
    reader = Reader(body, INT.size)
    _skip_metadata(reader)
    return reader.i32()


def without_rows(body: bytes, state: bytes) -> bytes:
    """A ROWS body as an empty page that more pages follow, at that paging state."""
    reader = Reader(body, INT.size)
    flags, count, start = _skip_metadata(reader)
    head = INT.pack(ResultKind.ROWS) + INT.pack(flags | _MORE_PAGES) + INT.pack(count)
    return head + value(state) + body[start : reader.position] + INT.pack(0)


def _skip_metadata(reader: Reader) -> tuple[int, int, int]:
    """Flags, number of columns, and where what follows the paging state starts."""
    flags, count = reader.i32(), reader.i32()
    if flags & _MORE_PAGES:
        reader.skip_value()
    start = reader.position
    if flags & _NO_METADATA:
        return flags, count, start
    if flags & _GLOBAL_SPEC:
        _table(reader)
    for _ in range(count):
        if not flags & _GLOBAL_SPEC:
            _table(reader)
        reader.string()
        _skip_type(reader)
    return flags, count, start


def apply_view(body: bytes, view: View) -> bytes:
    """A ROWS body as `view` shows it; other results unchanged."""
    reader = Reader(body)
    if reader.i32() != ResultKind.ROWS:
        return body
    metadata = _metadata(reader)
    names = [column.name for column in metadata.columns]
    # A function's result, such as that of now(), is no column of the table.
    kept = [index for index, name in enumerate(names) if name in view.columns or "(" in name]
    rows = [[reader.value() for _ in names] for _ in range(reader.i32())]
    if view.hide_rows:
        rows = []
    parts = [_header(metadata, kept), INT.pack(len(rows))]
    for row in rows:
        for index in kept:
            parts.append(value(view.cells.get(names[index], row[index])))
    return b"".join(parts)


def _header(metadata: _Metadata, kept: list[int]) -> bytes:
    flags = _GLOBAL_SPEC if metadata.paging_state is None else _GLOBAL_SPEC | _MORE_PAGES
    state = b"" if metadata.paging_state is None else value(metadata.paging_state)
    head = INT.pack(ResultKind.ROWS) + INT.pack(flags) + INT.pack(len(kept)) + state
    specs = [string(metadata.columns[i].name) + metadata.columns[i].spec for i in kept]
    return head + metadata.table + b"".join(specs)


def _metadata(reader: Reader) -> _Metadata:
    flags, count = reader.i32(), reader.i32()
    state = reader.value() if flags & _MORE_PAGES else None
    if flags & _NO_METADATA:
        raise ProtocolError("The rows came without metadata")
    table = _table(reader) if flags & _GLOBAL_SPEC else b""
    columns = []
    for _ in range(count):
        if not flags & _GLOBAL_SPEC:
            table = _table(reader)
        name = reader.string()
        start = reader.position
        _skip_type(reader)
        columns.append(_Column(name, bytes(reader.data[start : reader.position])))
    return _Metadata(state, table, columns)


def _table(reader: Reader) -> bytes:
    return string(reader.string()) + string(reader.string())


def _skip_type(reader: Reader) -> None:
    option = reader.u16()
    if option == _CUSTOM:
        reader.string()
    elif option in (_LIST, _SET):
        _skip_type(reader)
    elif option == _MAP:
        _skip_type(reader)
        _skip_type(reader)
    elif option == _TUPLE:
        for _ in range(reader.u16()):
            _skip_type(reader)
    elif option == _UDT:
        _table(reader)
        for _ in range(reader.u16()):
            reader.string()
            _skip_type(reader)
