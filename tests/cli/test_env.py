"""`hintferry env`, and the commands that find the queues by the stacks: right, missing, wrong."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from typer.testing import CliRunner, Result

from hintferry.adapters.config.places import PLACES, Queues
from hintferry.core.errors import ConfigurationError
from hintferry_cli.app import app
from hintferry_cli.places import places
from hintferry_ops.deployed import NotDeployed
from node import render
from tests.cli.stacks import ACCOUNT, CLUSTER, MACHINE, QUEUE, SERVERS, answer, deploy
from tools.places import ROOT

REGION = "eu-west-1"
BROKERS = {"GetBootstrapBrokers": {"BootstrapBrokerStringSaslIam": SERVERS}}


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An AWS without a stack; the shell names no place, and no Region."""
    for place in PLACES:
        monkeypatch.delenv(place.variable, raising=False)
    for name in ("AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        answer(monkeypatch, BROKERS)
        yield boto3.client("cloudformation", region_name=REGION)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The example's configuration, for this Region."""
    text = (ROOT / "migration.toml").read_text()
    path = tmp_path / "migration.toml"
    path.write_text(text.replace("us-east-1", REGION))
    (tmp_path / "schema.cql").write_text((ROOT / "schema.cql").read_text())
    return path


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["env", "--config", str(config), *arguments])


def test_everything_is_printed_for_a_shell_and_as_json(cloudformation: Any, config: Path) -> None:
    deploy(cloudformation)
    expected = {
        "HINTFERRY_CONFIG": str(config),
        "AWS_DEFAULT_REGION": REGION,
        "HINTFERRY_PARKED_QUEUE_URL": f"{QUEUE}/parked",
        "HINTFERRY_REPLAY_QUEUE_URL": f"{QUEUE}/replay",
        "HINTFERRY_BUCKET": "kept",
        "HINTFERRY_BOOTSTRAP_SERVERS": SERVERS,
        "HINTFERRY_SWEEP_MACHINE_ARN": MACHINE,
    }
    assert json.loads(run(config, "--json").stdout) == expected
    shown = run(config)
    assert (shown.exit_code, shown.stderr.splitlines()[1:]) == (
        0,
        [f"  hintferry preflight --config {config}"],
    )
    script = f"set -eu\neval {shlex.quote(shown.stdout)}\nenv"
    lines = subprocess.run(["sh", "-c", script], env={}, capture_output=True, text=True).stdout
    assert set(expected.items()) <= {tuple(line.split("=", 1)) for line in lines.splitlines()}


@pytest.mark.parametrize("name", ["hintferry-pipeline", "hintferry-kafka", "hintferry-sweep"])
def test_a_stack_that_is_missing_is_named_with_account_and_region(
    cloudformation: Any, config: Path, name: str
) -> None:
    deploy(cloudformation, name)
    result = run(config)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.splitlines() == [
        f"hintferry: the stack {name} does not exist in account {ACCOUNT}, {REGION}; set"
        f" AWS_PROFILE to the account that has it, or deploy it with"
        f' `make cdk ARGS="deploy {name}"`'
    ]


def test_credentials_of_another_account_than_the_files_are_told(
    cloudformation: Any, config: Path
) -> None:
    deploy(cloudformation)
    text = config.read_text()
    config.write_text(text.replace("[target]\n", '[target]\naccount = "210987654321"\n'))
    result = run(config)
    assert (result.exit_code, result.stdout) == (3, "")
    (line,) = result.stderr.splitlines()
    assert f"target.account is 210987654321, and these credentials are of account {ACCOUNT}" in line


def test_each_problem_is_a_sentence(cloudformation: Any, config: Path) -> None:
    result = run(config)
    assert result.exit_code == 3
    lines = result.stderr.splitlines()
    assert [line.split()[3] for line in lines] == [
        "hintferry-pipeline",
        "hintferry-kafka",
        "hintferry-sweep",
    ]


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("CREATE_IN_PROGRESS", "wait until that has ended"),
        ("UPDATE_IN_PROGRESS", "wait until that has ended"),
        ("ROLLBACK_COMPLETE", "delete the stack, and deploy it again"),
        ("UPDATE_ROLLBACK_FAILED", 'run `make cdk ARGS="deploy hintferry-kafka"`'),
    ],
)
def test_a_stack_that_is_half_deployed_is_told_with_its_status(
    cloudformation: Any, config: Path, monkeypatch: pytest.MonkeyPatch, status: str, says: str
) -> None:
    deploy(cloudformation)

    whole = cloudformation._make_api_call

    def described(arguments: dict[str, str]) -> dict[str, Any]:
        name = arguments["StackName"]
        found = whole("DescribeStacks", arguments)
        if name == "hintferry-kafka":
            found["Stacks"][0]["StackStatus"] = status
        return dict(found)

    answer(monkeypatch, {"DescribeStacks": described})
    result = run(config)
    assert (result.exit_code, result.stdout) == (3, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"hintferry: the stack hintferry-kafka is {status}; ")
    assert says in line


@pytest.mark.parametrize("code", ["ExpiredToken", "ExpiredTokenException", "RequestExpired"])
def test_credentials_that_have_expired_are_told(
    cloudformation: Any, config: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    error = ClientError({"Error": {"Code": code, "Message": "expired"}}, "DescribeStacks")
    answer(monkeypatch, {"DescribeStacks": error})
    result = run(config)
    assert (result.exit_code, result.stdout) == (3, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("hintferry: the AWS credentials have expired; log in again")


def test_a_cluster_of_another_account_is_told(cloudformation: Any, config: Path) -> None:
    deploy(cloudformation)
    other = "arn:aws:kafka:us-east-1:999999999999:cluster/theirs/1"
    text = config.read_text()
    assert "[kafka]\n" in text
    config.write_text(text.replace("[kafka]\n", f'[kafka]\ncluster_arn = "{other}"\n'))
    result = run(config)
    assert (result.exit_code, result.stdout) == (3, "")
    (line,) = result.stderr.splitlines()
    assert "is in account 999999999999, us-east-1" in line
    assert f"of account {ACCOUNT}, {REGION}; set AWS_PROFILE" in line


def test_outputs_of_an_earlier_release_and_brokers_without_iam_are_told(
    cloudformation: Any, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(cloudformation, **{"hintferry-pipeline": {"Bucket": "kept"}})
    answer(monkeypatch, {"GetBootstrapBrokers": {"BootstrapBrokerStringTls": "b:9094"}})
    result = run(config)
    assert result.exit_code == 3
    first, second = result.stderr.splitlines()
    assert "hintferry-pipeline has no output ParkedQueueUrl" in first
    assert f"{CLUSTER} names no brokers for login by IAM" in second


def test_option_and_environment_come_before_the_stack(cloudformation: Any, config: Path) -> None:
    deploy(cloudformation)
    found = places(config, parked_queue_url="mine", replay_queue_url="", bucket="")
    assert found == Queues("mine", f"{QUEUE}/replay", "kept")
    nowhere = config.with_name("none.toml")
    all_given = places(nowhere, parked_queue_url="a", replay_queue_url="b", bucket="c")
    assert all_given == Queues("a", "b", "c")
    assert places(config, replay_queue_url="") == Queues("", f"{QUEUE}/replay", "")


def test_what_neither_gives_is_named_with_the_reason(cloudformation: Any, config: Path) -> None:
    with pytest.raises(NotDeployed, match=r"give --bucket \(or HINTFERRY_BUCKET\); .*not exist"):
        places(config, parked_queue_url="a", replay_queue_url="b", bucket="")
    with pytest.raises(ConfigurationError, match=r"none.toml does not exist"):
        places(config.with_name("none.toml"), bucket="")


def test_another_region_of_the_shell_is_told(
    cloudformation: Any, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(cloudformation)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with pytest.raises(ConfigurationError, match=f"set AWS_DEFAULT_REGION={REGION}"):
        places(config, bucket="")
    assert run(config).exit_code == 0


def test_a_verb_finds_the_queues_by_itself(
    cloudformation: Any, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    sqs, s3 = boto3.client("sqs"), boto3.client("s3")
    urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("parked", "replay")]
    s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": REGION})
    outputs = {"ParkedQueueUrl": urls[0], "ReplayQueueUrl": urls[1], "Bucket": "kept"}
    deploy(cloudformation, **{"hintferry-pipeline": outputs})
    result = CliRunner().invoke(app, ["replay", "--dry-run", "--config", str(config)])
    assert (result.exit_code, result.stderr.splitlines()[1:]) == (
        0,
        [f"  hintferry status --config {config}"],
    )


def test_the_nodes_configuration_takes_the_brokers_from_the_environment(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HINTFERRY_BOOTSTRAP_SERVERS", SERVERS)
    out = tmp_path / "rendered"
    assert render.main(["--migration", str(config), "--out", str(out)]) == 0
    assert f"bootstrap.servers={SERVERS}" in (out / "capture.properties").read_text()
    monkeypatch.delenv("HINTFERRY_BOOTSTRAP_SERVERS")
    with pytest.raises(SystemExit):
        render.main(["--migration", str(config), "--out", str(out)])
