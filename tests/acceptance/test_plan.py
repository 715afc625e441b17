"""What a run may cost is bounded before it begins, and a wrong call is one sentence."""

from __future__ import annotations

import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from acceptance import payload
from acceptance.__main__ import main
from acceptance.plan import (
    BYTES_A_ROW,
    EC2_HOUR,
    RATE,
    Plan,
    most_usd,
    new_name,
    usd_a_day,
)
from acceptance.ports import Refused
from acceptance.questions.comparison import Verdict, verdict
from acceptance.record import DONE, Record, StepRecord, masked
from acceptance.steps import hours, steps
from hintferry_ops.cost.fixed_cost import standing_cost, total
from hintferry_ops.cost.prices import HOURS_A_MONTH, price_book
from node.install.install import faults_of, find_node
from tools.places import ROOT


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan("acceptance-3f9a1c", "us-east-1", 5, tmp_path)


def test_the_bound_has_every_hour_of_what_stands_and_every_mutation(plan: Plan) -> None:
    migration, book = plan.write(), price_book()
    time_h = hours(plan)
    assert time_h * 3600 > sum(step.within_s for step in steps(plan))
    lines = most_usd(plan, migration, book, time_h)
    bound = total(lines)
    unit = book.usd("lambda", plan.region, "poller_unit_hour")
    assert unit is not None
    stands = total(standing_cost(migration, book)) / HOURS_A_MONTH + EC2_HOUR + unit
    assert total(lines[:-2]) == pytest.approx(stands * time_h)
    assert usd_a_day(migration, book) == pytest.approx(24 * stands)
    units = {line.name: line.count for line in lines[-2:]}
    assert units["write units of Keyspaces"] >= 2 * RATE * plan.minutes * 60 * BYTES_A_ROW // 1024
    longer = Plan(plan.name, plan.region, 60, plan.root)
    assert total(most_usd(longer, migration, book, hours(longer))) > bound
    assert bound < 15, "the documents say: less than USD 15"
    assert time_h <= 6, "the documents say: six hours at most"


def test_a_region_without_a_price_has_no_bound(plan: Plan) -> None:
    other = Plan(plan.name, "eu-west-1", 5, plan.root)
    with pytest.raises(Refused, match=r"no price is known in eu-west-1 for .*hintferry prices"):
        most_usd(other, other.write(), price_book(), 1.0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--name", "mine"], "mine is no name of a run"),
        (["--teardown", "hintferry"], "hintferry is no name of a run"),
        (["--minutes", "0"], "--minutes is 0; give 1 to 60"),
        (["--minutes", "61"], "--minutes is 61; give 1 to 60"),
        (["--region", "eu-west-1", "--dry-run"], "no price is known in eu-west-1"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_status_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    region = [] if "--region" in arguments else ["--region", "us-east-1"]
    assert main([*arguments, *region]) == 2
    told = capsys.readouterr().err
    assert told.startswith("acceptance: ")
    assert words in told
    assert len(told.splitlines()) == 1


def test_without_credentials_it_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    assert main(["--teardown", new_name(), "--region", "us-east-1"]) == 2
    assert "no AWS credentials were found" in capsys.readouterr().err


SECRETS = {
    "arn:aws:sts::210987654321:assumed-role/Admin/jane.doe": ("210987654321", "jane"),
    "https://sqs.us-east-1.amazonaws.com/210987654321/parked": ("210987654321",),
    "you are arn:aws:iam::210987654321:user/jane, not root": ("210987654321", "jane"),
    "key AKIAIOSFODNN7EXAMPLE": ("AKIAIOSFODNN7EXAMPLE",),
    "aws_secret_access_key=abcdEFGH/1234": ("abcdEFGH",),
    '"SessionToken": "FwoGZXIvYXdzEBY"': ("FwoGZXIvYXdzEBY",),
}


@pytest.mark.parametrize("text", SECRETS)
def test_the_record_names_no_account_and_no_secret(text: str, tmp_path: Path) -> None:
    record = Record("acceptance-3f9a1c", "us-east-1", "0", "2026-11-30T10:00:00+00:00", 1, 1)
    record.steps.append(StepRecord("deploy", DONE, 1.0, {text: [text]}, text))
    record.stays.append(text)
    record.write(tmp_path)
    for name in ("record.json", "record.md"):
        kept = (tmp_path / name).read_text()
        assert [secret for secret in SECRETS[text] if secret in kept] == []
    assert json.loads((tmp_path / "record.json").read_text())["name"] == "acceptance-3f9a1c"


def test_what_is_no_secret_stays() -> None:
    for text in ("shop.orders", "i-0abc1234def567890", "USD 7.12", "1200145 bytes", "10.43.0.10"):
        assert masked(text) == text


def test_an_answer_agrees_differs_or_has_other_words() -> None:
    refused = 'InvalidRequest: Error from server: code=2200 [Invalid query] message="{}"'
    assert verdict(True, True) is Verdict.AGREES
    assert verdict(True, False) is Verdict.DIFFERS
    assert verdict(refused.format("a"), refused.format("b")) is Verdict.WORDS
    assert verdict(refused.format("a"), "accepted") is Verdict.DIFFERS
    assert verdict("in contract_12ab", "in contract_98fe") is Verdict.AGREES


def test_the_node_gets_the_packages_of_the_command() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {one.partition(">")[0].partition("=")[0] for one in listed}
    assert set(payload._NEEDED) == names


def test_capture_takes_the_settings_of_the_runs_cassandra(tmp_path: Path) -> None:
    payload._copy_cassandra(tmp_path / "cassandra", tmp_path / "jars")
    node = find_node(str(tmp_path), str(tmp_path / "cassandra/cassandra.yaml"), "cassandra", "5.0")
    assert faults_of(node) == []
    assert node.cdc_raw == "/var/lib/cassandra/cdc_raw"
    assert node.address == "10.43.0.10"
    options = (tmp_path / "cassandra/cassandra.options").read_text().split()
    for jar in options[-2].split(":"):
        assert (tmp_path / "jars" / Path(jar).name).exists()


@pytest.mark.parametrize("name", ["prepare", "in-run"])
def test_the_scripts_of_the_node_are_scripts(name: str) -> None:
    script = ROOT / "acceptance" / "node" / name
    subprocess.run(["sh", "-n", str(script)], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", str(script)], check=True)
    assert "set -eu" in script.read_text().splitlines()
