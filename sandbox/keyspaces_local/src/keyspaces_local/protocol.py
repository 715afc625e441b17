"""The words of the CQL native protocol, version 4: frames, codes and primitive values.

Owns the byte layout. Knows nothing of CQL text, of Keyspaces' rules, or of sockets.
"""

from collections.abc import Iterable
from enum import IntEnum
from struct import Struct

VERSION = 4
RESPONSE_VERSION = 0x80 | VERSION
HEADER_SIZE = 9
MAX_BODY = 32 * 1024 * 1024
"""Largest request body taken, in bytes; twice Cassandra's own default."""

HEADER = Struct(">BBhBI")
"""version, flags, stream, opcode, body length"""

SHORT = Struct(">H")
INT = Struct(">i")
LONG = Struct(">q")
EXECUTE_TAIL = Struct(">HB")
"""consistency, flags: what follows the prepared id"""

Buffer = bytes | bytearray | memoryview


class Opcode(IntEnum):
    ERROR = 0x00
    STARTUP = 0x01
    READY = 0x02
    AUTHENTICATE = 0x03
    OPTIONS = 0x05
    SUPPORTED = 0x06
    QUERY = 0x07
    RESULT = 0x08
    PREPARE = 0x09
    EXECUTE = 0x0A
    REGISTER = 0x0B
    EVENT = 0x0C
    BATCH = 0x0D
    AUTH_CHALLENGE = 0x0E
    AUTH_RESPONSE = 0x0F
    AUTH_SUCCESS = 0x10


class ErrorCode(IntEnum):
    SERVER_ERROR = 0x0000
    PROTOCOL_ERROR = 0x000A
    BAD_CREDENTIALS = 0x0100
    WRITE_TIMEOUT = 0x1100
    READ_TIMEOUT = 0x1200
    SYNTAX_ERROR = 0x2000
    UNAUTHORIZED = 0x2100
    INVALID = 0x2200
    UNPREPARED = 0x2500


class Consistency(IntEnum):
    ANY = 0x0000
    ONE = 0x0001
    TWO = 0x0002
    THREE = 0x0003
    QUORUM = 0x0004
    ALL = 0x0005
    LOCAL_QUORUM = 0x0006
    EACH_QUORUM = 0x0007
    SERIAL = 0x0008
    LOCAL_SERIAL = 0x0009
    LOCAL_ONE = 0x000A


class ResultKind(IntEnum):
    VOID = 1
    ROWS = 2
    SET_KEYSPACE = 3
    PREPARED = 4
    SCHEMA_CHANGE = 5


class FrameFlag(IntEnum):
    COMPRESSION = 0x01
    TRACING = 0x02
    CUSTOM_PAYLOAD = 0x04
    WARNING = 0x08


class QueryFlag(IntEnum):
    VALUES = 0x01
    SKIP_METADATA = 0x02
    PAGE_SIZE = 0x04
    PAGING_STATE = 0x08
    SERIAL_CONSISTENCY = 0x10
    DEFAULT_TIMESTAMP = 0x20
    VALUE_NAMES = 0x40


class ProtocolError(Exception):
    """The peer broke the protocol; the text goes back to it and the connection ends."""


def frame(stream: int, opcode: int, body: bytes = b"", version: int = RESPONSE_VERSION) -> bytes:
    """A whole frame without flags."""
    return HEADER.pack(version, 0, stream, opcode, len(body)) + body


def error_frame(stream: int, code: int, message: str, extra: bytes = b"") -> bytes:
    """An ERROR frame; `extra` is what the code demands after the text."""
    return frame(stream, Opcode.ERROR, INT.pack(code) + string(message) + extra)


def string(text: str) -> bytes:
    data = text.encode()
    return SHORT.pack(len(data)) + data


def long_string(text: str) -> bytes:
    data = text.encode()
    return INT.pack(len(data)) + data


def value(data: bytes | None) -> bytes:
    """A [bytes]: length and content, or -1 for null."""
    return INT.pack(-1) if data is None else INT.pack(len(data)) + data


def string_list(items: Iterable[str]) -> bytes:
    encoded = [string(item) for item in items]
    return SHORT.pack(len(encoded)) + b"".join(encoded)


def string_map(items: dict[str, str]) -> bytes:
    pairs = [string(key) + string(text) for key, text in items.items()]
    return SHORT.pack(len(pairs)) + b"".join(pairs)


def string_multimap(items: dict[str, list[str]]) -> bytes:
    pairs = [string(key) + string_list(texts) for key, texts in items.items()]
    return SHORT.pack(len(pairs)) + b"".join(pairs)
