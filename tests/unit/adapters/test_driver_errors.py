"""Test what each error of the driver means for the key that met it: every class is here."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any, cast

import cassandra
import pytest
from cassandra import auth, cluster, connection, policies, pool, protocol, query, segment

from hintferry.adapters.driver.errors import Meaning, meaning_of, translate
from hintferry.adapters.driver.session import DRIVER_ERRORS, CqlSession
from hintferry.core.errors import (
    Overwhelmed,
    Side,
    Throttled,
    Troubled,
    Unavailable,
    Unrepresentable,
)

REFUSED, FAILED, SILENT, BUSY, AWAY = Meaning

EXPECTED: dict[str, Meaning] = {
    "AlreadyExists": AWAY,
    "AlreadyExistsException": AWAY,
    "AuthenticationFailed": AWAY,
    "BadCredentials": AWAY,
    "CDCWriteException": AWAY,
    "CDCWriteFailure": AWAY,
    "ClientWriteError": FAILED,
    "ConfigurationException": AWAY,
    "ConnectionBusy": AWAY,
    "ConnectionException": AWAY,
    "ConnectionShutdown": AWAY,
    "CoordinationFailure": FAILED,
    "CrcException": AWAY,
    "CrcMismatchException": AWAY,
    "DependencyException": AWAY,
    "DriverException": AWAY,
    "ErrorMessage": AWAY,
    "ErrorMessageSub": AWAY,
    "FunctionFailure": FAILED,
    "FunctionFailureMessage": AWAY,
    "InternalError": FAILED,
    "InvalidRequest": REFUSED,
    "InvalidRequestException": AWAY,
    "IsBootstrappingErrorMessage": AWAY,
    "NoConnectionsAvailable": AWAY,
    "NoHostAvailable": AWAY,
    "NotSupportedError": FAILED,
    "OperationTimedOut": SILENT,
    "OverloadedErrorMessage": BUSY,
    "PreparedQueryNotFound": AWAY,
    "ProtocolError": AWAY,
    "ProtocolException": FAILED,
    "ProtocolVersionUnsupported": AWAY,
    "QueryExhausted": FAILED,
    "ReadFailure": FAILED,
    "ReadFailureMessage": AWAY,
    "ReadTimeout": SILENT,
    "ReadTimeoutErrorMessage": AWAY,
    "RequestExecutionException": AWAY,
    "RequestValidationException": AWAY,
    "ServerError": FAILED,
    "SyntaxException": FAILED,
    "Timeout": SILENT,
    "TraceUnavailable": FAILED,
    "TruncateError": AWAY,
    "Unauthorized": AWAY,
    "UnauthorizedErrorMessage": AWAY,
    "Unavailable": AWAY,
    "UnavailableErrorMessage": AWAY,
    "UnresolvableContactPoints": AWAY,
    "UnsupportedOperation": FAILED,
    "UserTypeDoesNotExist": FAILED,
    "WriteFailure": FAILED,
    "WriteFailureMessage": AWAY,
    "WriteTimeout": SILENT,
    "WriteTimeoutErrorMessage": AWAY,
}
"""Names that end in Message are the wire's; the driver makes of them the exception beside."""


def driver_errors() -> list[type[Exception]]:
    modules = (cassandra, auth, cluster, connection, policies, pool, protocol, query, segment)
    found = {kind for module in modules for kind in vars(module).values() if inspect.isclass(kind)}
    return [
        kind
        for kind in found
        if issubclass(kind, Exception) and kind.__module__.startswith("cassandra")
    ]


def test_every_error_of_the_driver_has_a_meaning() -> None:
    meanings = {kind.__name__: meaning_of(kind.__new__(kind)) for kind in driver_errors()}
    assert meanings == EXPECTED


def test_what_the_driver_cannot_do_with_a_request_may_be_the_requests_own() -> None:
    assert meaning_of(ValueError("cannot encode")) is FAILED
    assert meaning_of(ConnectionResetError()) is AWAY


def meant(side: Side, error: Exception) -> type[Exception]:
    return type(translate(cast(CqlSession, SimpleNamespace(side=side)), error))


def failure(kind: Any, reason: str) -> Exception:
    """As the driver makes it of protocol v4, which carries no codes."""
    text = f"received 1 responses and 1 failures: {reason} from /10.0.0.1:7000"
    summary = f'Error from server: code=1300 [failed] message="{text}"'
    error: Exception = kind(summary, received_responses=1, required_responses=2, failures=1)
    return error


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(
    "reason", ["UNKNOWN", "TIMEOUT", "INCOMPATIBLE_SCHEMA", "NODE_DOWN", "INDEX_NOT_AVAILABLE"]
)
def test_a_failure_that_names_no_trouble_of_the_key_is_doubtful(side: Side, reason: str) -> None:
    assert meant(side, failure(cassandra.ReadFailure, reason)) is Troubled
    assert meant(side, failure(cassandra.WriteFailure, reason)) is Troubled


@pytest.mark.parametrize("reason", ["READ_TOO_MANY_TOMBSTONES", "READ_SIZE"])
def test_too_much_to_read_counts_at_once(reason: str) -> None:
    assert meant(Side.SOURCE, failure(cassandra.ReadFailure, reason)) is Overwhelmed


@pytest.mark.parametrize(
    "text",
    [
        "Scanned over 100001 tombstones during query 'SELECT * FROM t' (last scanned row); aborted",
        "2 nodes loaded over 4096 bytes and aborted the query SELECT (see local_read_size_fail)",
    ],
)
def test_the_coordinators_own_words_count_at_once_too(text: str) -> None:
    assert meant(Side.SOURCE, cassandra.ReadFailure(f'message="{text}"')) is Overwhelmed


@pytest.mark.parametrize("side", Side)
def test_a_server_error_is_doubtful(side: Side) -> None:
    error = protocol.ServerError(0, "java.lang.NullPointerException", None)
    assert meant(side, error) is Troubled
    assert isinstance(error, DRIVER_ERRORS), "it must not end an invocation"


def test_silence_is_doubtful_of_the_source_and_throttling_of_the_target() -> None:
    silent = (cassandra.OperationTimedOut(), cassandra.ReadTimeout("", received_responses=0))
    assert {meant(Side.SOURCE, error) for error in silent} == {Troubled}
    alone, some = ({"write_type": 0, "received_responses": count} for count in (0, 1))
    assert meant(Side.TARGET, cassandra.WriteTimeout("", **alone)) is Throttled
    assert meant(Side.TARGET, cassandra.WriteTimeout("", **some)) is Unavailable
    assert meant(Side.TARGET, cassandra.OperationTimedOut()) is Unavailable


@pytest.mark.parametrize("side", Side)
def test_a_side_that_is_away_says_nothing_of_a_key(side: Side) -> None:
    away = (
        cassandra.Unavailable("", required_replicas=2, alive_replicas=1),
        cassandra.Unauthorized(""),
        cluster.NoHostAvailable("", {}),
        connection.ConnectionShutdown("closed"),
        protocol.IsBootstrappingErrorMessage(0x1002, "", None),
    )
    assert {meant(side, error) for error in away} == {Unavailable}
    assert meant(side, protocol.OverloadedErrorMessage(0x1001, "", None)) is Throttled


def test_a_refusal_is_the_rows_own() -> None:
    assert meant(Side.TARGET, cassandra.InvalidRequest("too large")) is Unrepresentable
