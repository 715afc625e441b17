"""The control port: a small HTTP server on loopback that changes the endpoint's conduct.

| request | does |
|---|---|
| GET, PUT, DELETE /behaviour | shows, changes fields of, resets `behaviour.Behaviour` |
| GET, POST, DELETE /faults, DELETE /faults/N | shows with counts, arms, disarms faults |
| PUT /capacity/KEYSPACE.TABLE, DELETE /capacity | sets a table's units a second, forgets all |
| GET, DELETE /meters | shows, resets what each table has used |

Bodies are JSON (`messages`). Use `control.Control` from Python.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from urllib.parse import unquote

from keyspaces_local import messages
from keyspaces_local.behaviour import Behaviour, Conduct
from keyspaces_local.catalog import Catalog
from keyspaces_local.messages import Message

_LARGEST = 64 * 1024
_TIMEOUT = 10.0


class _NotFoundError(Exception):
    """No such path, or nothing of that name."""


class ControlPort:
    """Answers the requests above."""

    def __init__(self, conduct: Conduct, catalog: Catalog) -> None:
        self._conduct, self._catalog = conduct, catalog
        self._routes: dict[tuple[str, str], Callable[[str, Message], Message]] = {
            ("GET", "behaviour"): lambda rest, body: self._behaviour(),
            ("PUT", "behaviour"): self._change_behaviour,
            ("DELETE", "behaviour"): self._reset_behaviour,
            ("GET", "faults"): self._faults,
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("PUT", "capacity"): self._set_capacity,
            ("DELETE", "capacity"): self._clear_capacity,
            ("GET", "meters"): self._meters,
            ("DELETE", "meters"): self._reset_meters,
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: one request, one answer."""
        try:
            async with asyncio.timeout(_TIMEOUT):
                status, answer = await self._exchange(reader)
                body = json.dumps(answer).encode()
                head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
                head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # A client that went away has no use for an answer.
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader) -> tuple[str, Message]:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ")
            length = int(_header(head, "content-length") or 0)
            if length > _LARGEST:
                raise ValueError(f"a body has at most {_LARGEST} bytes")
            body = json.loads(await reader.readexactly(length) or b"{}")
            return "200 OK", self._answer(method, path, body)
        except _NotFoundError as error:
            return "404 Not Found", {"error": str(error)}
        except (ValueError, TypeError, asyncio.LimitOverrunError) as error:
            return "400 Bad Request", {"error": str(error)}

    def _answer(self, method: str, path: str, body: Message) -> Message:
        name, _, rest = path.strip("/").partition("/")
        route = self._routes.get((method, name))
        if route is None:
            raise _NotFoundError(f"{method} {path} is nothing that the control port knows")
        return route(unquote(rest), body)

    def _behaviour(self) -> Message:
        return messages.behaviour_message(self._conduct.behaviour)

    def _change_behaviour(self, rest: str, body: Message) -> Message:
        self._conduct.behave(messages.behaviour_of(body, self._conduct.behaviour))
        return self._behaviour()

    def _reset_behaviour(self, rest: str, body: Message) -> Message:
        self._conduct.behave(Behaviour())
        return self._behaviour()

    def _faults(self, rest: str, body: Message) -> Message:
        counts = [armed.count() for armed in self._conduct.faults]
        return {"faults": [messages.fault_count_message(count) for count in counts]}

    def _add_fault(self, rest: str, body: Message) -> Message:
        return {"number": self._conduct.add_fault(messages.fault_of(body)).number}

    def _clear_faults(self, rest: str, body: Message) -> Message:
        number = int(rest) if rest else None
        if number is not None and number not in {armed.number for armed in self._conduct.faults}:
            raise _NotFoundError(f"no fault has the number {number}")
        self._conduct.clear_faults(number)
        return {}

    def _set_capacity(self, rest: str, body: Message) -> Message:
        capacity = messages.capacity_of(body)
        if rest not in {table.full_name for table in self._catalog.tables.values()}:
            raise _NotFoundError(f"there is no table {rest}: name it KEYSPACE.TABLE")
        self._conduct.capacities.set(rest, capacity)
        self._conduct.refresh()
        return asdict(capacity)

    def _clear_capacity(self, rest: str, body: Message) -> Message:
        self._conduct.capacities.clear()
        self._conduct.refresh()
        return {}

    def _meters(self, rest: str, body: Message) -> Message:
        tables = self._catalog.tables.values()
        return {table.full_name: asdict(table.meter.reading()) for table in tables}

    def _reset_meters(self, rest: str, body: Message) -> Message:
        for table in self._catalog.tables.values():
            table.meter.reset()
        return {}


def _header(head: list[str], name: str) -> str | None:
    for line in head[1:]:
        key, _, text = line.partition(":")
        if key.strip().lower() == name:
            return text.strip()
    return None
