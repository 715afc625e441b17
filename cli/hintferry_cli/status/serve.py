"""Serve the page of a migration to browsers: read-only, and from memory.

One thread looks at the tables at a bounded rate; however many browsers ask, they get its last page.
"""

from __future__ import annotations

import gzip
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv6Address, ip_address
from socket import AF_INET6
from threading import Thread
from typing import Any, cast

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from hintferry.core.errors import ConfigurationError, HintferryError
from hintferry_cli.console import say
from hintferry_cli.failures import sentence
from hintferry_cli.next_steps import as_json
from hintferry_cli.pages.migration import Live, migration_page
from hintferry_cli.pages.page import POLICY
from hintferry_cli.status.history import History
from hintferry_cli.status.watcher import Watcher, Whole

LOOPBACK, PORT = "127.0.0.1", 8722

LEAST_S, FIRST_S = 10.0, 2.0
TABLES_A_SECOND = 10.0
"""Between two looks lie at least LEAST_S, and so long that no more tables are looked at on average.
After the first look the markers get FIRST_S to arrive."""

REQUEST_WITHIN_S = 10.0
"""A browser that sends its request more slowly is cut off."""

_NAMES = ("localhost", "127.0.0.1", "[::1]")
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(?::\d+)?\Z")

HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Listen:
    """Hold the address to listen on."""

    address: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Return whether only this machine reaches it."""
        return ip_address(self.address).is_loopback

    @property
    def host(self) -> str:
        """Return the address as a URL has it."""
        is_long = isinstance(ip_address(self.address), IPv6Address)
        return f"[{self.address}]" if is_long else self.address

    def is_ours(self, header: str | None) -> bool:
        """Return whether a browser that sends this Host header meant this server.

        Another site can give its own name our address (DNS rebinding); then the name is its own.
        The port does not matter: a tunnel may have another one at its end.
        """
        found = _HOST.match(header or "")
        return found is not None and found[1].lower() in {*_NAMES, self.host.lower()}


def listen(address: str, port: int) -> Listen:
    """Return where to listen. Raises ConfigurationError."""
    try:
        found = ip_address(address)
    except ValueError:
        raise ConfigurationError(
            f"--address {address} is not an IP address; give one of this machine"
        ) from None
    if found.is_unspecified:
        raise ConfigurationError(
            f"--address {address} would listen on every network; give the one address of this"
            " machine by which the page may be reached"
        )
    return Listen(str(found), port)


def check_alone(found: Listen | None, address: str, port: int, *, alone: bool) -> None:
    """Raise ConfigurationError where options of one way to answer stand beside another."""
    if found is None and (address, port) != (LOOPBACK, PORT):
        raise ConfigurationError("--address and --port belong to --serve; add it")
    if found is not None and not alone:
        raise ConfigurationError(
            "--serve cannot be combined with --watch, --json or --html; the page has /status.json"
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """The content of one path, as it is and compressed."""

    kind: str
    plain: bytes
    packed: bytes = b""

    @classmethod
    def of(cls, kind: str, text: str) -> Answer:
        """Return the answer for a text."""
        return cls(kind, text.encode(), gzip.compress(text.encode(), 5))


class Site:
    """Hold what browsers get: the last page and the last JSON."""

    def __init__(self, every_s: float, now: Callable[[], float] = time.time) -> None:
        self._every_s, self._now = every_s, now
        self._history = History()
        self._last: Whole | None = None
        self.answers: dict[str, Answer] = {}
        """The answers by path; they are exchanged as a whole."""

        self._publish(None)

    def show(self, whole: Whole) -> None:
        """Show what was seen. A table that did not answer keeps what was seen of it last."""
        self._history.add(whole.trees)
        self._last = whole
        self._publish(None)

    def fail(self, why: str) -> None:
        """Show that this look failed, beside what was seen before."""
        self._publish(why)

    def _publish(self, fault: str | None) -> None:
        whole = self._last
        tree, steps = ({}, ()) if whole is None else (whole.tree, whole.steps)
        live = Live(self._every_s, self._history, fault, self._now())
        page = migration_page(tree, steps, live)
        told = as_json(tree, steps) if whole is not None else json.dumps({"error": fault})
        self.answers = {
            "/": Answer.of("text/html; charset=utf-8", page),
            "/status.json": Answer.of("application/json", told),
        }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    site: Site
    where: Listen


class _Server6(_Server):
    address_family = AF_INET6


class _Handler(BaseHTTPRequestHandler):
    """Answer GET and HEAD of the few paths that there are."""

    timeout = REQUEST_WITHIN_S
    server_version, sys_version = "hintferry", ""

    def do_GET(self) -> None:
        server = cast(_Server, self.server)
        if not server.where.is_ours(self.headers.get("Host")):
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "this server has another name")
            return
        found = server.site.answers.get(self.path.partition("?")[0])
        if found is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there are / and /status.json")
            return
        self._send(HTTPStatus.OK, found)

    do_HEAD = do_GET

    def _not_allowed(self) -> None:
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "this page can only be read")

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _not_allowed

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        self._send(status, Answer("text/plain; charset=utf-8", f"{text}\n".encode()))

    def _send(self, status: HTTPStatus, answer: Answer) -> None:
        is_packed = answer.packed and "gzip" in self.headers.get("Accept-Encoding", "")
        content = answer.packed if is_packed else answer.plain
        self.send_response(status)
        self.send_header("Content-Type", answer.kind)
        if is_packed:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a terminal that serves a page is no access log."""


def opened(site: Site, where: Listen) -> tuple[_Server, str]:
    """Return a server that listens, and its address for a browser. Raises ConfigurationError."""
    kind = _Server6 if where.host.startswith("[") else _Server
    try:
        server = kind((where.address, where.port), _Handler)
    except OSError as error:
        raise ConfigurationError(
            f"{where.host}:{where.port} cannot be listened on: {error.strerror}; give another"
            " --port or --address"
        ) from error
    server.site, server.where = site, where
    return server, f"http://{where.host}:{server.server_address[1]}/"


def until_interrupted(watcher: Watcher, where: Listen, errors: Console) -> None:
    """Serve until Ctrl-C. Raises ConfigurationError where the port cannot be had."""
    every_s = max(LEAST_S, len(watcher.keepers) / TABLES_A_SECOND)
    site = Site(every_s)
    server, url = opened(site, where)
    Thread(target=server.serve_forever, daemon=True).start()
    say(errors, f"serving {url} until Ctrl-C; it looks at the tables every {every_s:.0f} s")
    if not where.is_loopback:
        say(errors, f"everybody who reaches {where.host} can read it: it asks for no login")
    try:
        pause_s = FIRST_S
        while True:
            _look(watcher, site)
            time.sleep(pause_s)
            pause_s = every_s
    except KeyboardInterrupt:
        say(errors, "stopped serving; nothing was changed")
    finally:
        server.shutdown()
        server.server_close()


def _look(watcher: Watcher, site: Site) -> None:
    try:
        whole = watcher.look()
    except (HintferryError, BotoCoreError, ClientError) as error:
        site.fail(sentence(error))
    else:
        site.show(whole)
