"""The accepted key, kept in `credentials.json`. Owns the file; knows no handshake."""

import json
import os
import secrets
import string
from dataclasses import dataclass
from pathlib import Path

from keyspaces_local.password import AcceptedUser
from keyspaces_local.sigv4 import AcceptedKey

FILE = "credentials.json"


class CredentialsError(Exception):
    """The file of accepted keys cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The logins that the endpoint takes: a key for SigV4, and a user where the file names one."""

    key: AcceptedKey
    user: AcceptedUser | None


def load_or_create(state: Path) -> Accepted:
    """Return the credentials of the state directory's file; write it (mode 0600) if absent."""
    path = state / FILE
    if not path.exists():
        _write(path, _generate())
    return load(state)


def load(state: Path) -> Accepted:
    """Load the file as it is now, so that it can be changed while the proxy runs."""
    path = state / FILE
    try:
        found = json.loads(path.read_text())
        key = AcceptedKey(
            found["access_key_id"], found["secret_access_key"], found.get("session_token")
        )
        user = None
        if "user_name" in found:
            user = AcceptedUser(found["user_name"], found["password"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CredentialsError(
            f"{path} must hold access_key_id and secret_access_key as JSON, and user_name and"
            f" password or neither: {error!r}"
        ) from error
    return Accepted(key, user)


def _generate() -> dict[str, str]:
    letters = string.ascii_uppercase + "234567"
    suffix = "".join(secrets.choice(letters) for _ in range(16))
    return {
        "access_key_id": f"AKIA{suffix}",
        "secret_access_key": secrets.token_urlsafe(30),
        "user_name": "local-at-111122223333",
        "password": secrets.token_urlsafe(30),
    }


def _write(path: Path, content: dict[str, str]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
