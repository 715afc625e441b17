"""Service-specific credentials: a user name and a password, as SASL PLAIN. Pure."""

import hmac
from dataclasses import dataclass

from keyspaces_local import rules
from keyspaces_local.rules import Refusal

_PARTS = 3


@dataclass(frozen=True, slots=True)
class AcceptedUser:
    """The users who may log in by password."""

    name: str
    password: str


def is_plain(token: bytes) -> bool:
    """Return whether a client's first response is a user name and a password."""
    return token.count(b"\0") == _PARTS - 1 and not token.startswith(b"SigV4\0")


def verify(token: bytes, user: AcceptedUser | None) -> None:
    """Raises `Refusal` unless `token` (`[authorize]\\0name\\0password`) is that user's."""
    _, name, password = token.split(b"\0")
    known = user is not None and all(
        (
            hmac.compare_digest(name, user.name.encode()),
            hmac.compare_digest(password, user.password.encode()),
        )
    )
    if not known:
        raise Refusal(rules.PASSWORD, user=name.decode(errors="replace"))
