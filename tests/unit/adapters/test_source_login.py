"""The source's secret is read when it is needed, again when it may be another, and told nobody."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from hintferry.adapters.config.source_settings import Auth, SourceSettings
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.source import login as login_module
from hintferry.adapters.source.login import SourceLogin
from hintferry.core.errors import ConfigurationError, Side, Unreachable

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:cassandra-AbCdEf"
FIRST = {"username": "hintferry", "password": "hunter2"}
SECOND = {"username": "hintferry", "password": "hunter3"}


class Secrets:
    """Secrets Manager with one secret."""

    def __init__(self, value: Any) -> None:
        self.value, self.reads = value, 0

    def __call__(self) -> Secrets:
        return self

    def get_secret_value(self, SecretId: str) -> dict[str, str]:
        assert SecretId == ARN
        self.reads += 1
        return {"SecretString": json.dumps(self.value)}


def settings(auth: Auth = Auth.PASSWORD, **more: Any) -> SourceSettings:
    return SourceSettings(("127.0.0.1",), 9042, "dc1", auth=auth, secret_arn=ARN, **more)


def response(options: dict[str, Any]) -> Any:
    return options["auth_provider"].new_authenticator("127.0.0.1").initial_response()


def test_without_tls_or_login_nothing_is_asked_for() -> None:
    secrets = Secrets(FIRST)
    login = SourceLogin(SourceSettings(("127.0.0.1",), 9042, "dc1"), secrets)
    assert login.options() == {}
    assert login.renew() is False
    assert secrets.reads == 0


def test_a_secret_is_read_once_for_many_connections() -> None:
    secrets = Secrets(FIRST)
    login = SourceLogin(settings(), secrets)
    assert response(login.options()) == b"\x00hintferry\x00hunter2"
    login.options()
    assert secrets.reads == 1


def test_a_rotated_secret_is_read_and_used_by_a_session_that_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secrets = Secrets(FIRST)
    login = SourceLogin(settings(), secrets)
    living = login.options()
    monkeypatch.setattr(login_module, "LATEST_FOR_S", 0.0)
    assert login.renew() is False
    secrets.value = SECOND
    assert login.renew() is True
    assert response(living) == b"\x00hintferry\x00hunter3"


def test_an_outage_of_the_source_does_not_ask_for_the_secret_all_the_time() -> None:
    secrets = Secrets(FIRST)
    login = SourceLogin(settings(), secrets)
    login.options()
    secrets.value = SECOND
    assert [login.renew() for _ in range(5)] == [False] * 5
    assert secrets.reads == 1


@pytest.mark.parametrize("value", [None, "hunter2", {"username": "hunter2"}, {"password": 2}])
def test_a_secret_of_another_form_is_refused_and_not_shown(value: Any) -> None:
    login = SourceLogin(settings(), Secrets(value))
    with pytest.raises(ConfigurationError, match="username and password as texts") as refused:
        login.options()
    assert ARN in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_tls_verifies_the_name_unless_told_otherwise(tmp_path: Path) -> None:
    plain = SourceLogin(settings(tls=True), Secrets(FIRST)).options()["ssl_context"]
    assert (plain.verify_mode, plain.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert plain.minimum_version == ssl.TLSVersion.TLSv1_2
    any_name = SourceLogin(settings(tls=True, host_names=False), Secrets(FIRST)).options()
    assert any_name["ssl_context"].verify_mode == ssl.CERT_REQUIRED
    assert any_name["ssl_context"].check_hostname is False


class Refusing:
    """A cluster that refuses so many connections."""

    def __init__(self, times: int) -> None:
        self.times = times

    def connect(self) -> Any:
        self.times -= 1
        if self.times >= 0:
            raise ConnectionError("Bad credentials")
        return self

    def execute(self, _text: str, timeout: float) -> None: ...

    def shutdown(self) -> None: ...


@pytest.mark.parametrize(
    ("times", "new", "connects"), [(1, True, True), (1, False, False), (2, True, False)]
)
def test_a_refused_session_tries_once_more_with_another_login(
    times: int, new: bool, connects: bool
) -> None:
    cluster = Refusing(times)
    session = CqlSession(Side.SOURCE, lambda: cluster, lambda: new)
    if connects:
        assert session.current() is cluster
    else:
        with pytest.raises(Unreachable, match="cannot connect: Bad credentials"):
            session.current()
