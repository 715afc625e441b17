"""The server's half of the SigV4 handshake: checks a signed nonce. Pure; the clock is passed in.

A client proves that it holds the secret key by signing a canonical request over the nonce. The
request is `PUT /authenticate` on host `cassandra`, with the signing parameters as its sorted query.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from keyspaces_local import rules
from keyspaces_local.rules import Refusal

INITIAL_RESPONSE = b"SigV4\0\0"
NONCE_SIZE = 32
SERVICE = "cassandra"
EXPIRES = timedelta(seconds=900)

_ALGORITHM = "AWS4-HMAC-SHA256"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class AcceptedKey:
    """A key that may log in; with a session token only clients that show it may."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None


@dataclass(frozen=True, slots=True)
class SignedAnswer:
    """The answer of a client to the challenge."""

    signature: str
    access_key: str
    amzdate: str
    session_token: str | None


def new_nonce() -> bytes:
    """32 printable bytes, never the same twice."""
    return secrets.token_hex(NONCE_SIZE // 2).encode()


def parse_answer(token: bytes) -> SignedAnswer:
    """Reads `signature=…,access_key=…,amzdate=…[,session_token=…]`; raises `Refusal`."""
    try:
        parts = token.decode("ascii").split(",")
    except UnicodeDecodeError:
        raise Refusal(rules.SIGV4_FORMAT, problem="not ASCII") from None
    fields = dict(part.partition("=")[::2] for part in parts)
    for name in ("signature", "access_key", "amzdate"):
        if not fields.get(name):
            raise Refusal(rules.SIGV4_FORMAT, problem=f"{name} is missing")
    if not _SIGNATURE.fullmatch(fields["signature"]):
        raise Refusal(rules.SIGV4_FORMAT, problem="signature is not 64 hexadecimal digits")
    return SignedAnswer(
        fields["signature"], fields["access_key"], fields["amzdate"], fields.get("session_token")
    )


def verify(
    answer: SignedAnswer, key: AcceptedKey, *, nonce: bytes, region: str, now: datetime
) -> None:
    """Raises `Refusal` unless `answer` signs `nonce` with `key`, for `region`, about `now`."""
    if not hmac.compare_digest(answer.access_key.encode(), key.access_key_id.encode()):
        raise Refusal(rules.SIGV4_KEY, key=answer.access_key)
    if key.session_token is not None and not hmac.compare_digest(
        (answer.session_token or "").encode(), key.session_token.encode()
    ):
        raise Refusal(rules.SIGV4_TOKEN)
    moment = _moment(answer.amzdate)
    if abs(now - moment) > EXPIRES:
        raise Refusal(rules.SIGV4_DATE, date=answer.amzdate, now=f"{now:%Y-%m-%dT%H:%M:%SZ}")
    expected = sign(key, amzdate=answer.amzdate, nonce=nonce, region=region)
    if not hmac.compare_digest(expected, answer.signature):
        raise Refusal(rules.SIGV4_SIGNATURE, region=region)


def sign(key: AcceptedKey, *, amzdate: str, nonce: bytes, region: str) -> str:
    """The hexadecimal signature that a client with `key` must send."""
    day = amzdate[:10].replace("-", "")
    scope = f"{day}/{region}/{SERVICE}/aws4_request"
    request = _canonical_request(key.access_key_id, scope, amzdate, nonce)
    to_sign = "\n".join((_ALGORITHM, amzdate, scope, _sha256(request.encode())))
    secret = f"AWS4{key.secret_access_key}".encode()
    for part in (day, region, SERVICE, "aws4_request"):
        secret = _hmac(secret, part)
    return _hmac(secret, to_sign).hex()


def _moment(amzdate: str) -> datetime:
    if not _DATE.fullmatch(amzdate):
        raise Refusal(rules.SIGV4_FORMAT, problem=f"amzdate {amzdate!r} is not a date")
    try:
        return datetime.strptime(amzdate, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        raise Refusal(rules.SIGV4_FORMAT, problem=f"amzdate {amzdate!r} is not a date") from None


def _canonical_request(access_key: str, scope: str, amzdate: str, nonce: bytes) -> str:
    query = sorted(
        f"{name}={quote(text, safe='')}"
        for name, text in (
            ("X-Amz-Algorithm", _ALGORITHM),
            ("X-Amz-Credential", f"{access_key}/{scope}"),
            ("X-Amz-Date", amzdate),
            ("X-Amz-Expires", str(int(EXPIRES.total_seconds()))),
        )
    )
    return "\n".join(
        ("PUT", "/authenticate", "&".join(query), f"host:{SERVICE}", "", "host", _sha256(nonce))
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _hmac(secret: bytes, text: str) -> bytes:
    return hmac.new(secret, text.encode(), hashlib.sha256).digest()
