"""Whatever goes wrong, the command answers with a sentence that says what to do."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError
from cassandra import AuthenticationFailed, UnresolvableContactPoints
from cassandra.cluster import NoHostAvailable
from cassandra.policies import DCAwareRoundRobinPolicy, SimpleConvictionPolicy
from cassandra.pool import Host
from rich.console import Console

from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.target.sigv4 import sign
from hintferry.core.errors import Side, UnknownTable, Unreachable
from hintferry.core.limits import CUTOVER_WAIT_S
from hintferry_cli import app
from hintferry_cli.cost import command
from hintferry_cli.cutover import command as cutover
from hintferry_cli.cutover import stops
from hintferry_cli.failures import sentence
from hintferry_cli.gate.view import Standing
from hintferry_cli.sweep import command as sweep
from hintferry_cli.sweep import view
from tests.cli.sources import LOOK
from tests.cli.test_schema_command import HEAD
from tests.cli.test_sweep_command import run_of
from tests.unit.ops.test_gatekeeper import Scene


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "migration.toml"
    path.write_text(HEAD + '[tables."shop.orders"]\n')
    return path


def broken(error: Exception, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(command, "overview", fail)
    monkeypatch.setattr(sys, "argv", ["hintferry", *arguments])
    app.main()


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            PermissionError(13, "Permission denied", "page.html"),
            "page.html: Permission denied; fix that, then run it again",
        ),
        (
            TypeError("no len()"),
            "internal error (TypeError: no len()); this is a bug: run it",
        ),
    ],
)
def test_what_nobody_foresaw_is_told_in_a_sentence(
    error: Exception,
    says: str,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        broken(error, monkeypatch, "cost", "--config", str(config))
    told = capsys.readouterr()
    assert (ended.value.code, told.out) == (4, "")
    (line,) = told.err.splitlines()
    assert line.startswith(f"hintferry: {says}")
    with pytest.raises(type(error)):
        broken(error, monkeypatch, "--debug", "cost", "--config", str(config))


REFUSED = ConnectionRefusedError(
    111, "Tried connecting to [('h', 1)]. Last error: Connection refused"
)
OTHER = ConnectionRefusedError("Last error: unsupported protocol version 72")
BAD = AuthenticationFailed('from server: code=0100 [Bad credentials] message="No such token."')
NONE = AuthenticationFailed("no AWS credentials were found")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (NoHostAvailable("none", {"h:1": REFUSED}), f"h:1: Connection refused; {LOOK}"),
        (UnresolvableContactPoints({}), f"its name is not known to the resolver; {LOOK}"),
        (
            NoHostAvailable("none", {"h:1": BAD}),
            "h:1: No such token; check the user name and password in its secret, or the AWS"
            " credentials",
        ),
        (
            NoHostAvailable("none", {"h:1": NONE}),
            "h:1: no AWS credentials were found; set AWS_PROFILE, or log in",
        ),
        (TimeoutError(), f"TimeoutError; {LOOK}"),
        (
            ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetSecretValue"),
            "An error occurred (ResourceNotFoundException) when calling the GetSecretValue"
            " operation: Unknown; check source.secret_arn, its Region, and your permission to read"
            " the secret",
        ),
        (
            NoHostAvailable("none", {"h:80": OTHER}),
            "h:80: unsupported protocol version 72; something else than Cassandra answers there:"
            " check the port",
        ),
    ],
)
def test_why_a_side_lets_nobody_in_is_told_without_the_drivers_words(
    error: Exception, says: str
) -> None:
    def refuse() -> Any:
        raise error

    with pytest.raises(Unreachable) as refused:
        CqlSession(Side.TARGET, refuse).current()
    assert sentence(refused.value) == f"target: cannot connect: {says}"


class Cluster:
    """A cluster that is reached, with its nodes in datacenters that are known."""

    def __init__(self, read: str, *datacenters: str) -> None:
        policy = DCAwareRoundRobinPolicy(read)
        hosts = [self.host(number, one) for number, one in enumerate(datacenters)]
        policy.populate(SimpleNamespace(), hosts)
        self.metadata = SimpleNamespace(all_hosts=lambda: hosts)
        default = SimpleNamespace(load_balancing_policy=policy)
        self.profile_manager = SimpleNamespace(default=default)

    def host(self, number: int, datacenter: str) -> Host:
        found = Host(f"10.0.0.{number}", SimpleConvictionPolicy, host_id=uuid4())
        found.set_location_info(datacenter, "r1")
        return found

    def connect(self) -> Any:
        raise NoHostAvailable("Unable to connect to any servers", ["10.0.0.1"])

    def shutdown(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(
    ("read", "says"),
    [
        (
            "dc9",
            "no node is in the datacenter to read; the cluster has dc1, dc2; correct"
            " source.datacenter in migration.toml",
        ),
        ("dc1", f"Unable to connect to any servers; {LOOK}"),
    ],
)
def test_a_datacenter_that_is_not_there_is_told_apart_from_nodes_that_are_away(
    read: str, says: str
) -> None:
    with pytest.raises(Unreachable) as refused:
        CqlSession(Side.SOURCE, lambda: Cluster(read, "dc1", "dc2", "dc2")).current()
    assert sentence(refused.value) == f"source: cannot connect: {says}"


def test_a_table_that_is_not_there_has_a_wrong_name() -> None:
    error = UnknownTable("the source has no table shop.x")
    assert sentence(error) == "the source has no table shop.x; correct its name"


def test_a_login_without_credentials_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    session = boto3.Session(region_name="eu-west-1")
    monkeypatch.setattr(session, "get_credentials", lambda: None)
    with pytest.raises(AuthenticationFailed, match="no AWS credentials were found"):
        sign(b"nonce=0123456789abcdef0123456789abcdef", session, datetime.now(UTC))


def test_a_pass_that_is_stopped_says_how_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(view, "follow", stop)
    with pytest.raises(KeyboardInterrupt):
        sweep._finish(run_of(tmp_path), None, json=False)
    assert capsys.readouterr().err == (
        "stopped; 0 % of shop.orders is done; run the same command again to resume\n"
    )


def test_a_cutover_that_is_stopped_says_what_is_left_of_the_fence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene()

    def stop(seconds: float) -> None:
        scene.time.advance(6_000_000)
        raise KeyboardInterrupt

    monkeypatch.setattr(cutover, "_watched", lambda *_: [])
    monkeypatch.setattr(stops, "recall", lambda *_: None)
    monkeypatch.setattr(scene.clock, "sleep", stop)
    out = StringIO()
    with pytest.raises(KeyboardInterrupt):
        cutover._cutover(scene.cutover(), scene.journal, Console(file=out, width=200))
    assert "late writes may win for 44 s more. The application must not write yet" in out.getvalue()
    monkeypatch.undo()
    (seen,) = cutover._cutover(scene.cutover(), scene.journal, Console(file=out))
    assert seen.standing is Standing.CUTOVER
    assert scene.clock.now() - scene.began >= CUTOVER_WAIT_S
