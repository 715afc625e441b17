"""`hintferry statements`: verdicts, exit statuses, and what is said of bad input."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hintferry.adapters.config.settings import TargetSettings
from hintferry.core.errors import Side, Unreachable
from hintferry.core.schema import Table
from hintferry_cli.statements import command
from hintferry_cli.statements.endpoint import Endpoint, named
from hintferry_ops import wiring
from hintferry_ops.statements.collection import Collection, Found
from hintferry_ops.statements.judge import Answer
from tests.cli.sources import run
from tests.unit.ops.test_statement_logs import READ, single

CONFIG = """
[source]
contact_points = ["10.0.1.11"]
datacenter = "dc1"
[target]
endpoint = "cassandra.eu-west-1.amazonaws.com"
region = "eu-west-1"
[tables."shop.orders"]
[tables."shop.plain"]
ttl = false
"""
SCHEMA = """
CREATE TABLE shop.orders (id uuid PRIMARY KEY, n int);
CREATE TABLE shop.plain (k text PRIMARY KEY, v text);
"""


class ScriptedTrial:
    """Answers as told; keeps what was made and asked."""

    def __init__(self, refusals: dict[str, str]) -> None:
        self.refusals = refusals
        self.made: list[str] = []
        self.tried: list[str] = []
        self.ended: list[str] = []

    def make(self, statements: Sequence[str], tables: Iterable[tuple[Table, bool]]) -> None:
        self.made = [*statements, *(f"{table.id} {ttl}" for table, ttl in tables)]

    def answers(
        self, statements: Iterable[Found], progress: Callable[[int], None]
    ) -> Iterator[tuple[tuple[str, str], Answer]]:
        for one in statements:
            self.tried.append(one.text)
            yield (one.keyspace, one.text), Answer(self.refusals.get(one.text, ""), ran=True)

    def drop(self) -> None:
        self.ended.append("drop")

    def close(self) -> None:
        self.ended.append("close")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "migration.toml"
    path.write_text(CONFIG)
    (tmp_path / "schema.cql").write_text(SCHEMA)
    return path


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch) -> ScriptedTrial:
    found = ScriptedTrial({})

    @contextmanager
    def one(target: TargetSettings) -> Iterator[Endpoint]:
        yield Endpoint(target, None, is_own=True)

    monkeypatch.setattr(wiring, "trial", lambda settings, login: found)
    monkeypatch.setattr(command, "started", one)
    return found


def told(config: Path, text: str, *options: str) -> tuple[int, dict[str, Any]]:
    (config.parent / "q.cql").write_text(text)
    result = run(
        "statements", str(config.parent / "q.cql"), "--json", "--config", str(config), *options
    )
    assert result.stdout, result.output
    return result.exit_code, json.loads(result.stdout)


def test_statements_are_tried_and_judged(config: Path, trial: ScriptedTrial) -> None:
    trial.refusals["SELECT n FROM shop.orders WHERE id = ?"] = "no"
    status, tree = told(
        config,
        "SELECT n FROM shop.orders WHERE id = 1; SELECT * FROM shop.orders WHERE id = ?;"
        " SELECT * FROM shop.orders WHERE id = 1; SELECT * FROM shop.gone",
    )
    assert status == 1
    assert tree["verdicts"] == {"refused": 1, "differs": 0, "unknown": 1, "runs": 1}
    first, _, last = tree["statements"]
    assert (first["said"], last["count"], last["tried"]) == ("no", 2, "run")
    assert sorted(trial.tried) == [
        "SELECT * FROM shop.orders WHERE id = ?",
        "SELECT n FROM shop.orders WHERE id = ?",
    ]
    assert trial.made[-2:] == ["shop.orders True", "shop.plain False"]
    assert any("CREATE TABLE" in one and '"orders"' in one for one in trial.made)
    # What was started for the call goes with it.
    assert trial.ended == ["close"]


@pytest.mark.parametrize(
    ("text", "options", "status"),
    [
        ("SELECT * FROM shop.orders WHERE id = ?;", (), 0),
        ("SELECT * FROM shop.orders WHERE id IN ?;", (), 0),
        ("SELECT * FROM shop.orders WHERE id IN ?;", ("--fail-on", "differs"), 1),
        ("TRUNCATE shop.orders;", (), 1),
        ("TRUNCATE shop.orders;", ("--fail-on", "differs"), 1),
        ("INSERT INTO shop.plain (k) VALUES (?) USING TTL 5;", (), 1),
    ],
)
def test_the_exit_status_is_for_ci(
    config: Path, trial: ScriptedTrial, text: str, options: tuple[str, ...], status: int
) -> None:
    assert told(config, text, *options)[0] == status


def test_with_the_rules_only_nothing_is_tried(config: Path, trial: ScriptedTrial) -> None:
    status, tree = told(config, "SELECT * FROM shop.orders WHERE id = ?;", "--rules-only")
    assert (status, trial.tried, trial.ended) == (0, [], [])
    assert tree["statements"][0]["why"] == "it was not tried"


def test_a_person_sees_the_worst_first_and_no_literal(config: Path, trial: ScriptedTrial) -> None:
    (config.parent / "q.cql").write_text(
        "SELECT * FROM shop.plain WHERE k = 'ann@example.org' ALLOW FILTERING;\n"
        "SELECT count(*) FROM shop.plain WHERE k = 'ann@example.org';\nSELEC;\n"
    )
    text = run("statements", str(config.parent / "q.cql"), "--config", str(config)).output
    assert "ann@example.org" not in text
    refused, differs = text.index("refused  aggregate"), text.index("differs  filtering")
    unread = text.index("does not parse")
    assert refused < differs < unread < text.index("2 statements: refused 1, differs 1")
    assert "source: https://docs.aws.amazon.com/keyspaces/" in text


def test_a_log_gives_rate_units_and_price(config: Path, trial: ScriptedTrial) -> None:
    log = config.parent / "fql.txt"
    log.write_text(single(READ, b"i" * 16) * 9 + single(READ, b"i" * 16, at_ms=1_700_000_001_000))
    result = run("statements", str(log), "--json", "--config", str(config))
    tree = json.loads(result.stdout)
    (one,) = tree["statements"]
    assert (one["count"], tree["seconds"], one["units"]["read"]) == (10, 1.0, 1.0)
    assert one["usd_month"] > 0
    shown = run("statements", str(log), "--config", str(config)).output
    assert "at the rate of the log all statements take at least" in shown


def test_the_nodes_are_asked_without_a_path(
    config: Path, trial: ScriptedTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepared(settings: object, into: Collection) -> int:
        into.add("SELECT * FROM orders WHERE id = ?", "prepared on 10.0.1.11", "shop")
        return 1

    monkeypatch.setattr(wiring, "prepared_statements", prepared)
    result = run("statements", "--json", "--config", str(config))
    (one,) = json.loads(result.stdout)["statements"]
    assert (one["keyspace"], one["verdict"]) == ("shop", "runs")


def test_nodes_that_are_away_are_a_matter_of_time(
    config: Path, trial: ScriptedTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepared(settings: object, into: Collection) -> int:
        raise Unreachable(Side.SOURCE, "source: no answer")

    monkeypatch.setattr(wiring, "prepared_statements", prepared)
    result = run("statements", "--config", str(config))
    assert (result.exit_code, "no answer" in result.output) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gone",), "gone does not exist; name a file or a folder of statements"),
        (("empty.cql",), "no statement of CQL was found in"),
        (("q.cql", "--endpoint", "somewhere"), "somewhere is no endpoint; write it as HOST:PORT"),
        (("q.cql", "--state", "x"), "--state needs --endpoint HOST:PORT; give both"),
        (
            ("q.cql", "--endpoint", "127.0.0.1:9142", "--state", "x"),
            "credentials.json cannot be read",
        ),
    ],
)
def test_a_call_that_is_wrong_says_what_to_do(
    config: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(config.parent)
    Path("q.cql").write_text("SELECT * FROM shop.orders;")
    Path("empty.cql").write_text("-- nothing\n")
    result = run("statements", *arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())


def test_a_running_endpoint_is_reached_with_the_keys_of_its_directory(tmp_path: Path) -> None:
    (tmp_path / "credentials.json").write_text(
        '{"access_key_id": "AKIDEXAMPLE", "secret_access_key": "s"}'
    )
    target = TargetSettings("cassandra.eu-west-1.amazonaws.com", 9142, "eu-west-1", None)
    found = named(target, "127.0.0.1:9999", tmp_path)
    assert (found.settings.endpoint, found.settings.port) == ("127.0.0.1", 9999)
    assert found.settings.ca_file == tmp_path / "ca.pem"
    assert found.login is not None
    assert found.login.get_credentials().access_key == "AKIDEXAMPLE"
    assert named(target, "127.0.0.1:9999", None).login is None


def test_without_a_sandbox_it_is_said_how_to_get_an_endpoint(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hintferry_cli.statements.endpoint.STARTER", "no_such_package.endpoint")
    (config.parent / "q.cql").write_text("SELECT * FROM shop.orders;")
    result = run("statements", str(config.parent / "q.cql"), "--config", str(config))
    assert result.exit_code == 2
    text = " ".join(result.output.split())
    assert "keyspaces-local serve" in text
    assert "--rules-only" in text
