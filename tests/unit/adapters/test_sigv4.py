"""Logins are signed as the specification says, at every microsecond of the clock."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hintferry.adapters.target.sigv4 import KeyspacesAuthProvider, sign

NONCE = b"0123456789abcdef0123456789abcdef"
CHALLENGE = b"nonce=" + NONCE
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2099, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=UTC)
)


class Session:
    """As much of a boto3 session as a login asks for; it counts how often it is asked."""

    def __init__(self, token: str | None = None, region: str = "eu-west-1") -> None:
        self.region_name, self.asked = region, 0
        self._frozen = SimpleNamespace(access_key="AKID", secret_key="secret", token=token)

    def get_credentials(self) -> Session:
        return self

    def get_frozen_credentials(self) -> SimpleNamespace:
        self.asked += 1
        return self._frozen


def mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def expected_signature(date: str, region: str) -> str:
    """Signature version 4 of PUT /authenticate, computed here from its description."""
    day = date[:10].replace("-", "")
    scope = f"{day}/{region}/cassandra/aws4_request"
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"AKID/{scope}",
        "X-Amz-Date": date,
        "X-Amz-Expires": "900",
    }
    pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(query.items()))
    payload = hashlib.sha256(NONCE).hexdigest()
    request = f"PUT\n/authenticate\n{pairs}\nhost:cassandra\n\nhost\n{payload}"
    digest = hashlib.sha256(request.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}"
    key = b"AWS4secret"
    for part in (day, region, "cassandra", "aws4_request"):
        key = mac(key, part)
    return mac(key, to_sign).hex()


def answer(moment: datetime, session: Session) -> dict[str, str]:
    parts = sign(CHALLENGE, session, moment).split(",")
    return dict(part.split("=", 1) for part in parts)


@given(MOMENTS, st.sampled_from(["eu-west-1", "us-gov-east-1"]))
def test_the_signature_is_that_of_the_specification(moment: datetime, region: str) -> None:
    fields = answer(moment, Session(region=region))
    assert expected_signature(fields["amzdate"], region) == fields["signature"]
    assert fields["access_key"] == "AKID"


@given(MOMENTS)
@example(datetime(2026, 1, 1, 23, 59, 59, 999_999, tzinfo=UTC))
@example(datetime(2026, 1, 1, 23, 59, 59, 999_500, tzinfo=UTC))
def test_the_date_has_three_digits_of_a_second_and_is_never_rounded_up(moment: datetime) -> None:
    """`….1000Z` is no date, and one login in two thousand would be refused for it."""
    date = answer(moment, Session())["amzdate"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", date)
    expected = moment.strftime("%Y-%m-%dT%H:%M:%S") + f".{moment.microsecond // 1000:03}Z"
    assert expected == date


def test_every_microsecond_of_a_millisecond_that_could_carry_makes_a_date() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    dates = {
        answer(start.replace(microsecond=micros), Session())["amzdate"]
        for micros in range(999_000, 1_000_000)
    }
    assert {"2026-01-01T00:00:00.999Z"} == dates


def test_a_session_token_is_sent_with_the_credentials_it_belongs_to() -> None:
    session = Session(token="token=,")
    signed = sign(CHALLENGE, session, datetime(2026, 1, 1, tzinfo=UTC))
    assert signed.endswith(",session_token=token=,")
    assert session.asked == 1


def test_without_a_token_none_is_sent() -> None:
    assert "session_token" not in answer(datetime(2026, 1, 1, tzinfo=UTC), Session())


def test_a_challenge_without_a_nonce_is_refused() -> None:
    with pytest.raises(ValueError, match="nonce"):
        sign(b"", Session(), datetime(2026, 1, 1, tzinfo=UTC))


def test_each_connection_has_an_authenticator_that_answers_with_the_time_of_day() -> None:
    provider = KeyspacesAuthProvider(Session())
    first, second = provider.new_authenticator("a"), provider.new_authenticator("b")
    assert first is not second
    date = re.search(r"amzdate=([^,]+)", first.evaluate_challenge(CHALLENGE))
    assert date is not None
    age = datetime.now(UTC) - datetime.fromisoformat(date[1])
    assert abs(age.total_seconds()) < 60
