"""An AWS account on loopback: ministack, with what it lacks. `python -m tests.rehearsal.emulator`.

The environment says where: GATEWAY_PORT, MINISTACK_ACCOUNT_ID, MINISTACK_REGION. Beside the
account's own API it answers `/_rehearsal/state` (what is there) and takes, at `/_rehearsal/fail`,
which resources are to fail once.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app as account

from tests.rehearsal.emulator import control_plane, lacking, world

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer what is asked of the rehearsal, and hand on the rest."""
    path = scope.get("path", "")
    operation = _of_keyspaces(scope)
    if operation:
        await _send(send, *control_plane.answer(operation, await _body(receive)))
        return
    if scope["type"] != "http" or not path.startswith("/_rehearsal/"):
        await account(scope, receive, send)
        return
    asked = json.loads(await _body(receive) or b"{}")
    if path.endswith("/fail"):
        world.FAILING.append(world.Failure(**asked))
    elif path.endswith("/keyspaces"):
        for statement in asked["statements"]:
            world.KEYSPACES.run(statement)
    await _send(send, 200, json.dumps(world.state()).encode())


def _of_keyspaces(scope: Scope) -> str:
    """Return the operation of Keyspaces that is called, or nothing."""
    called = dict(scope.get("headers", ())).get(b"x-amz-target", b"").decode()
    _, is_ours, operation = called.rpartition(control_plane.TARGET)
    return operation if is_ours else ""


async def _send(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


def main() -> None:
    """Serve until the process is ended."""
    lacking.install()
    config = Config()
    config.bind = [f"127.0.0.1:{os.environ['GATEWAY_PORT']}"]
    config.loglevel = "WARNING"
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main()
