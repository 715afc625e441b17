"""A client's twin connection to the Cassandra behind. Passes frames on; opens the awaited ones.

Owns cutting the response stream: what nobody awaits is forwarded as it arrives, unbuffered.
"""

import asyncio
from typing import Protocol

from keyspaces_local.admin import CONNECT_TIMEOUT, STARTUP_BODY, Address, BackendUnavailableError
from keyspaces_local.client import Awaiting, Metered
from keyspaces_local.protocol import HEADER, HEADER_SIZE, VERSION, Opcode, frame
from keyspaces_local.responses import Response


class Downstream(Protocol):
    """The client's side, as the twin sees it."""

    awaited: dict[int, Awaiting]
    metered: dict[int, Metered]

    def deliver(self, data: bytes) -> None: ...
    def upstream_lost(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


class Upstream(asyncio.Protocol):
    """One connection behind, for one client; open it with `connect`."""

    def __init__(self, downstream: Downstream) -> None:
        self._downstream = downstream
        self._transport: asyncio.Transport | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._held = bytearray()
        self._needed = 0
        self._passing = 0
        """bytes still to come of a frame that is passed on as it arrives"""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a stream transport is needed")
        self._transport = transport
        transport.write(frame(0, Opcode.STARTUP, STARTUP_BODY, VERSION))

    async def started(self) -> None:
        await self._ready

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def pause_reading(self) -> None:
        if self._transport is not None and self._transport.is_reading():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        self._downstream.pause()

    def resume_writing(self) -> None:
        self._downstream.resume()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._ready.done():
            self._ready.set_exception(ConnectionResetError("closed during start-up"))
        self._downstream.upstream_lost()

    def data_received(self, data: bytes) -> None:
        if self._held:
            self._held += data
            if len(self._held) < self._needed:
                return
            data = bytes(self._held)
            self._held.clear()
        if not self._ready.done():
            self._start(data)
            return
        self._pass(data)

    def _start(self, data: bytes) -> None:
        if len(data) < HEADER_SIZE:
            self._held += data
        elif HEADER.unpack_from(data)[3] == Opcode.READY:
            self._ready.set_result(None)
        else:
            self._ready.set_exception(ConnectionError("it wants a login"))

    def _pass(self, data: bytes) -> None:
        """Forwards whole runs of bytes, cutting out only the frames that are awaited."""
        size, sent = len(data), 0
        position = self._passing
        awaited, metered = self._downstream.awaited, self._downstream.metered
        while position + HEADER_SIZE <= size:
            _, _, stream, _, length = HEADER.unpack_from(data, position)
            end = position + HEADER_SIZE + length
            if metered and stream in metered:
                metered.pop(stream).add(length)
            if awaited and stream in awaited:
                self._deliver(data, sent, position)
                sent = position
                if end > size:
                    self._needed = end - position
                    break
                answer = awaited.pop(stream)(Response.of(data[position:end]))
                self._downstream.deliver(answer)
                sent = end
            position = end
        else:
            if position >= size:
                self._passing = position - size
                self._deliver(data, sent, size)
                return
            self._deliver(data, sent, position)
            self._needed = HEADER_SIZE
        self._passing = 0
        self._held += data[position:]

    def _deliver(self, data: bytes, start: int, end: int) -> None:
        if start < end:
            self._downstream.deliver(data if end - start == len(data) else data[start:end])


async def connect(address: Address, downstream: Downstream) -> Upstream:
    """A started connection behind; raises `BackendUnavailableError`."""
    loop = asyncio.get_running_loop()
    upstream: Upstream | None = None
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            _, upstream = await loop.create_connection(
                lambda: Upstream(downstream), address.host, address.port
            )
            await upstream.started()
    except (OSError, TimeoutError) as error:
        if upstream is not None:
            upstream.close()
        raise BackendUnavailableError(f"The Cassandra behind is not available: {error}") from error
    return upstream
