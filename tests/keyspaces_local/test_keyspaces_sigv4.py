"""The server's half of SigV4 against the client that AWS publishes, and every way to be wrong."""

import dataclasses
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.credentials import Credentials
from cassandra_sigv4.auth import SigV4AuthProvider, _generate_signature
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_local import rules, sigv4
from keyspaces_local.rules import Refusal
from keyspaces_local.sigv4 import AcceptedKey, SignedAnswer

KEY = AcceptedKey("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
NONCE = b"91703fdc2ef562e19fbdab0f58e42fe5"
REGION = "us-east-1"
NOW = datetime(2026, 11, 23, 4, 5, 6, 789000, tzinfo=UTC)
DATE = "2026-11-23T04:05:06.789Z"


def signed(key: AcceptedKey = KEY, date: str = DATE, region: str = REGION) -> SignedAnswer:
    signature = sigv4.sign(key, amzdate=date, nonce=NONCE, region=region)
    return SignedAnswer(signature, key.access_key_id, date, None)


def refused(answer: SignedAnswer, key: AcceptedKey = KEY, **changes: object) -> Refusal:
    arguments = {"nonce": NONCE, "region": REGION, "now": NOW, **changes}
    with pytest.raises(Refusal) as caught:
        sigv4.verify(answer, key, **arguments)  # type: ignore[arg-type]
    return caught.value


@given(
    st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1),
    st.sampled_from(["us-east-1", "eu-central-1", "cn-north-1"]),
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)),
    st.binary(min_size=32, max_size=32),
)
def test_the_signature_is_the_published_clients(
    access_key: str, secret: str, region: str, moment: datetime, nonce: bytes
) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    by_plugin = _generate_signature(nonce, moment, Credentials(access_key, secret), region)
    date = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
    signed = sigv4.sign(AcceptedKey(access_key, secret), amzdate=date, nonce=nonce, region=region)
    assert signed == by_plugin


@pytest.mark.filterwarnings("ignore:.*utcnow.*:DeprecationWarning")
@pytest.mark.parametrize("token", [None, "FwoGZXIvYXdzE+/=="])
def test_the_published_client_is_let_in(token: str | None) -> None:
    session = boto3.Session(
        aws_access_key_id=KEY.access_key_id,
        aws_secret_access_key=KEY.secret_access_key,
        aws_session_token=token,
        region_name=REGION,
    )
    client = SigV4AuthProvider(session).new_authenticator("host")
    assert client.initial_response() == sigv4.INITIAL_RESPONSE
    answer = sigv4.parse_answer(client.evaluate_challenge(b"nonce=" + NONCE).encode())
    assert answer.session_token == token
    key = dataclasses.replace(KEY, session_token=token)
    sigv4.verify(answer, key, nonce=NONCE, region=REGION, now=datetime.now(UTC))


def test_a_correct_answer_is_accepted() -> None:
    sigv4.verify(signed(), KEY, nonce=NONCE, region=REGION, now=NOW)


def test_wrong_secret_region_nonce_and_date_do_not_match() -> None:
    wrong_secret = signed(AcceptedKey(KEY.access_key_id, "other"))
    for refusal in (
        refused(wrong_secret),
        refused(signed(region="eu-west-1")),
        refused(signed(), nonce=b"0" * 32),
        refused(dataclasses.replace(signed(), amzdate="2026-11-23T04:05:06.788Z")),
    ):
        assert refusal.rule is rules.SIGV4_SIGNATURE
    assert "us-east-1" in str(refused(wrong_secret))


def test_an_unknown_key_is_named() -> None:
    refusal = refused(signed(AcceptedKey("AKIDOTHER", KEY.secret_access_key)))
    assert refusal.rule is rules.SIGV4_KEY
    assert "AKIDOTHER" in str(refusal)


@pytest.mark.parametrize("token", [None, "", "other"])
def test_a_session_token_that_is_demanded_must_be_shown(token: str | None) -> None:
    key = dataclasses.replace(KEY, session_token="right")
    answer = dataclasses.replace(signed(), session_token=token)
    assert refused(answer, key).rule is rules.SIGV4_TOKEN


@pytest.mark.parametrize(("seconds", "allowed"), [(900, True), (901, False)])
def test_a_date_counts_for_15_minutes_both_ways(seconds: int, allowed: bool) -> None:
    for sign in (1, -1):
        now = NOW + sign * timedelta(seconds=seconds)
        if allowed:
            sigv4.verify(signed(), KEY, nonce=NONCE, region=REGION, now=now)
        else:
            assert refused(signed(), now=now).rule is rules.SIGV4_DATE


@pytest.mark.parametrize(
    "date",
    [
        "2026-11-23T04:05:59.1000Z",
        "2026-11-23T04:05:06Z",
        "2026-11-23 04:05:06.789Z",
        "20261123T040506Z",
        "2026-13-23T04:05:06.789Z",
        "2026-11-23T04:05:06.789",
        "٢٠٢٦-11-23T04:05:06.789Z",
    ],
)
def test_a_malformed_date_is_refused_even_when_signed(date: str) -> None:
    assert refused(signed(date=date)).rule is rules.SIGV4_FORMAT


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"\xff",
        b"signature=0,access_key=a,amzdate=b",
        b"access_key=a,amzdate=" + DATE.encode(),
        b"signature=" + b"0" * 64 + b",amzdate=" + DATE.encode(),
        b"signature=" + b"0" * 64 + b",access_key=a",
        b"signature=" + b"G" * 64 + b",access_key=a,amzdate=b",
    ],
)
def test_a_malformed_answer_is_refused(token: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        sigv4.parse_answer(token)
    assert caught.value.rule is rules.SIGV4_FORMAT


def test_nonces_are_32_bytes_and_never_the_same() -> None:
    nonces = {sigv4.new_nonce() for _ in range(1000)}
    assert len(nonces) == 1000
    assert {len(nonce) for nonce in nonces} == {sigv4.NONCE_SIZE}
