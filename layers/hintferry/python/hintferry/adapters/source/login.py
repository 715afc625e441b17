"""TLS and login of the source, whose secret lies in Secrets Manager and nowhere else.

It is read when a connection is made, and again when one is refused: it may have been rotated.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Mapping
from tempfile import NamedTemporaryFile
from typing import Any

import certifi
from cassandra.auth import Authenticator, AuthProvider, PlainTextAuthenticator

from hintferry.adapters.config.source_settings import Auth, SourceSettings
from hintferry.core.errors import ConfigurationError

LATEST_FOR_S = 60.0
"""A secret read this lately is not read again: an outage of the source is none of its doing."""

_KEYS = {Auth.PASSWORD: ("username", "password"), Auth.MTLS: ("certificate", "private_key")}

Secret = Mapping[str, str]


class SourceLogin:
    """The needs of a connection to the source; `secrets` makes a client of Secrets Manager."""

    def __init__(self, settings: SourceSettings, secrets: Callable[[], Any]) -> None:
        self._settings, self._secrets = settings, secrets
        self._secret: Secret = {}
        self._read_at = float("-inf")

    def options(self) -> dict[str, Any]:
        """Options of the driver's Cluster. Raises ConfigurationError, or errors of boto3."""
        options: dict[str, Any] = {}
        if self._settings.auth is not Auth.NONE and not self._secret:
            self._read()
        if self._settings.tls:
            options["ssl_context"] = self._context()
        if "username" in self._secret:
            options["auth_provider"] = _SecretPassword(lambda: self._secret)
        return options

    def renew(self) -> bool:
        """After a connection failed: whether the secret is another by now."""
        if self._settings.auth is Auth.NONE or time.monotonic() - self._read_at < LATEST_FOR_S:
            return False
        before = self._secret
        self._read()
        return self._secret != before

    def _read(self) -> None:
        arn, keys = self._settings.secret_arn, _KEYS[self._settings.auth]
        answer = self._secrets().get_secret_value(SecretId=arn)
        self._read_at = time.monotonic()
        self._secret = _secret(answer.get("SecretString"), arn, keys)

    def _context(self) -> ssl.SSLContext:
        authority = self._settings.ca_file or certifi.where()
        context = ssl.create_default_context(cafile=str(authority))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = self._settings.host_names
        if self._settings.auth is Auth.MTLS:
            # The library takes them from a file only: one that is mine alone, for this moment.
            with NamedTemporaryFile("w") as file:
                file.write(f"{self._secret['certificate']}\n{self._secret['private_key']}\n")
                file.flush()
                context.load_cert_chain(file.name)
        return context


class _SecretPassword(AuthProvider):
    """Each new connection of a living session logs in with what was read last."""

    def __init__(self, secret: Callable[[], Secret]) -> None:
        self._secret = secret

    @property
    def username(self) -> str:
        """Return the role that logs in."""
        return self._secret()["username"]

    def new_authenticator(self, host: str) -> Authenticator:
        secret = self._secret()
        return PlainTextAuthenticator(secret["username"], secret["password"])


def _secret(text: str | None, arn: str, keys: tuple[str, ...]) -> Secret:
    """Errors tell nothing of what it holds."""
    try:
        secret = json.loads(text or "")
    except ValueError:
        secret = None
    if not isinstance(secret, dict) or not all(isinstance(secret.get(key), str) for key in keys):
        raise ConfigurationError(
            f"the secret {arn} is no JSON object with {' and '.join(keys)} as texts; put them there"
        )
    return secret
