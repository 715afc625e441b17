"""`hintferry status` and `cutover` where a side does not answer: what can be seen is shown."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hintferry.adapters.clocks.both_sides import CqlClocks
from hintferry.adapters.target.fences import KeyspacesFences
from hintferry.adapters.target.journal import KeyspacesJournal
from hintferry.adapters.target.passes import KeyspacesPasses
from hintferry.core.clock_offset import Offset
from hintferry.core.schema import TableId
from hintferry.ports import Fence
from hintferry_cli.app import app
from hintferry_cli.gate.waiting import QueuesAndBucket
from hintferry_ops.cutover.cloudwatch import CloudWatchMetrics

QUEUES = ["--parked-queue-url", "p", "--replay-queue-url", "r", "--bucket", "b"]
CONFIG = """\
[source]
contact_points = ["127.0.0.1"]
port = 1
datacenter = "d"
[target]
endpoint = "127.0.0.1"
port = 1
region = "eu-west-1"
[tables."shop.orders"]
[tables."shop.users"]
"""
CUTOVER = TableId("shop", "users")
AROUND = ["nothing parked", "on-failure bucket empty"]


@pytest.fixture(autouse=True)
def _queues_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two records are parked; CloudWatch knows nothing. Neither side is there."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    answers: list[tuple[type, str, Any]] = [
        (QueuesAndBucket, "parked", {"schema": 2}),
        (QueuesAndBucket, "given_up", 0),
        (CloudWatchMetrics, "reports", []),
        (CloudWatchMetrics, "lag", None),
        (CloudWatchMetrics, "clock_of", None),
    ]
    for where, method, answer in answers:
        monkeypatch.setattr(where, method, lambda self, *_, answer=answer: answer)


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> list[TableId]:
    """The target answers, and one table is cut over; gives the tables whose fence is set."""
    fenced: list[TableId] = []

    def standing(_: KeyspacesFences, table: TableId) -> Fence | None:
        return Fence(1.0, None) if table == CUTOVER else None

    monkeypatch.setattr(CqlClocks, "target", lambda clocks: Offset(-500, 500))
    monkeypatch.setattr(KeyspacesFences, "standing", standing)
    monkeypatch.setattr(KeyspacesFences, "set", lambda fences, table, _: fenced.append(table))
    monkeypatch.setattr(KeyspacesPasses, "of", lambda passes, table, since: [])
    monkeypatch.setattr(KeyspacesJournal, "add", lambda journal, entry: None)
    return fenced


def run(tmp_path: Path, *arguments: str, config: str = CONFIG) -> Result:
    path = tmp_path / "migration.toml"
    path.write_text(config)
    call = [*arguments, *QUEUES, "--config", str(path)]
    return CliRunner().invoke(app, call, env={"COLUMNS": "200"})


def conditions(tree: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {one["name"]: (one["state"], one["reason"]) for one in tree["conditions"]}


def test_without_the_target_status_shows_what_stands_around_it(tmp_path: Path) -> None:
    result = run(tmp_path, "status")
    assert result.exit_code == 1, result.output
    assert "2 tables: 2 not yet" in result.stdout
    assert "parked 2 (schema 2)" in result.stdout
    for table in ("shop.orders", "shop.users"):
        said = rf"✗ {table} +not yet .*the target answers: target: cannot connect: "
        assert re.search(said, result.stdout)


def test_without_the_target_status_of_one_table_shows_each_condition(tmp_path: Path) -> None:
    result = run(tmp_path, "status", "shop.orders")
    assert result.exit_code == 1, result.output
    assert "shop.orders: not yet" in result.stdout
    assert re.search(r"✗  the target answers +target: cannot connect: ", result.stdout)
    assert "2 records parked: schema 2" in result.stdout
    assert "clocks, from the target's: this machine unknown" in result.stdout


def test_a_page_goes_into_a_pipe_and_into_a_file_alike(tmp_path: Path) -> None:
    printed = run(tmp_path, "status", "--html", "-")
    assert printed.exit_code == 1, printed.output
    assert printed.stdout.startswith("<!doctype html>")
    assert printed.stdout.rstrip().endswith("</html>"), "and nothing beside it"
    assert "The target answers: no." in printed.stdout
    file = tmp_path / "migration.html"
    assert "2 tables: 2 not yet" in run(tmp_path, "status", "--html", str(file)).stdout
    assert file.read_text().startswith("<!doctype html>")


def test_with_the_stock_connector_the_lag_is_shown_too(tmp_path: Path) -> None:
    result = run(tmp_path, "status", "--json", config=f"{CONFIG}[capture]\nstock = true\n")
    told = json.loads(result.stdout)["tables"][0]
    assert list(conditions(told))[1:] == ["topic settled", *AROUND]


def test_without_the_source_a_fenced_table_is_shown_as_ever(
    tmp_path: Path, target: list[TableId]
) -> None:
    result = run(tmp_path, "status", "--json")
    assert result.exit_code == 1, result.output
    told = json.loads(result.stdout)
    orders, users = told["tables"]
    assert users["cut_over"] is True
    assert list(seen := conditions(orders)) == ["the source answers", *AROUND]
    assert seen["the source answers"][0] == "fails"
    assert "cannot connect" in seen["the source answers"][1]
    assert told["clocks"]["machine_ms"] == [-0.5, 0.5]
    assert run(tmp_path, "status", "shop.users").exit_code == 0


@pytest.mark.parametrize("json_too", [[], ["--json"]])
def test_without_the_source_no_fence_is_set(
    json_too: list[str], tmp_path: Path, target: list[TableId]
) -> None:
    result = run(tmp_path, "cutover", "shop.orders", "--writes-stopped", "now", *json_too)
    assert result.exit_code == 3, result.output
    assert result.stderr.startswith("hintferry: source: cannot connect: ")
    assert "check its address and port" in result.stderr
    assert (result.stdout, target) == ("", [])


def test_without_the_target_no_fence_is_judged(tmp_path: Path) -> None:
    for undo in ([], ["--undo", "--yes"]):
        result = run(tmp_path, "cutover", "shop.orders", *undo)
        assert (result.exit_code, result.stdout) == (3, "")
        assert "cannot connect" in result.stderr


def test_status_says_what_validation_found(
    tmp_path: Path, target: list[TableId], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"ValidatedKeys": 12_345, "ValidatedDiverged": 1, "UnvalidatedKeys": 2}
    monkeypatch.setattr(CloudWatchMetrics, "validated", lambda metrics: found)
    config = CONFIG + "[pipeline]\nvalidate_one_in = 1000\n"
    said = run(tmp_path, "status", config=config).stdout
    assert "one settled row in 1,000, last 24 h: 12,345 equal, 1 diverged, 2 unknown" in said
    told = json.loads(run(tmp_path, "status", "--json", config=config).stdout)
    assert told["validation"]["diverged"] == 1
    assert "validation" not in run(tmp_path, "status").stdout
