"""Turn errors into one sentence: what happened, to what, what to do now."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import typer
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from hintferry.core.errors import HintferryError, UnknownTable, Unreachable
from hintferry_cli.exits import EXPIRED, refuses_login, status_of_error

_LOG_IN_AGAIN = "the AWS credentials have expired; log in again, for example with `aws sso login`"


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """The options that stand before the verb."""

    debug: bool


@contextmanager
def told_plainly(settings: GlobalOptions) -> Iterator[None]:
    """End the command with one sentence for an error, or under --debug with its stack trace."""
    try:
        yield
    except (HintferryError, BotoCoreError, ClientError) as error:
        if settings.debug:
            raise
        for line in sentence(error).splitlines():
            print(f"hintferry: {line}", file=sys.stderr)
        raise typer.Exit(status_of_error(error)) from None


def sentence(error: Exception) -> str:
    """Return one sentence: what happened, to what, and what to do now."""
    if isinstance(error, NoCredentialsError):
        return "no AWS credentials were found; set AWS_PROFILE, or log in"
    if isinstance(error, SSOTokenLoadError | TokenRetrievalError | UnauthorizedSSOTokenError):
        return _LOG_IN_AGAIN
    if isinstance(error, NoRegionError):
        return "the AWS Region is not set; set AWS_DEFAULT_REGION"
    if isinstance(error, EndpointConnectionError):
        return f"{str(error).rstrip('.')}; check the network and the Region"
    if isinstance(error, ClientError):
        code = error.response["Error"].get("Code", "").rpartition(".")[2]
        return _BY_CODE.get(code, _unknown)(error)
    if isinstance(error, UnknownTable):
        return f"{error}; correct its name"
    if isinstance(error, Unreachable):
        return f"{str(error).rstrip('.')}; {_look(str(error).lower())}"
    return str(error)


_BY_WORDS = {
    "no aws credentials": "set AWS_PROFILE, or log in",
    "getsecretvalue": "check source.secret_arn, its Region, and your permission to read the secret",
    "in the datacenter to read": "correct source.datacenter in migration.toml",
    "protocol version": "something else than Cassandra answers there: check the port",
}
"""What to check, by words in what a side says."""


def _look(said: str) -> str:
    """Return the advice what to check when no connection to a side can be made."""
    for sign, what in _BY_WORDS.items():
        if sign in said:
            return what
    if refuses_login(said):
        return "check the user name and password in its secret, or the AWS credentials"
    return "check its address and port, and the network in between"


def unexpected(error: Exception) -> str:
    """Return the sentence for an unforeseen error, after which something may be left undone."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}; fix that, then run it again"
    return (
        f"internal error ({type(error).__name__}: {error}); this is a bug: run it again as"
        " `hintferry --debug ...`, and attach the output to a report"
    )


def _no_queue(error: ClientError) -> str:
    return (
        "a queue does not exist; check --parked-queue-url and --replay-queue-url"
        f" ({error.operation_name})"
    )


def _no_bucket(error: ClientError) -> str:
    return f"the bucket does not exist; check --bucket ({error.operation_name})"


def _denied(error: ClientError) -> str:
    return (
        f"AWS denied {error.operation_name}; attach OperatorPolicy (output of the pipeline stack)"
        f" to your identity, or use another one. AWS said: {_text(error)}"
    )


def _unknown(error: ClientError) -> str:
    return f"AWS refused {error.operation_name}: {_text(error)}"


def _text(error: ClientError) -> str:
    return str(error.response["Error"].get("Message", error))


def _expired(_error: ClientError) -> str:
    return _LOG_IN_AGAIN


_BY_CODE: Mapping[str, Callable[[ClientError], str]] = {
    "NonExistentQueue": _no_queue,
    "QueueDoesNotExist": _no_queue,
    "NoSuchBucket": _no_bucket,
    "AccessDenied": _denied,
    "AccessDeniedException": _denied,
    **dict.fromkeys(EXPIRED, _expired),
}
