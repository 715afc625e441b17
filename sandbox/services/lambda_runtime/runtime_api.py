"""The Lambda Runtime API as one function process sees it.

Owns the HTTP side of the protocol: an event is handed out by `next`, the answer comes back by
`response` or `error`. What the process did is put on `reports`, in order. Knows nothing of
starting, killing or replacing processes. Each process gets a separate `RuntimeApi`, so that a dead
process can never swallow the event meant for its successor.
"""

from __future__ import annotations

import http.server
import json
import queue
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

MAX_PAYLOAD_BYTES = 6_291_556
"""The largest payload of a synchronous invocation, each way: 6 MiB and 100 bytes."""

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})

_TOO_LARGE = json.dumps(
    {
        "errorMessage": f"Exceeded maximum allowed payload size ({MAX_PAYLOAD_BYTES} bytes).",
        "errorType": "RequestEntityTooLarge",
    }
).encode()


@dataclass(frozen=True, slots=True)
class Ready:
    """The process has finished its init phase and waits for an event."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The process has begun to work on the offered event."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The handler returned; `payload` is its JSON."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """The handler, the init phase or the answer's size failed."""

    error_type: str
    message: str


@dataclass(frozen=True, slots=True)
class Exited:
    """The process has ended; a negative code is the signal that ended it."""

    returncode: int


Report = Ready | Taken | Answered | Failed | Exited


@dataclass(frozen=True, slots=True)
class Event:
    """One event on offer."""

    request_id: str
    body: bytes


class RuntimeApi:
    """Serves one process on a separate loopback port until `close`."""

    def __init__(self, function_arn: str, timeout_s: float) -> None:
        self.reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self.function_arn = function_arn
        self._timeout_s = timeout_s
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._current: str | None = None
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """The value of AWS_LAMBDA_RUNTIME_API."""
        return f"127.0.0.1:{self._server.server_port}"

    def offer(self, event: Event) -> None:
        """Hand out `event` to the next call of `next`."""
        self._events.put(event)

    def take(self) -> tuple[Event, int] | None:
        """The next event and its deadline in epoch milliseconds; None once closed."""
        self.reports.put(Ready())
        event = self._events.get()
        if event is None:
            return None
        self._current = event.request_id
        self.reports.put(Taken())
        return event, int((time.time() + self._timeout_s) * 1000)

    def settle(self, request_id: str, report: Answered | Failed) -> bool:
        """Report the end of `request_id`; False if that request is not the one in hand."""
        if request_id != self._current:
            return False
        self._current = None
        self.reports.put(report)
        return True

    def close(self) -> None:
        """Release the port and every thread that waits for an event."""
        self._events.put(None)
        # Closing the listening side wakes the accept loop at once; shutdown alone would wait
        # for its next turn.
        self._server.socket.shutdown(socket.SHUT_RDWR)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, api: RuntimeApi) -> None:
        self.api = api
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A function killed in mid-request is ordinary here; anything else is our own fault."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent: the function's own log is what people read."""

    def do_GET(self) -> None:
        taken = self.server.api.take()
        if taken is None:
            self.close_connection = True
            return
        event, deadline_ms = taken
        self._send(
            200,
            event.body,
            {
                "Lambda-Runtime-Aws-Request-Id": event.request_id,
                "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
                "Lambda-Runtime-Invoked-Function-Arn": self.server.api.function_arn,
                "Lambda-Runtime-Trace-Id": f"Root=1-{deadline_ms // 1000:08x}-{'0' * 24};Sampled=0",
            },
        )

    def do_POST(self) -> None:
        body = self._body()
        *_, request_id, what = self.path.split("/")
        if what == "response":
            self._response(request_id, body)
        elif request_id == "init":
            self.server.api.reports.put(_failure(body))
            self._send(202)
        else:
            known = self.server.api.settle(request_id, _failure(body))
            self._send(202 if known else 400)

    def _response(self, request_id: str, body: bytes) -> None:
        if len(body) <= MAX_PAYLOAD_BYTES:
            known = self.server.api.settle(request_id, Answered(body))
            self._send(202 if known else 400)
            return
        message = f"The response of {len(body)} bytes is over the limit of {MAX_PAYLOAD_BYTES}."
        self.server.api.settle(request_id, Failed("Function.ResponseSizeTooLarge", message))
        self._send(413, _TOO_LARGE)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _send(
        self, status: int, body: bytes = b"{}", headers: Mapping[str, str] = _NO_HEADERS
    ) -> None:
        self.send_response(status)
        # Without this very content type the runtime client ends in a segmentation fault.
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _failure(body: bytes) -> Failed:
    try:
        error = json.loads(body)
    except ValueError:
        return Failed("Unhandled", body[:1000].decode(errors="replace"))
    return Failed(str(error.get("errorType", "Unhandled")), str(error.get("errorMessage", "")))
