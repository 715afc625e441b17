"""A client's connection: cuts its bytes into frames and carries out what is decided about each.

Owns the transport, time limits and flow control. The handshake and the session decide.
"""

import asyncio
import logging
from collections.abc import Awaitable, Coroutine
from struct import error as StructError
from time import monotonic

from keyspaces_local import requests
from keyspaces_local.admin import BackendError, BackendUnavailableError
from keyspaces_local.client import Awaiting, Metered
from keyspaces_local.credentials import CredentialsError
from keyspaces_local.endpoint import Endpoint
from keyspaces_local.handshake import Handshake, Step
from keyspaces_local.protocol import (
    HEADER,
    HEADER_SIZE,
    MAX_BODY,
    VERSION,
    ErrorCode,
    Opcode,
    ProtocolError,
    error_frame,
    frame,
)
from keyspaces_local.rules import Refusal
from keyspaces_local.session import Session
from keyspaces_local.sockets import reset
from keyspaces_local.tokens import CqlSyntaxError
from keyspaces_local.upstream import Upstream, connect

HANDSHAKE_TIMEOUT = 15.0
_log = logging.getLogger(__name__)


class ClientConnection(asyncio.Protocol):
    """One client; registers itself in `open_connections` while it lives."""

    def __init__(self, endpoint: Endpoint, open_connections: set["ClientConnection"]) -> None:
        self._endpoint = endpoint
        self._open = open_connections
        self._handshake: Handshake | None = Handshake(endpoint)
        self.awaited: dict[int, Awaiting] = {}
        self.metered: dict[int, Metered] = {}
        self._session = Session(endpoint, self)
        self._last = 0.0
        self._dead = False
        self._transport: asyncio.Transport | None = None
        self._upstream: Upstream | None = None
        self._held = bytearray()
        self._needed = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a stream transport is needed")
        self._transport = transport
        self._open.add(self)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(HANDSHAKE_TIMEOUT, self._login_expired)

    def connection_lost(self, error: Exception | None) -> None:
        self._open.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        if self._upstream is not None:
            self._upstream.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def cut(self) -> None:
        """Resets the connection: the client gets no orderly end."""
        self._dead = True
        if self._transport is not None:
            reset(self._transport)

    def deliver(self, data: bytes) -> None:
        if self._transport is not None and data:
            self._transport.write(data)

    def upstream_lost(self) -> None:
        if not self._dead:
            self.close()

    def pause(self) -> None:
        """The server behind takes no more: stop reading from the client."""
        if self._transport is not None and self._transport.is_reading():
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        if self._upstream is not None:
            self._upstream.pause_reading()

    def resume_writing(self) -> None:
        if self._upstream is not None:
            self._upstream.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._dead:
            self.cut()
            return
        self._last = monotonic()
        if self._held:
            self._held += data
            if len(self._held) < self._needed:
                return
            data = bytes(self._held)
            self._held.clear()
        try:
            self._frames(data)
        except (ProtocolError, StructError, IndexError) as error:
            self._refuse(0, ErrorCode.PROTOCOL_ERROR, f"Protocol error: {error}")

    def _frames(self, data: bytes) -> None:
        """Handles each whole frame; runs of untouched ones go on in one piece."""
        size, position, sent = len(data), 0, 0
        while size - position >= HEADER_SIZE:
            version, flags, stream, opcode, length = HEADER.unpack_from(data, position)
            if version != VERSION:
                self._refuse_version(version, stream)
                return
            if length > MAX_BODY:
                raise ProtocolError(f"A request of {length} bytes is too large")
            end = position + HEADER_SIZE + length
            if end > size:
                self._needed = end - position
                break
            instead = self._frame(data, position, end, flags, stream, opcode)
            if instead is not None:
                self._forward(data, sent, position, instead)
                sent = end
            position = end
        else:
            self._needed = HEADER_SIZE
        self._forward(data, sent, position, b"")
        self._held += data[position:]

    def _forward(self, data: bytes, start: int, end: int, then: bytes) -> None:
        if self._upstream is None:
            return
        if start < end:
            self._upstream.write(data if end - start == len(data) else data[start:end])
        if then:
            self._upstream.write(then)

    def _frame(
        self, data: bytes, start: int, end: int, flags: int, stream: int, opcode: int
    ) -> bytes | None:
        if self._handshake is not None:
            self._greet(self._handshake, data[start + HEADER_SIZE : end], stream, opcode)
            return b""
        if not flags:
            return self._session.request(data, start, end, stream, opcode)
        plain = requests.without_flags(data[start:end], flags, stream, opcode)
        instead = self._session.request(plain, 0, len(plain), stream, opcode)
        return plain if instead is None else instead

    def _greet(self, handshake: Handshake, body: bytes, stream: int, opcode: int) -> None:
        try:
            answer = handshake.request(stream, opcode, body)
        except Refusal as refusal:
            _log.info("login refused: %s", refusal)
            self._refuse(stream, refusal.code, str(refusal))
            return
        except CredentialsError as error:
            _log.error("%s", error)
            self._refuse(stream, ErrorCode.SERVER_ERROR, str(error))
            return
        if answer:
            self.deliver(answer)
        if handshake.step is Step.CONNECTING:
            self._start(self._connect(handshake, stream))
        elif handshake.step is Step.DONE:
            self._handshake = None
            self.watch_idleness()

    async def _connect(self, handshake: Handshake, stream: int) -> None:
        """Answers STARTUP: drivers try again after an error here, but not after a failed login."""
        try:
            self._upstream = await connect(self._endpoint.backend, self)
        except BackendUnavailableError as error:
            self._refuse(stream, ErrorCode.SERVER_ERROR, str(error))
            return
        self.deliver(handshake.connected(stream))

    def answer_later(self, stream: int, result: Awaitable[bytes]) -> None:
        self._start(self._later(stream, result, forward=False))

    def forward_later(self, stream: int, request: Awaitable[bytes]) -> None:
        self._start(self._later(stream, request, forward=True))

    async def _later(self, stream: int, work: Awaitable[bytes], *, forward: bool) -> None:
        try:
            found = await work
            if forward:
                self._forward(found, 0, 0, found)
                return
            answer = frame(stream, Opcode.RESULT, found)
        except Refusal as refusal:
            answer = error_frame(stream, refusal.code, str(refusal))
        except CqlSyntaxError as error:
            answer = error_frame(stream, ErrorCode.SYNTAX_ERROR, str(error))
        except BackendError as error:
            answer = frame(stream, Opcode.ERROR, error.body)
        except BackendUnavailableError as error:
            answer = error_frame(stream, ErrorCode.SERVER_ERROR, str(error))
        self.awaited.pop(stream, None)
        self.deliver(answer)

    def _start(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a task of a connection failed", exc_info=error)
            self.close()

    def watch_idleness(self) -> None:
        """Cuts the connection once the client has been silent for too long.

        As behind a load balancer the client learns of it when it sends again.
        """
        if self._handshake is not None or self._dead or self._transport is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        left = self._last + self._endpoint.conduct.behaviour.idle_seconds - monotonic()
        if left > 0:
            self._timer = asyncio.get_running_loop().call_later(left, self.watch_idleness)
            return
        self._dead = True
        if self._upstream is not None:
            self._upstream.close()

    def _login_expired(self) -> None:
        if self._handshake is not None:
            self._refuse(0, ErrorCode.PROTOCOL_ERROR, "The login took too long")

    def _refuse_version(self, version: int, stream: int) -> None:
        """Drivers look for these words, and then try the next lower version."""
        text = f"Invalid or unsupported protocol version ({version & 0x7F}); supported version is 4"
        self._refuse(stream, ErrorCode.PROTOCOL_ERROR, text)

    def _refuse(self, stream: int, code: int, text: str) -> None:
        self.deliver(error_frame(stream, code, text))
        self.close()
