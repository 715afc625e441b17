"""The driver's errors in the pipeline's words: whose fault is it, and is it for good.

One table tells what each error means. A server that fails at a request seldom says why. Only what
names the key's own trouble counts at once, and all else is seen again for minutes.
"""

from __future__ import annotations

import re
from enum import Enum, auto

import cassandra
from cassandra import (
    InvalidRequest,
    OperationTimedOut,
    ReadTimeout,
    RequestExecutionException,
    WriteTimeout,
    cluster,
    connection,
    pool,
    protocol,
    segment,
)

from hintferry.adapters.driver.guardrails import VIOLATED
from hintferry.adapters.driver.session import CqlSession
from hintferry.core.errors import (
    HintferryError,
    Overwhelmed,
    Side,
    Throttled,
    Troubled,
    Unavailable,
    Unrepresentable,
)

NO_ANSWER = (OperationTimedOut, ReadTimeout)


class Meaning(Enum):
    """The meaning of an error for the request that met it."""

    REFUSED = auto()
    """Refused for what it is, unless the text speaks of the deployment or the clock."""

    FAILED = auto()
    """The side failed at it: too much to read where the text says so, else nobody knows why."""

    SILENT = auto()
    """No answer in time: of the source nobody knows why; the target throttles like that."""

    BUSY = auto()
    """The side asks for less."""

    AWAY = auto()
    """The side, the way to it or the deployment: it says nothing of the request."""


MEANINGS: dict[type[BaseException], Meaning] = {
    InvalidRequest: Meaning.REFUSED,
    cassandra.ReadFailure: Meaning.FAILED,
    cassandra.WriteFailure: Meaning.FAILED,
    cassandra.FunctionFailure: Meaning.FAILED,
    cassandra.CoordinationFailure: Meaning.FAILED,
    cassandra.UnsupportedOperation: Meaning.FAILED,
    protocol.ServerError: Meaning.FAILED,
    protocol.ProtocolException: Meaning.FAILED,
    protocol.SyntaxException: Meaning.FAILED,
    protocol.ClientWriteError: Meaning.FAILED,
    protocol.InternalError: Meaning.FAILED,
    protocol.NotSupportedError: Meaning.FAILED,
    cassandra.Timeout: Meaning.SILENT,
    OperationTimedOut: Meaning.SILENT,
    protocol.OverloadedErrorMessage: Meaning.BUSY,
    cassandra.DriverException: Meaning.AWAY,
    cassandra.DependencyException: Meaning.AWAY,
    protocol.ErrorMessage: Meaning.AWAY,
    cluster.NoHostAvailable: Meaning.AWAY,
    connection.ConnectionException: Meaning.AWAY,
    connection.ConnectionBusy: Meaning.AWAY,
    connection.ProtocolError: Meaning.AWAY,
    pool.NoConnectionsAvailable: Meaning.AWAY,
    segment.CrcException: Meaning.AWAY,
    OSError: Meaning.AWAY,
    Exception: Meaning.FAILED,
}
"""The nearest class of an error's decides. What the driver itself cannot do with one request (an
error of any other class) may be that request's own."""

PASSING = (
    re.compile(r"^unconfigured table"),
    re.compile(r"^table [^ ]+ does not exist"),
    re.compile(r"^undefined (column|name)"),
    re.compile(r"^unknown identifier"),
    re.compile(r"^keyspace '?[^ ]+'? does not exist"),
    re.compile(r"unauthorized|has no [a-z]+ permission"),
    # The service's own words for its window are not published.
    re.compile(r"\btimestamp\b.*\b(range|window|past|future|days|minutes)\b"),
    re.compile(r"client-side timestamps"),
    re.compile(r"^ttl is not yet supported"),
    # What is asked for next keeps to it.
    VIOLATED,
    # A node of an earlier release than the others: Cassandra 4 has no TTLs of elements.
    re.compile(r"^cannot use selection function ttl on "),
)
"""InvalidRequest texts that speak of the deployment or of the clock, not of the row."""

TOO_MUCH = re.compile(r"\bREAD_TOO_MANY_|\bREAD_SIZE\b|tombstones|aborted the query")
"""Reasons of a failed read that are the key's own. Protocol v4 carries no codes, but the text of
Cassandra names each replica's reason, as in "READ_TOO_MANY_TOMBSTONES from /10.0.0.1:7000"."""

_QUOTED = re.compile(r'message="(.*)"$', re.DOTALL)


def translate(session: CqlSession, error: Exception) -> HintferryError:
    """Translate an error of a request through `session` into what it means for the work that met
    it.
    """
    if isinstance(error, HintferryError):
        return error
    side, meaning = session.side, meaning_of(error)
    if meaning is Meaning.REFUSED and not _is_passing(error):
        return Unrepresentable(f"{side.value} refuses it: {_text(error)}")
    if meaning is Meaning.FAILED:
        if isinstance(error, cassandra.ReadFailure) and TOO_MUCH.search(str(error)):
            return Overwhelmed(f"{side.value} fails to read it: {_text(error)}")
        return Troubled(side, _text(error))
    if meaning is Meaning.SILENT and side is Side.SOURCE:
        return Troubled(side, _text(error))
    if meaning is Meaning.BUSY or _unanswered(error):
        return Throttled(side, _text(error))
    return Unavailable(side, _text(error))


def meaning_of(error: Exception) -> Meaning:
    """The meaning of its class, or of the nearest one above it."""
    return next(MEANINGS[kind] for kind in type(error).__mro__ if kind in MEANINGS)


def _is_passing(error: Exception) -> bool:
    text = _message(error).lower()
    return any(pattern.search(text) for pattern in PASSING)


def _message(error: Exception) -> str:
    """The server's own words, without the driver's around them."""
    found = _QUOTED.search(str(error))
    return found[1] if found else str(error)


def _unanswered(error: Exception) -> bool:
    """Keyspaces shows throttling as a timeout that no replica answered."""
    return isinstance(error, ReadTimeout | WriteTimeout) and not error.received_responses


def _text(error: Exception) -> str:
    if isinstance(error, OperationTimedOut):
        return "no answer in time"
    kind = type(error).__name__
    if isinstance(error, RequestExecutionException | InvalidRequest):
        return f"{kind}: {error}"
    return f"{kind}: {error}" if str(error) else kind
