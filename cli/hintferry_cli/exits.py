"""Give every verb the same exit status for the same end."""

from __future__ import annotations

from enum import IntEnum

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.exceptions import ConnectionError as AwsConnectionError

from hintferry.core.errors import (
    HintferryError,
    Masked,
    Overwhelmed,
    SideFault,
    Unreachable,
)
from hintferry_ops.deployed import NotDeployed

INTERRUPTED = 130
"""The exit status that shells give to Ctrl-C."""


class Status(IntEnum):
    """The ways in which a verb ends, by what its caller does next."""

    DONE = 0
    """The verb finished, and the answer is yes."""

    NEGATIVE = 1
    """The verb finished, and the answer is no: read what, and why."""

    UNUSABLE = 2
    """The call or the configuration is wrong, and nothing was changed: correct it."""

    UNAVAILABLE = 3
    """A side or AWS did not answer, and nothing was changed: try again."""

    UNFINISHED = 4
    """Something was changed, and not all of it: the message says how to go on."""


class Unfinished(HintferryError):
    """Something was changed, and not all of it; the text says how to go on."""


def statuses(
    done: str,
    *,
    negative: str = "",
    unavailable: str = "a side or AWS did not answer, and nothing was changed: try again",
    unfinished: str = "",
) -> str:
    """Return the sentence of a verb's help that lists how it can end."""
    meanings = {
        Status.DONE: done,
        Status.NEGATIVE: negative,
        Status.UNUSABLE: "the call or the configuration is wrong, and nothing was changed",
        Status.UNAVAILABLE: unavailable,
        Status.UNFINISHED: unfinished,
    }
    told = [f"{status.value} {meaning}" for status, meaning in meanings.items() if meaning]
    return f"Exit status: {'; '.join(told)}."


def status_of_error(error: HintferryError | BotoCoreError | ClientError) -> Status:
    """Return the status of a verb that this error ended."""
    if isinstance(error, Unfinished):
        return Status.UNFINISHED
    return Status.UNAVAILABLE if _comes_back(error) else Status.UNUSABLE


def _comes_back(error: Exception) -> bool:
    """Return whether the same call may succeed later, with nothing changed by the caller."""
    if isinstance(error, ClientError):
        code, answer = error.response["Error"].get("Code", ""), error.response
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or "throttl" in code.lower() or code in _LATER
    if isinstance(error, Unreachable):
        return not refuses_login(str(error))
    if isinstance(error, Masked):
        return False
    return isinstance(error, _TRANSIENT)


def refuses_login(said: str) -> bool:
    """Return whether a side that refuses connections complains of the login."""
    return any(word in said.lower() for word in ("authenticat", "credential", "password", "token"))


EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_TRANSIENT = (
    SideFault,
    Overwhelmed,
    NotDeployed,
    AwsConnectionError,
    HTTPClientError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
_LATER = {"RequestLimitExceeded", "SlowDown", "ServiceUnavailable", "InternalError", *EXPIRED}
