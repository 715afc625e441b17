"""The driver's errors in the pipeline's words: whose fault is it, and is it for good."""

from __future__ import annotations

import re

from cassandra import (
    InvalidRequest,
    OperationTimedOut,
    ReadFailure,
    ReadTimeout,
    RequestExecutionException,
    WriteTimeout,
)
from cassandra.protocol import OverloadedErrorMessage

from hintferry.adapters.session import CqlSession
from hintferry.core.errors import (
    HintferryError,
    Overwhelmed,
    Throttled,
    Unavailable,
    Unrepresentable,
)

NO_ANSWER = (OperationTimedOut, ReadTimeout)

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
)
"""InvalidRequest texts that speak of the deployment or of the clock, not of the row."""

_QUOTED = re.compile(r'message="(.*)"$', re.DOTALL)


def translate(session: CqlSession, error: Exception) -> HintferryError:
    """What this error of a request through `session` means for the work that met it."""
    side = session.side
    if isinstance(error, HintferryError):
        return error
    if isinstance(error, InvalidRequest) and not _is_passing(error):
        return Unrepresentable(f"{side.value} refuses it: {_text(error)}")
    if isinstance(error, ReadFailure) and session.still_serves():
        return Overwhelmed(f"{side.value} fails to read it: {_text(error)}")
    if isinstance(error, OverloadedErrorMessage) or _unanswered(error):
        return Throttled(side, _text(error))
    return Unavailable(side, _text(error))


def _is_passing(error: InvalidRequest) -> bool:
    text = _message(error).lower()
    return any(pattern.search(text) for pattern in PASSING)


def _message(error: InvalidRequest) -> str:
    """The server's own words, without the driver's around them."""
    found = _QUOTED.search(str(error))
    return found[1] if found else str(error)


def _unanswered(error: Exception) -> bool:
    """Keyspaces shows throttling as a time-out that no replica answered."""
    return isinstance(error, ReadTimeout | WriteTimeout) and not error.received_responses


def _text(error: Exception) -> str:
    if isinstance(error, OperationTimedOut):
        return "no answer in time"
    kind = type(error).__name__
    if isinstance(error, RequestExecutionException | InvalidRequest):
        return f"{kind}: {error}"
    return f"{kind}: {error}" if str(error) else kind
