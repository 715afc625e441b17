"""`hintferry assess`: one answer out of preflight, size and cost; the unknown is a question."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hintferry.core.errors import Side, Unreachable
from hintferry.core.schema import TableId
from hintferry_cli.assess import command
from hintferry_cli.assess.assessment import RETRY, VERIFIED_ROWS_PER_S, Fit
from hintferry_cli.cost.table_cost import CostSums, TableCost
from hintferry_cli.cost.view import CostOverview
from hintferry_cli.preflight.finding import Finding, Level
from hintferry_ops.cost.prices import price_book
from tests.cli.sources import run
from tools.places import ROOT

CONFIG = """\
[source]
contact_points = ["10.0.1.11"]
datacenter = "dc1"
nodes = 3
[target]
endpoint = "x"
region = "eu-west-1"
[tables."shop.orders"]
[tables."shop.users"]
"""
SUMS = CostSums(44_000_000, 27.0, 44.4, 3.36, 0.62, 0.1, 12.15)
ADVICE = Finding(Level.ADVICE, "shop.orders", "has rows without a TTL", "set longest_ttl")
FAULT = Finding(Level.FAULT, "10.0.1.11", "cdc_enabled is false", "set it", ("ALTER 1", "ALTER 2"))
HOPELESS = Finding(Level.FAULT, "shop.users", "has a row of 2 MB", "make it smaller")
UNSEEN = Finding(Level.UNKNOWN, "account", "no credentials", "log in")
WRITERS = Finding(Level.QUESTION, "writers", "Does every writer write at LOCAL_QUORUM?", "")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "migration.toml"
    path.write_text(CONFIG)

    def overview(migration: Any, tables: Sequence[TableId], book: Any) -> CostOverview:
        costs = [TableCost(one, 900, 412, SUMS, 3_600.0) for one in tables]
        return CostOverview(migration, costs, price_book())

    monkeypatch.setattr(command, "overview", overview)
    return path


def assessed(config: Path, *arguments: str, fails: int = 0) -> dict[str, Any]:
    result = run("assess", "--json", "--config", str(config), *arguments)
    assert result.exit_code == fails, result.output
    tree: dict[str, Any] = json.loads(result.stdout)
    return tree


def finds(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> None:
    monkeypatch.setattr(command, "findings_of", lambda *_: list(findings))


KNOWN = ("--writes-per-second", "3000")


@pytest.mark.parametrize(
    ("findings", "fits", "status"),
    [
        ([ADVICE, WRITERS], Fit.FITS, 0),
        ([ADVICE, UNSEEN], Fit.NOT_KNOWN, 3),
        ([FAULT, UNSEEN], Fit.AFTER_FIXES, 1),
        ([], Fit.FITS, 0),
        ([FAULT, HOPELESS], Fit.NOT, 1),
    ],
)
def test_the_answer_follows_from_the_worst_finding(
    findings: list[Finding], fits: Fit, status: int, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finds(monkeypatch, *findings)
    assert assessed(config, *KNOWN, fails=status)["fit"] == fits.value


def test_all_parts_come_from_the_verbs_of_their_own(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finds(monkeypatch, FAULT, ADVICE, WRITERS)
    tree = assessed(config, *KNOWN, fails=1)
    assert [one["level"] for one in tree["risks"]] == ["fault", "advice"]
    unpriced, asked = tree["questions"]
    assert "No price is known of: " in unpriced["what"]
    assert asked == {"what": WRITERS.what, "command": ""}
    assert tree["effort"] == {"tables": 2, "connectors": 3, "statements": 2, "faults": 1}
    assert tree["cost"]["once"] == {"backfill": 88.8, "verify": 6.72}
    assert tree["cost"]["month"]["storage"] == pytest.approx(24.3)
    assert tree["time"] == {"backfill_seconds": 7_200.0, "verify_seconds": 2_000.0}
    told = json.loads(
        run("size", "--json", *KNOWN, "--row-bytes", "412", "--outage-hours", "4").stdout
    )
    assert tree["nodes"].items() <= told.items()


def test_parts_that_are_not_known_are_questions_with_a_command(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overview(*_: Any) -> CostOverview:
        raise Unreachable(Side.SOURCE, "no connection")

    finds(monkeypatch, UNSEEN)
    monkeypatch.setattr(command, "overview", overview)
    tree = assessed(config, fails=3)
    assert (tree["cost"], tree["time"], tree["nodes"]) == (None, None, None)
    commands = [one["command"] for one in tree["questions"]]
    assert commands == [
        "hintferry preflight --only source --only account",
        "hintferry cost",
        "hintferry assess --writes-per-second N --outage-hours H",
    ]


def test_a_person_reads_the_same_on_a_terminal_and_on_the_page(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finds(monkeypatch, FAULT, HOPELESS, ADVICE, UNSEEN, WRITERS)
    path = tmp_path / "assessment.html"
    result = run("assess", *KNOWN, "--html", str(path), "--config", str(config))
    page = path.read_text()
    for text in ("does not fit as it is", "cdc_enabled is false", "no credentials", "88.80"):
        assert text in result.stdout, result.stdout
        assert text in page
    assert "<script" not in page
    assert "http" not in page.split("</style>")[1]


@pytest.mark.parametrize("findings", [[ADVICE], [UNSEEN], [FAULT], [HOPELESS]])
def test_each_answer_has_its_page(
    findings: list[Finding], config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finds(monkeypatch, *findings)
    path = tmp_path / "assessment.html"
    tree = json.loads(
        run("assess", "--json", *KNOWN, "--html", str(path), "--config", str(config)).stdout
    )
    assert tree["fit"] in path.read_text()


def test_with_nothing_there_all_is_a_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No source, no AWS Region and no credentials: the page is made all the same."""
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "migration.toml"
    path.write_text(
        CONFIG.replace("10.0.1.11", "127.0.0.1").replace("[target]", "port = 1\n[target]")
    )
    tree = assessed(path, "--html", str(tmp_path / "a.html"), fails=3)
    assert tree["fit"] == Fit.NOT_KNOWN.value
    assert {one["command"] for one in tree["questions"]} >= {RETRY, "hintferry cost"}


def test_the_pace_of_a_verify_pass_is_the_measured_one() -> None:
    measured = json.loads((ROOT / "bench" / "results" / "sweep.json").read_text())
    pace = measured["runs"]["verify"]["rows_per_s"]
    assert 0.9 * pace <= VERIFIED_ROWS_PER_S <= pace
