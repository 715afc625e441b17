"""The bodies of QUERY, EXECUTE and BATCH: where their parts lie. Copies no value it does not need.

Positions are offsets into the buffer that holds the frame. Knows no rule.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from keyspaces_local.protocol import (
    EXECUTE_TAIL,
    HEADER,
    HEADER_SIZE,
    INT,
    LONG,
    SHORT,
    VERSION,
    FrameFlag,
    Opcode,
    ProtocolError,
    QueryFlag,
    frame,
    value,
)
from keyspaces_local.reader import Reader
from keyspaces_local.statement import BatchType, Using

_NOT_SET = INT.pack(-2)


class Parameters(NamedTuple):
    """The parameters that follow the text or the id of a statement."""

    consistency: int
    flags: int
    values: int
    """Where the bound values start: a count, then each value."""
    end: int

    @property
    def timestamp(self) -> int | None:
        """Return the offset of the default timestamp, the last field of protocol v4's requests."""
        return self.end - LONG.size if self.flags & QueryFlag.DEFAULT_TIMESTAMP else None


def parameters(data: bytes, position: int, end: int) -> Parameters:
    consistency, flags = EXECUTE_TAIL.unpack_from(data, position)
    return Parameters(consistency, flags, position + EXECUTE_TAIL.size, end)


def execute_parameters(data: bytes, body: int, end: int) -> Parameters:
    """Return the parameters that follow the prepared id."""
    return parameters(data, body + SHORT.size + SHORT.unpack_from(data, body)[0], end)


def query_text(data: bytes, body: int, end: int) -> tuple[str, Parameters]:
    reader = Reader(data, body, end)
    text = reader.long_string()
    return text, parameters(data, reader.position, end)


def bound_value(data: bytes, found: Parameters, using: Using) -> bytes | None:
    """The value bound to the marker of `using`; None where it is null, unset or absent."""
    if not found.flags & QueryFlag.VALUES:
        return None
    count = SHORT.unpack_from(data, found.values)[0]
    position = found.values + SHORT.size
    if found.flags & QueryFlag.VALUE_NAMES:
        return _named_value(Reader(data, position, found.end), count, using.marker_name)
    if using.marker >= count:
        return None
    return _value_at(data, position, using.marker)


def _value_at(data: bytes, position: int, index: int) -> bytes | None:
    unpack = INT.unpack_from
    for _ in range(index):
        size = unpack(data, position)[0]
        position += 4 + size if size > 0 else 4
    size = unpack(data, position)[0]
    return None if size < 0 else data[position + 4 : position + 4 + size]


def _named_value(reader: Reader, count: int, name: str | None) -> bytes | None:
    for _ in range(count):
        found, value = reader.string(), reader.value()
        if found == name:
            return value
    return None


def bound_values(data: bytes, found: Parameters) -> list[bytes | None] | dict[str, bytes | None]:
    """All bound values in order, or by name where the client names them."""
    if not found.flags & QueryFlag.VALUES:
        return []
    count, position = SHORT.unpack_from(data, found.values)[0], found.values + SHORT.size
    if found.flags & QueryFlag.VALUE_NAMES:
        reader = Reader(data, position, found.end)
        return {reader.string(): reader.value() for _ in range(count)}
    values, unpack = list[bytes | None](), INT.unpack_from
    for _ in range(count):
        start = position + 4
        size = unpack(data, position)[0]
        position = start + size if size > 0 else start
        values.append(None if size < 0 else data[start:position])
    if position > found.end:
        raise ProtocolError("The frame ends inside a value")
    return values


def last_value(data: bytes, found: Parameters) -> int:
    """Return where the last bound value ends, if nothing of variable length follows it; else -1."""
    flags = found.flags
    if flags & QueryFlag.PAGING_STATE:
        return -1
    after = LONG.size if flags & QueryFlag.DEFAULT_TIMESTAMP else 0
    after += SHORT.size if flags & QueryFlag.SERIAL_CONSISTENCY else 0
    after += INT.size if flags & QueryFlag.PAGE_SIZE else 0
    return found.end - after


class Paging(NamedTuple):
    """The page that a request asks for: `size` rows after `state`; what lies at start to end."""

    size: int
    state: bytes | None
    start: int
    end: int


def paging(data: bytes, found: Parameters) -> Paging | None:
    """None where the request wants no pages."""
    if not found.flags & QueryFlag.PAGE_SIZE:
        return None
    start = _after_values(data, found)
    size, end, state = int(INT.unpack_from(data, start)[0]), start + INT.size, None
    if found.flags & QueryFlag.PAGING_STATE:
        reader = Reader(data, end, found.end)
        state, end = reader.value(), reader.position
    return Paging(size, state, start, end) if size > 0 else None


def _after_values(data: bytes, found: Parameters) -> int:
    """Return where what follows the bound values is."""
    if not found.flags & QueryFlag.VALUES:
        return found.values
    count, position = SHORT.unpack_from(data, found.values)[0], found.values + SHORT.size
    named, unpack = found.flags & QueryFlag.VALUE_NAMES, INT.unpack_from
    for _ in range(count):
        if named:
            position += SHORT.size + SHORT.unpack_from(data, position)[0]
        size = unpack(data, position)[0]
        position += 4 + size if size > 0 else 4
    return position


def with_paging(
    whole: bytes, found: Parameters, paging: Paging, size: int, state: bytes | None
) -> bytes:
    """The frame `whole`, asking for that page in place of `paging`."""
    flags = found.flags & ~QueryFlag.PAGING_STATE
    page = INT.pack(size)
    if state is not None:
        flags, page = flags | QueryFlag.PAGING_STATE, page + value(state)
    head = whole[: found.values - 1] + bytes([flags]) + whole[found.values : paging.start]
    return reframed(whole, head + page + whole[paging.end :])


@dataclass(frozen=True, slots=True)
class BatchEntry:
    """One statement of a BATCH frame: its text or its prepared id, and where its values start.

    `start` and `end` are the places of the whole entry.
    """

    text: str | None
    prepared_id: bytes | None
    values: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class BatchRequest:
    batch_type: BatchType
    entries: tuple[BatchEntry, ...]
    parameters: Parameters
    tail: int
    """Where the consistency starts, which follows the entries."""

    def entry_parameters(self, entry: BatchEntry) -> Parameters:
        """Return the parameters as if the entry were a separate request, for `bound_value`."""
        return Parameters(self.parameters.consistency, QueryFlag.VALUES, entry.values, entry.end)


def batch_request(data: bytes, body: int, end: int) -> BatchRequest:
    reader = Reader(data, body, end)
    try:
        batch_type = BatchType(reader.byte())
    except ValueError as error:
        raise ProtocolError("Unknown batch type") from error
    entries = tuple(_entry(reader) for _ in range(reader.u16()))
    tail = reader.position
    return BatchRequest(batch_type, entries, parameters(data, tail, end), tail)


def _entry(reader: Reader) -> BatchEntry:
    start = reader.position
    kind = reader.byte()
    if kind not in (0, 1):
        raise ProtocolError("Unknown statement kind in a batch")
    text = reader.long_string() if kind == 0 else None
    prepared_id = reader.short_bytes() if kind == 1 else None
    values = reader.position
    _skip_values(reader)
    return BatchEntry(text, prepared_id, values, start, reader.position)


def _skip_values(reader: Reader) -> None:
    count, data = reader.u16(), reader.data
    position, unpack = reader.position, INT.unpack_from
    for _ in range(count):
        size = unpack(data, position)[0]
        position += 4 + size if size > 0 else 4
    reader.skip(position - reader.position)


def batch_of(whole: bytes, request: BatchRequest, entries: Sequence[bytes]) -> bytes:
    """The BATCH frame `whole` with these entries in place of those it has."""
    head = bytes([request.batch_type.value]) + SHORT.pack(len(entries))
    stream = HEADER.unpack_from(whole)[2]
    body = head + b"".join(entries) + whole[request.tail :]
    return frame(stream, Opcode.BATCH, body, VERSION)


def with_unset(data: bytes, values: int, markers: Collection[int]) -> bytes:
    """`data` with "not set" bound to those markers; the count of its values is at `values`."""
    count, position = SHORT.unpack_from(data, values)[0], values + SHORT.size
    parts, kept = [], 0
    for index in range(count):
        after = position + INT.size + max(0, INT.unpack_from(data, position)[0])
        if index in markers:
            parts += [data[kept:position], _NOT_SET]
            kept = after
        position = after
    return b"".join([*parts, data[kept:]])


def reframed(whole: bytes, changed: bytes) -> bytes:
    """The frame `changed`, which was `whole`, with the length that it now has."""
    _, _, stream, opcode, _ = HEADER.unpack_from(whole)
    return frame(stream, opcode, changed[HEADER_SIZE:], VERSION)


def without_flags(whole: bytes, flags: int, stream: int, opcode: int) -> bytes:
    """A request without the wish for tracing, and without a custom payload: both are ignored."""
    if flags & FrameFlag.COMPRESSION:
        raise ProtocolError("Compression was not agreed on")
    reader = Reader(whole, HEADER_SIZE)
    if flags & FrameFlag.CUSTOM_PAYLOAD:
        for _ in range(reader.u16()):
            reader.string()
            reader.skip_value()
    return frame(stream, opcode, whole[reader.position :], VERSION)
