"""The state directory and the command: files, certificate names, start, end, clear errors."""

import asyncio
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography import x509

from keyspaces_local import credentials, password, rules, sigv4, tls
from keyspaces_local.cli import main
from keyspaces_local.credentials import CredentialsError
from keyspaces_local.password import AcceptedUser
from keyspaces_local.rules import Refusal
from sandbox.parts.launch import tied
from tests.keyspaces_local.wire import StubBackend

SOURCES = Path(__file__).parents[2] / "sandbox" / "keyspaces_local" / "src"


def test_a_key_is_made_once_and_kept_to_the_owner(tmp_path: Path) -> None:
    made = credentials.load_or_create(tmp_path)
    assert credentials.load_or_create(tmp_path) == made
    path = tmp_path / credentials.FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    names = {"access_key_id", "secret_access_key", "user_name", "password"}
    assert set(json.loads(path.read_text())) == names
    assert len(made.key.access_key_id) == 20


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[]",
        '{"access_key_id": "a"}',
        '{"access_key_id": "a", "secret_access_key": "b", "user_name": "c"}',
    ],
)
def test_a_broken_key_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / credentials.FILE).write_text(content)
    with pytest.raises(CredentialsError, match=r"credentials\.json must hold"):
        credentials.load_or_create(tmp_path)


@pytest.mark.parametrize(
    ("token", "allowed"),
    [(b"\0u\0p", True), (b"x\0u\0p", True), (b"\0u\0q", False), (b"\0v\0p", False)],
)
def test_a_password_belongs_to_its_user(token: bytes, allowed: bool) -> None:
    assert password.is_plain(token)
    if allowed:
        password.verify(token, AcceptedUser("u", "p"))
    for user in (None, AcceptedUser("v", "q")) if allowed else (AcceptedUser("u", "p"),):
        with pytest.raises(Refusal) as caught:
            password.verify(token, user)
        assert caught.value.rule is rules.PASSWORD


def test_a_sigv4_response_is_no_password() -> None:
    assert not password.is_plain(sigv4.INITIAL_RESPONSE)
    assert not password.is_plain(b"token")


def test_the_ca_is_kept_and_the_certificate_follows_the_names(tmp_path: Path) -> None:
    tls.server_context(tmp_path, tls.server_names("127.0.0.5", "eu-west-1"))
    ca = (tmp_path / tls.CA_FILE).read_bytes()
    context = tls.server_context(tmp_path, tls.server_names("db.local", "us-east-1"))
    assert (tmp_path / tls.CA_FILE).read_bytes() == ca
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    certificate = x509.load_pem_x509_certificate((tmp_path / tls.SERVER_FILE).read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [
        "db.local", "localhost", "cassandra.us-east-1.amazonaws.com",
    ]  # fmt: skip
    for file in (tls.CA_KEY_FILE, tls.SERVER_KEY_FILE):
        assert stat.S_IMODE((tmp_path / file).stat().st_mode) == 0o600


def test_an_address_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--listen", "nowhere", "--backend", "a:1", "--state", "s"])
    assert "'nowhere' is not HOST:PORT" in capsys.readouterr().err


def test_no_server_behind_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["serve", "--listen", "127.0.0.1:1", "--backend", "127.0.0.1:1"]
    assert main([*arguments, "--state", str(tmp_path), "--wait-seconds", "0"]) == 1
    assert "check --backend" in capsys.readouterr().err


def test_a_busy_port_is_one_sentence(tmp_path: Path) -> None:
    async def check(backend: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as busy:
            process = await _spawn(busy.getsockname()[1], backend, tmp_path)
            _, errors = await process.communicate()
        assert process.returncode == 1
        assert b"Address already in use; choose another --listen" in errors

    asyncio.run(_before_a_stub(check))


def test_it_says_ready_and_ends_on_sigterm_with_clients_connected(tmp_path: Path) -> None:
    async def check(backend: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        process = await _spawn(port, backend, tmp_path)
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        context = ssl.create_default_context(cafile=tmp_path / tls.CA_FILE)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        process.send_signal(signal.SIGTERM)
        _, errors = await process.communicate()
        assert (process.returncode, errors) == (0, b"")
        assert await reader.read() == b""
        writer.close()

    asyncio.run(_before_a_stub(check))


async def _before_a_stub(check: Callable[[str], Awaitable[None]]) -> None:
    stub = StubBackend()
    try:
        async with asyncio.timeout(30):
            await check(f"127.0.0.1:{await stub.start('127.0.0.1', 0)}")
    finally:
        await stub.stop()


async def _spawn(port: int, backend: str, state: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *tied(sys.executable, "-m", "keyspaces_local", "serve"),
        *("--listen", f"127.0.0.1:{port}", "--backend", backend, "--state", str(state)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
    )
