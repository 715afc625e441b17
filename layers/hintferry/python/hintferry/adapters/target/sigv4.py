"""SigV4 logins for Keyspaces: `cassandra-sigv4`'s classes without two of their faults.

They round milliseconds up to 1000 once in two thousand logins, which makes a malformed date. And
they read key, secret and token one after the other from credentials that may be renewed between.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cassandra import AuthenticationFailed
from cassandra_sigv4.auth import (
    SigV4Authenticator,
    SigV4AuthProvider,
    _extract_nonce,
    _format_timestamp,
    _generate_signature,
)


class KeyspacesAuthenticator(SigV4Authenticator):
    """Answers one connection's challenge."""

    def evaluate_challenge(self, challenge: bytes) -> str:
        """The signed answer to the server's nonce."""
        return sign(challenge, self.session, datetime.now(UTC))


class KeyspacesAuthProvider(SigV4AuthProvider):
    """One authenticator a connection, credentials fetched again for each."""

    def new_authenticator(self, host: str) -> KeyspacesAuthenticator:
        """The authenticator of a new connection."""
        return KeyspacesAuthenticator(self.session)


def sign(challenge: bytes, session: Any, now: datetime) -> str:
    """The answer to a challenge, with the boto3 session's credentials of this moment."""
    found = session.get_credentials()
    if found is None:
        raise AuthenticationFailed("no AWS credentials were found")
    credentials = found.get_frozen_credentials()
    # Whole milliseconds, so that the library's rounding of them cannot carry.
    moment = now.replace(microsecond=now.microsecond // 1000 * 1000)
    signature = _generate_signature(
        _extract_nonce(challenge), moment, credentials, session.region_name
    )
    date = _format_timestamp(moment)
    answer = f"signature={signature},access_key={credentials.access_key},amzdate={date}"
    return f"{answer},session_token={credentials.token}" if credentials.token else answer
