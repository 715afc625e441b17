"""Errors, told in one sentence that says what to do."""

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
class Settings:
    """The options that stand before the verb."""

    debug: bool


@contextmanager
def told_plainly(settings: Settings) -> Iterator[None]:
    """An error ends the command with one sentence, or with its stack trace under --debug."""
    try:
        yield
    except (HintferryError, BotoCoreError, ClientError) as error:
        if settings.debug:
            raise
        for line in sentence(error).splitlines():
            print(f"hintferry: {line}", file=sys.stderr)
        raise typer.Exit(status_of_error(error)) from None


def sentence(error: Exception) -> str:
    """What is wrong and what to do about it."""
    if isinstance(error, NoCredentialsError):
        return "no AWS credentials were found; set AWS_PROFILE, or log in"
    if isinstance(error, SSOTokenLoadError | TokenRetrievalError | UnauthorizedSSOTokenError):
        return _LOG_IN_AGAIN
    if isinstance(error, NoRegionError):
        return "the AWS region is not known; set AWS_DEFAULT_REGION"
    if isinstance(error, EndpointConnectionError):
        return f"{str(error).rstrip('.')}; look at the network and at the region"
    if isinstance(error, ClientError):
        code = error.response["Error"].get("Code", "").rpartition(".")[2]
        return _BY_CODE.get(code, _unknown)(error)
    if isinstance(error, UnknownTable):
        return f"{error}; correct its name"
    if isinstance(error, Unreachable):
        return f"{str(error).rstrip('.')}; {_look(str(error).lower())}"
    return str(error)


def _look(said: str) -> str:
    """Where to look when a side lets nobody in."""
    if "no aws credentials" in said:
        return "set AWS_PROFILE, or log in"
    if refuses_login(said):
        return "look at the login"
    return "look at its address and port, and at the network in between"


def unexpected(error: Exception) -> str:
    """Of what nobody foresaw: something may be done, and something left undone."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}; mend that, then run it again"
    return (
        f"a defect of Hintferry's own ({type(error).__name__}: {error}); run it again as"
        " `hintferry --debug ...`, and report what that shows"
    )


def _no_queue(error: ClientError) -> str:
    return (
        "a queue does not exist; look at --parked-queue-url and --replay-queue-url"
        f" ({error.operation_name})"
    )


def _no_bucket(error: ClientError) -> str:
    return f"the bucket does not exist; look at --bucket ({error.operation_name})"


def _denied(error: ClientError) -> str:
    return f"this login may not do {error.operation_name}; use one that may: {_text(error)}"


def _unknown(error: ClientError) -> str:
    return f"{error.operation_name} was refused: {_text(error)}"


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
