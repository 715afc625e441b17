"""The operations on sockets that asyncio's transports do not offer."""

import asyncio
import socket
from struct import Struct

_RESET_AT_ONCE = Struct("ii").pack(1, 0)


def reset(transport: asyncio.Transport) -> None:
    """Ends a connection with a TCP reset, without an orderly end of TLS."""
    if (found := transport.get_extra_info("socket")) is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_ONCE)
    transport.abort()
