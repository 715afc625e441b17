"""The proxy's own connection to the Cassandra behind it: one request at a time, simple statements.

Owns connecting, reconnecting and time limits. Knows no Keyspaces rule.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keyspaces_local.protocol import (
    HEADER,
    HEADER_SIZE,
    INT,
    SHORT,
    VERSION,
    Consistency,
    Opcode,
    QueryFlag,
    ResultKind,
    frame,
    long_string,
    string,
    string_map,
    value,
)
from keyspaces_local.reader import Reader
from keyspaces_local.results import read_rows
from keyspaces_local.tokens import quoted

CONNECT_TIMEOUT = 5.0
REQUEST_TIMEOUT = 30.0
STARTUP_BODY = string_map({"CQL_VERSION": "3.0.0"})


Values = Sequence[bytes | None] | Mapping[str, bytes | None]


class BackendUnavailableError(Exception):
    """The Cassandra behind cannot be reached, or did not answer in time."""


class BackendError(Exception):
    """The Cassandra behind answered ERROR; `body` is that frame's body, for the client."""

    def __init__(self, body: bytes) -> None:
        reader = Reader(body)
        self.code, self.message = reader.i32(), reader.string()
        super().__init__(f"[{self.code:#06x}] {self.message}")
        self.body = body


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class AdminSession:
    """Sends one statement at a time; connects when needed, so it outlives a restart behind it."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock = asyncio.Lock()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def query(self, cql: str, keyspace: str | None = None) -> bytes:
        """The RESULT body of one statement; `keyspace` is USEd first.

        Raises `BackendError` or `BackendUnavailableError`.
        """
        return await self._send(_query_body(cql), keyspace)

    async def _send(self, body: bytes, keyspace: str | None) -> bytes:
        async with self._lock:
            if self._reader is not None and (self._reader.exception() or self._reader.at_eof()):
                self._drop()
            try:
                async with asyncio.timeout(REQUEST_TIMEOUT):
                    if keyspace is not None:
                        await self._request(Opcode.QUERY, _query_body(f"USE {quoted(keyspace)}"))
                    return await self._request(Opcode.QUERY, body)
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                self._drop()
                raise BackendUnavailableError(
                    f"The Cassandra behind at {self._address} does not answer: {error!r}"
                ) from error

    async def execute(self, cql: str, values: Values) -> bytes:
        """Run like `query`, with values bound in order or by name."""
        return await self._send(_query_body(cql, values), None)

    async def rows(self, cql: str) -> list[list[bytes | None]]:
        """The cells of a SELECT's first page, as wire bytes."""
        return read_rows(await self.query(cql))

    def close(self) -> None:
        self._drop()

    async def _request(self, opcode: Opcode, body: bytes) -> bytes:
        if self._writer is None:
            await self._connect()
        received, content = await self._exchange(opcode, body)
        if received == Opcode.ERROR:
            raise BackendError(content)
        return content

    async def _connect(self) -> None:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            self._reader, self._writer = await asyncio.open_connection(
                self._address.host, self._address.port
            )
            opcode, _ = await self._exchange(Opcode.STARTUP, STARTUP_BODY)
        if opcode != Opcode.READY:
            raise OSError("it wants a login; keyspaces-local needs a Cassandra without one")

    async def _exchange(self, opcode: Opcode, body: bytes) -> tuple[int, bytes]:
        if self._reader is None or self._writer is None:
            raise OSError("not connected")
        self._writer.write(frame(0, opcode, body, VERSION))
        header = await self._reader.readexactly(HEADER_SIZE)
        _, flags, _, received, length = HEADER.unpack(header)
        content = await self._reader.readexactly(length)
        if flags:
            content = strip_flagged(content, flags)
        return received, content

    def _drop(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


def strip_flagged(body: bytes, flags: int) -> bytes:
    """A response body without the tracing id and warnings that its flags announce."""
    reader = Reader(body)
    if flags & 0x02:
        reader.skip(16)
    if flags & 0x08:
        reader.string_list()
    return body[reader.position :]


def _query_body(cql: str, values: Values = ()) -> bytes:
    head = long_string(cql) + SHORT.pack(Consistency.LOCAL_QUORUM)
    if not values:
        return head + b"\0"
    count = SHORT.pack(len(values))
    if isinstance(values, Mapping):
        named = b"".join(string(name) + value(wire) for name, wire in values.items())
        return head + bytes([QueryFlag.VALUES | QueryFlag.VALUE_NAMES]) + count + named
    return head + bytes([QueryFlag.VALUES]) + count + b"".join(map(value, values))


def is_schema_change(body: bytes) -> bool:
    return bool(INT.unpack_from(body)[0] == ResultKind.SCHEMA_CHANGE)
