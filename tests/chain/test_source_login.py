"""The source asks for a password over TLS; the secret is rotated under a running session.

What asks is keyspaces-local, whose endpoint takes a user and a password as Cassandra's
PasswordAuthenticator does; a real one: `test_grants.py`. A source that asks for a certificate:
`tests/infra/test_shipped.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from hintferry.adapters.config.source_settings import Auth, SourceSettings
from hintferry.adapters.driver import session
from hintferry.adapters.source import login as login_module
from hintferry.core.errors import Unreachable
from hintferry.wiring import sessions
from sandbox.services.queue_source import client
from sandbox.stack import Stack

pytestmark = pytest.mark.stack

QUERY = "SELECT release_version FROM system.local"


class Login:
    """The user's password as the cluster has it, and the secret that tells it."""

    def __init__(self, stack: Stack) -> None:
        self._file = stack.target.ca_file.with_name("credentials.json")
        self._accepted = json.loads(self._file.read_text())
        self._secrets = client(stack.aws, "secretsmanager")
        self.arn: str = self._secrets.create_secret(
            Name="cassandra", SecretString=self._secret(self._accepted["password"])
        )["ARN"]

    def _secret(self, password: str) -> str:
        return json.dumps({"username": self._accepted["user_name"], "password": password})

    def change_at_the_cluster(self, password: str) -> None:
        self._file.write_text(json.dumps({**self._accepted, "password": password}))

    def change_the_secret(self, password: str) -> None:
        self._secrets.put_secret_value(SecretId=self.arn, SecretString=self._secret(password))

    def put_back(self) -> None:
        self._file.write_text(json.dumps(self._accepted))
        self._secrets.delete_secret(SecretId=self.arn, ForceDeleteWithoutRecovery=True)


@pytest.fixture
def login(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Login]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", stack.aws.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", stack.aws.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", stack.aws.secret_access_key)
    made = Login(stack)
    yield made
    made.put_back()


@pytest.fixture
def settings(stack: Stack, login: Login) -> SourceSettings:
    there = stack.target
    return SourceSettings(
        (there.host,), there.port, there.region, True, there.ca_file, True, Auth.PASSWORD, login.arn
    )


def connected(settings: SourceSettings) -> Any:
    source_session = sessions.source_session(settings)
    try:
        return list(source_session.current().execute(QUERY))
    finally:
        source_session.close()


def test_a_rotated_password_is_read_again_by_the_session_that_it_refuses(
    settings: SourceSettings, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_module, "LATEST_FOR_S", 0.0)
    monkeypatch.setattr(session, "CONNECT_AGAIN_S", 0.0)
    source_session = sessions.source_session(settings)
    try:
        assert list(source_session.current().execute(QUERY))
        login.change_at_the_cluster("another")
        source_session.close()
        with pytest.raises(Unreachable, match="cannot connect") as refused:
            source_session.current()
        assert "another" not in str(refused.value)
        login.change_the_secret("another")
        assert list(source_session.current().execute(QUERY))
    finally:
        source_session.close()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"ca_file": None}, "certificate verify failed"),
        ({"tls": False, "ca_file": None}, "cannot connect"),
        ({"auth": Auth.NONE}, "cannot connect"),
    ],
)
def test_a_source_is_not_read_otherwise(
    settings: SourceSettings, wrong: dict[str, Any], said: str
) -> None:
    assert connected(settings)
    with pytest.raises(Unreachable, match=said):
        connected(replace(settings, **wrong))


def test_a_secret_that_is_not_there_is_named(settings: SourceSettings) -> None:
    arn = settings.secret_arn.replace("cassandra", "elsewhere")
    with pytest.raises(Unreachable, match="GetSecretValue"):
        connected(replace(settings, secret_arn=arn))
