"""Puts a proxy together and runs it until told to stop. The one place where parts are made."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keyspaces_local import credentials, tls
from keyspaces_local.admin import Address, AdminSession, BackendUnavailableError
from keyspaces_local.behaviour import Conduct
from keyspaces_local.catalog import Catalog
from keyspaces_local.connection import ClientConnection
from keyspaces_local.control_port import ControlPort
from keyspaces_local.ddl import ControlPlane, replication_literal
from keyspaces_local.endpoint import Endpoint
from keyspaces_local.lookups import Lookups
from keyspaces_local.progress import Progress
from keyspaces_local.views import RELEASE, SCHEMA_VERSION, system_views

_POLL = 0.25
_CLOSING = 2.0
_LOOK_SECONDS = 0.5
_COPIES = 3


class StartError(Exception):
    """The proxy cannot start; the message names the cause and the fix."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of `serve`; `wait_seconds` bounds the wait for the server behind.

    `peers` are further addresses to listen on, which `system.peers` then shows. `control` is where
    the control port listens, if anywhere.
    """

    listen: Address
    backend: Address
    region: str
    state: Path
    wait_seconds: float
    peers: tuple[str, ...] = ()
    control: Address | None = None
    parent: int | None = None
    """The process that started this one, where it is to end with it."""


async def serve(settings: Settings, announce: Callable[[], None]) -> None:
    """Serves until SIGTERM or SIGINT; calls `announce` once clients can connect."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watching = loop.create_task(_end_with(settings.parent, stop))
    admin = AdminSession(settings.backend)
    try:
        starting = loop.create_task(open_endpoint(settings, admin))
        if await _unless_stopped(starting, stop):
            await _run(settings, starting.result(), announce, stop)
    finally:
        watching.cancel()
        admin.close()


async def _end_with(parent: int | None, stop: asyncio.Event) -> None:
    """However the parent ended: this process then has another."""
    while parent in (None, os.getppid()):
        await asyncio.sleep(_LOOK_SECONDS)
    stop.set()


async def _unless_stopped(work: asyncio.Task[Endpoint], stop: asyncio.Event) -> bool:
    """True when `work` is done; False, with it cancelled, when told to stop before."""
    stopping = asyncio.create_task(stop.wait())
    both: set[asyncio.Task[Any]] = {work, stopping}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not work.done():
        work.cancel()
        return False
    return True


async def _run(
    settings: Settings, endpoint: Endpoint, announce: Callable[[], None], stop: asyncio.Event
) -> None:
    connections: set[ClientConnection] = set()
    server = await listen(settings, endpoint, connections)
    port = await listen_for_control(settings, endpoint)
    announce()
    await stop.wait()
    server.close()
    if port is not None:
        port.close()
    for connection in list(connections):
        connection.close()
    deadline = time.monotonic() + _CLOSING
    while connections and time.monotonic() < deadline:
        await asyncio.sleep(0.01)


async def listen(
    settings: Settings, endpoint: Endpoint, connections: set[ClientConnection]
) -> asyncio.Server:
    """Takes TLS connections from now on; `connections` holds those that are open."""
    names = tls.server_names(settings.listen.host, settings.region)
    context = tls.server_context(settings.state, names)

    def watch_idleness() -> None:
        for connection in connections:
            connection.watch_idleness()

    endpoint.conduct.listeners.append(watch_idleness)
    try:
        return await asyncio.get_running_loop().create_server(
            lambda: ClientConnection(endpoint, connections),
            [settings.listen.host, *settings.peers],
            settings.listen.port,
            ssl=context,
            backlog=512,
        )
    except OSError as error:
        raise StartError(
            f"Cannot listen on {settings.listen}: {_reason(error)}; choose another --listen."
        ) from error


async def listen_for_control(settings: Settings, endpoint: Endpoint) -> asyncio.Server | None:
    """Takes HTTP requests on the control port from now on, if there is to be one."""
    if settings.control is None:
        return None
    port = ControlPort(endpoint.conduct, endpoint.catalog)
    try:
        return await asyncio.start_server(port.serve, settings.control.host, settings.control.port)
    except OSError as error:
        raise StartError(
            f"Cannot listen on {settings.control}: {_reason(error)}; choose another --control."
        ) from error


async def open_endpoint(settings: Settings, admin: AdminSession) -> Endpoint:
    """Waits for the server behind and reads what it holds; raises `StartError`."""
    settings.state.mkdir(parents=True, exist_ok=True)
    credentials.load_or_create(settings.state)
    datacenter = await _await_backend(settings, admin)
    peers = await admin.rows("SELECT peer FROM system.peers")
    replication = replication_literal(datacenter, min(_COPIES, len(peers) + 1))
    catalog = Catalog(admin, settings.region)
    await catalog.load(replication, int(time.time() * 1000))
    conduct = Conduct()
    progress = Progress(conduct)
    control = ControlPlane(
        admin, catalog, progress, region=settings.region, replication=replication
    )
    shown = (settings.listen.host, *settings.peers) if settings.peers else ()
    await catalog.show_peers(shown, SCHEMA_VERSION, RELEASE.decode())
    views = system_views(settings.listen.host, settings.region, peers=bool(shown))
    lookups = Lookups(AdminSession(settings.backend))
    return Endpoint(
        settings.region, settings.state, settings.backend, catalog, control, views, lookups, conduct
    )


async def _await_backend(settings: Settings, admin: AdminSession) -> str:
    """The datacenter behind, as soon as it answers."""
    deadline = time.monotonic() + settings.wait_seconds
    while True:
        try:
            rows = await admin.rows("SELECT data_center FROM system.local")
            return (rows[0][0] or b"").decode()
        except BackendUnavailableError as error:
            if time.monotonic() >= deadline:
                raise StartError(
                    f"{error}. Waited {settings.wait_seconds:g} s; start it, or check --backend."
                ) from error
        await asyncio.sleep(_POLL)


def _reason(error: OSError) -> str:
    """The system's own words: the event loop wraps them in others."""
    return os.strerror(error.errno) if error.errno else str(error)
