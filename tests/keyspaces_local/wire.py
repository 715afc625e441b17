"""A raw CQL client, a stub of the server behind, and a proxy between them in one event loop."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from keyspaces_local import credentials, sigv4, tls
from keyspaces_local.admin import Address, AdminSession
from keyspaces_local.connection import ClientConnection
from keyspaces_local.endpoint import Endpoint
from keyspaces_local.properties import TableSettings
from keyspaces_local.protocol import (
    HEADER,
    INT,
    LONG,
    SHORT,
    VERSION,
    Consistency,
    ErrorCode,
    Opcode,
    ResultKind,
    error_frame,
    frame,
    long_string,
    string,
    string_map,
    value,
)
from keyspaces_local.reader import Reader
from keyspaces_local.server import Settings, listen, open_endpoint

REGION = "us-east-1"
VOID = INT.pack(ResultKind.VOID)
_TEXT = SHORT.pack(0x0D)


@dataclass(frozen=True, slots=True)
class Message:
    flags: int
    stream: int
    opcode: int
    body: bytes

    @property
    def error(self) -> tuple[int, str]:
        assert self.opcode == Opcode.ERROR, f"{self.opcode:#x} is not an error"
        reader = Reader(self.body)
        return reader.i32(), reader.string()


async def read_message(reader: asyncio.StreamReader) -> Message:
    async with asyncio.timeout(5):
        _, flags, stream, opcode, length = HEADER.unpack(await reader.readexactly(9))
        return Message(flags, stream, opcode, await reader.readexactly(length))


def text_rows(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """A ROWS body of text columns of system.local."""
    head = INT.pack(ResultKind.ROWS) + INT.pack(1) + INT.pack(len(columns))
    specs = b"".join(string(name) + _TEXT for name in columns)
    cells = b"".join(value(cell.encode()) for row in rows for cell in row)
    return head + string("system") + string("local") + specs + INT.pack(len(rows)) + cells


@dataclass
class StubBackend:
    """Answers as a Cassandra would, as far as the proxy looks; remembers what clients sent."""

    received: list[Message] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    server: asyncio.Server | None = None
    answers: dict[str, bytes | Callable[[Message], bytes]] = field(default_factory=dict)
    """RESULT bodies, or what makes them of the request, by a piece of the statement's text"""
    fails: str = "\0"
    """a piece of the texts that are answered with an error"""

    async def start(self, host: str, port: int) -> int:
        self.server = await asyncio.start_server(self._serve, host, port)
        return int(self.server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stops listening and cuts every connection."""
        assert self.server is not None
        self.server.close()
        for writer in self.writers:
            writer.close()
        self.writers.clear()
        await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while True:
                header = await reader.readexactly(9)
                _, flags, stream, opcode, length = HEADER.unpack(header)
                message = Message(flags, stream, opcode, await reader.readexactly(length))
                self.received.append(message)
                writer.write(self._answer(message))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, message: Message) -> bytes:
        if message.opcode in (Opcode.STARTUP, Opcode.REGISTER):
            return frame(message.stream, Opcode.READY)
        if message.opcode == Opcode.PREPARE:
            identity = hashlib.md5(message.body, usedforsecurity=False).digest()
            metadata = INT.pack(0) * 3
            body = INT.pack(ResultKind.PREPARED) + SHORT.pack(16) + identity + metadata * 2
            return frame(message.stream, Opcode.RESULT, body)
        if message.opcode == Opcode.QUERY and self.fails in Reader(message.body).long_string():
            return error_frame(message.stream, ErrorCode.INVALID, "refused behind")
        if message.opcode == Opcode.QUERY:
            return frame(message.stream, Opcode.RESULT, self._query(message))
        return frame(message.stream, Opcode.RESULT, VOID)

    def _query(self, message: Message) -> bytes:
        text = Reader(message.body).long_string()
        for piece, body in self.answers.items():
            if piece in text:
                return body if isinstance(body, bytes) else body(message)
        if "data_center" in text:
            return text_rows(["data_center"], [["dc1"]])
        return VOID

    def sent(self, opcode: Opcode) -> list[Message]:
        return [message for message in self.received if message.opcode == opcode]


class RawClient:
    """Frames in, frames out, over TLS."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, opcode: Opcode, body: bytes = b"", stream: int = 1) -> Message:
        self.writer.write(frame(stream, opcode, body, VERSION))
        return await read_message(self.reader)

    async def query(
        self, text: str, level: Consistency = Consistency.LOCAL_QUORUM, tail: bytes = b"\0"
    ) -> Message:
        return await self.ask(Opcode.QUERY, long_string(text) + SHORT.pack(level) + tail)

    async def prepare(self, text: str) -> bytes:
        """The id of the prepared statement."""
        message = await self.ask(Opcode.PREPARE, long_string(text))
        reader = Reader(message.body)
        assert reader.i32() == ResultKind.PREPARED
        return reader.short_bytes()

    async def execute(
        self,
        prepared_id: bytes,
        values: Sequence[bytes | None] = (),
        level: Consistency = Consistency.LOCAL_QUORUM,
        default_time: int | None = None,
    ) -> Message:
        return await self.ask(
            Opcode.EXECUTE, execute_body(prepared_id, values, level, default_time)
        )

    async def start(self) -> Message:
        return await self.ask(Opcode.STARTUP, string_map({"CQL_VERSION": "3.0.0"}))

    async def login(self, key: sigv4.AcceptedKey, age: timedelta = timedelta()) -> Message:
        """Logs in with a date of so long ago."""
        assert (await self.start()).opcode == Opcode.AUTHENTICATE
        challenge = await self.ask(Opcode.AUTH_RESPONSE, value(sigv4.INITIAL_RESPONSE))
        nonce = (Reader(challenge.body).value() or b"").removeprefix(b"nonce=")
        return await self.ask(Opcode.AUTH_RESPONSE, value(answer(key, nonce, age)))

    async def at_end(self) -> bool:
        async with asyncio.timeout(5):
            return await self.reader.read() == b""


def answer(key: sigv4.AcceptedKey, nonce: bytes, age: timedelta = timedelta()) -> bytes:
    amzdate = f"{datetime.now(UTC) - age:%Y-%m-%dT%H:%M:%S}.000Z"
    signature = sigv4.sign(key, amzdate=amzdate, nonce=nonce, region=REGION)
    return f"signature={signature},access_key={key.access_key_id},amzdate={amzdate}".encode()


def execute_body(
    prepared_id: bytes,
    values: Sequence[bytes | None],
    level: Consistency = Consistency.LOCAL_QUORUM,
    default_time: int | None = None,
) -> bytes:
    flags = (1 if values else 0) | (0 if default_time is None else 0x20)
    bound = SHORT.pack(len(values)) + b"".join(map(value, values)) if values else b""
    tail = b"" if default_time is None else LONG.pack(default_time)
    head = SHORT.pack(len(prepared_id)) + prepared_id + SHORT.pack(level)
    return head + bytes([flags]) + bound + tail


@dataclass
class Running:
    stub: StubBackend
    settings: Settings
    endpoint: Endpoint
    connections: set[ClientConnection]
    port: int
    clients: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connect(self) -> RawClient:
        context = ssl.create_default_context(cafile=self.settings.state / tls.CA_FILE)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context)
        self.clients.append(writer)
        return RawClient(reader, writer)

    async def client(self) -> RawClient:
        """A logged-in client."""
        client = await self.connect()
        done = await client.login(credentials.load(self.settings.state).key)
        assert done.opcode == Opcode.AUTH_SUCCESS
        return client

    def add_table(self, table: str, **switches: bool) -> TableSettings:
        """Makes keyspace ks with a table known to the proxy."""
        status = {name: {"status": "enabled"} for name, on in switches.items() if on}
        settings = TableSettings("ks", table, properties=status)
        self.endpoint.catalog.keyspaces.add("ks")
        self.endpoint.catalog.publish(settings)
        return settings


@asynccontextmanager
async def running(state: Path) -> AsyncIterator[Running]:
    """A proxy on a port of its own, before a stub."""
    stub = StubBackend()
    backend = Address("127.0.0.1", await stub.start("127.0.0.1", 0))
    settings = Settings(Address("127.0.0.1", 0), backend, REGION, state, 5)
    admin = AdminSession(backend)
    connections: set[ClientConnection] = set()
    endpoint = await open_endpoint(settings, admin)
    server = await listen(settings, endpoint, connections)
    port = server.sockets[0].getsockname()[1]
    stub.received.clear()
    proxy = Running(stub, settings, endpoint, connections, port)
    try:
        yield proxy
    finally:
        for writer in proxy.clients:
            writer.close()
        server.close()
        await _until_none(connections)
        admin.close()
        endpoint.lookups.admin.close()
        await stub.stop()


async def _until_none(connections: set[ClientConnection]) -> None:
    async with asyncio.timeout(5):
        while connections:
            await asyncio.sleep(0.01)
