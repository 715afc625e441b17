"""`hintferry preflight --only account`: a small account, a wrong one, one that cannot be asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from moto import mock_aws
from typer.testing import CliRunner

from hintferry.adapters.config.settings import migration_from
from hintferry_cli.app import app
from hintferry_cli.preflight import account as checks
from hintferry_ops.deployed import BOOTSTRAP_PARAMETER
from hintferry_ops.deployed import concurrency as concurrency_of
from hintferry_ops.operator_permissions import OPERATOR, On
from tests.cli.stacks import ACCOUNT, answer, deploy
from tools.places import ROOT

REGION = "eu-west-1"
USER = f"arn:aws:iam::{ACCOUNT}:user/moto"
KAFKA = {
    "Number of brokers per cluster": 30.0,
    "Number of brokers per KRaft cluster": 60.0,
    "Number of brokers per account": 90.0,
}
KEYSPACES = {
    "Max tables per AWS Region": 256.0,
    "Max read throughput per second": 40_000.0,
    "Max write throughput per second": 40_000.0,
}


def concurrency(limit: int, unreserved: int | None = None) -> dict[str, Any]:
    left = limit if unreserved is None else unreserved
    return {"AccountLimit": {"ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": left}}


def quotas(kafka: dict[str, float], keyspaces: dict[str, float]) -> Any:
    def told(arguments: dict[str, Any]) -> dict[str, Any]:
        found = {"kafka": kafka, "cassandra": keyspaces}[arguments["ServiceCode"]]
        return {"Quotas": [{"QuotaName": name, "Value": value} for name, value in found.items()]}

    return told


def simulated(*denied: str) -> Any:
    """What IAM answers to a caller who lacks these actions."""

    def told(arguments: dict[str, Any]) -> dict[str, Any]:
        return {
            "EvaluationResults": [
                {
                    "EvalActionName": name,
                    "EvalDecision": "implicitDeny" if name in denied else "allowed",
                }
                for name in arguments["ActionNames"]
            ]
        }

    return told


GOOD: dict[str, Any] = {
    "GetAccountSettings": concurrency(1000),
    "ListServiceQuotas": quotas(KAFKA, KEYSPACES),
    "SimulatePrincipalPolicy": simulated(),
    "GetCallerIdentity": {"Account": ACCOUNT, "Arn": USER, "UserId": "x"},
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An account that is in order, bootstrapped, with the stacks."""
    for name in ("AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        ssm = boto3.client("ssm", region_name=REGION)
        ssm.put_parameter(Name=BOOTSTRAP_PARAMETER, Value="27", Type="String")
        deploy(boto3.client("cloudformation", region_name=REGION))
        answer(monkeypatch, GOOD)
        yield


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "migration.toml"
    path.write_text((ROOT / "migration.toml").read_text())
    return path


def found(config: Path) -> tuple[int, list[dict[str, str]]]:
    """Exit status, and the findings but the question for the right account."""
    arguments = ["preflight", "--only", "account", "--json", "--config", str(config)]
    result = CliRunner().invoke(app, arguments)
    first, *rest = json.loads(result.stdout)["findings"]
    assert (first["level"], first["where"]) == ("question", "account")
    assert first["what"] == f"is {ACCOUNT} in {REGION} the right one?"
    return result.exit_code, rest


def test_an_account_in_order_is_fit(aws: None, config: Path) -> None:
    assert found(config) == (0, [])


@pytest.mark.parametrize("wanted", [ACCOUNT, "210987654321"])
def test_an_account_that_the_file_names_is_no_question(
    aws: None, config: Path, wanted: str
) -> None:
    text = config.read_text()
    config.write_text(text.replace("[target]\n", f'[target]\naccount = "{wanted}"\n'))
    arguments = ["preflight", "--only", "account", "--json", "--config", str(config)]
    result = CliRunner().invoke(app, arguments)
    told = [(one["level"], one["what"]) for one in json.loads(result.stdout)["findings"]]
    wrong = ("fault", f"target.account is {wanted}, and you are {USER}")
    assert told == ([] if wanted == ACCOUNT else [wrong])


@pytest.mark.parametrize(
    ("answers", "where", "what", "fix"),
    [
        ({"GetAccountSettings": concurrency(10)}, "Lambda",
         "runs 10 invocations at once in this account; the functions reserve 64, and 100 must",
         "Concurrent executions, 164 or more; until then write reserve = false under [pipeline]"),
        ({"ListServiceQuotas": quotas({**KAFKA, "Number of brokers per account": 2}, KEYSPACES)},
         "MSK", '"number of brokers per account" is 2 in this account; kafka.brokers', "or lower"),
        ({"ListServiceQuotas": quotas(KAFKA, {**KEYSPACES, "Max tables per AWS Region": 1})},
         "Keyspaces", '"max tables per aws region" is 1 in this account', "ask AWS for more"),
        ({"SimulatePrincipalPolicy": simulated("kms:Decrypt", "kms:GenerateDataKey")},
         "permissions", f"{USER} may not kms:Decrypt, kms:GenerateDataKey on arn:aws:kms:",
         "attach OperatorPolicy (output of hintferry-pipeline)"),
    ],
)  # fmt: skip
def test_what_is_too_small_or_missing_is_a_fault(
    answers: dict[str, Any], where: str, what: str, fix: str,
    aws: None, config: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    answer(monkeypatch, answers)
    status, (fault,) = found(config)
    assert (status, fault["level"], fault["where"]) == (1, "fault", where)
    assert what in fault["what"]
    assert fix in fault["fix"]


def test_the_functions_reserve_what_the_check_counts() -> None:
    migration = migration_from(ROOT / "migration.toml")
    assert sum(concurrency_of(migration).values()) == 64


def test_an_account_of_ten_can_be_tried_without_a_reservation(
    aws: None, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = config.read_text()
    config.write_text(text.replace("[pipeline]\n", "[pipeline]\nreserve = false\n"))
    answer(monkeypatch, {"GetAccountSettings": concurrency(10)})
    status, (advice,) = found(config)
    assert (status, advice["level"], advice["where"]) == (0, "advice", "Lambda")
    assert advice["what"].startswith("has 10 invocations at once for all functions that reserve")
    assert "Hintferry's may run 64" in advice["what"]
    answer(monkeypatch, {"GetAccountSettings": concurrency(1000, 64)})
    assert found(config) == (0, [])


def test_what_others_have_reserved_is_advice(
    aws: None, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, {"GetAccountSettings": concurrency(1000, 163)})
    status, (advice,) = found(config)
    assert (status, advice["level"]) == (0, "advice")
    answer(monkeypatch, {"GetAccountSettings": concurrency(1000, 164)})
    assert found(config) == (0, [])


def test_zones_that_the_account_does_not_have_are_named(
    aws: None, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = [{"ZoneName": f"{REGION}{letter}"} for letter in "abd"]
    answer(monkeypatch, {"DescribeAvailabilityZones": {"AvailabilityZones": there}})
    status, (fault,) = found(config)
    assert status == 1
    assert fault["what"].startswith("eu-west-1c cannot be used by this account; it has eu-west-1a,")
    assert 'availability_zones = ["eu-west-1a", "eu-west-1b", "eu-west-1d"]' in fault["fix"]


@pytest.mark.parametrize("version", [None, "5"])
def test_a_bootstrap_that_is_missing_or_old_is_told(
    version: str | None, aws: None, config: Path
) -> None:
    ssm = boto3.client("ssm", region_name=REGION)
    ssm.delete_parameter(Name=BOOTSTRAP_PARAMETER)
    if version:
        ssm.put_parameter(Name=BOOTSTRAP_PARAMETER, Value=version, Type="String")
    status, (fault,) = found(config)
    assert (status, fault["where"]) == (1, "CDK")
    assert fault["fix"] == f'run `make cdk ARGS="bootstrap aws://{ACCOUNT}/{REGION}"`'


@pytest.mark.parametrize(
    ("operation", "where"),
    [
        ("GetAccountSettings", "Lambda"),
        ("DescribeAvailabilityZones", "availability zones"),
        ("ListServiceQuotas", "MSK"),
        ("GetParameter", "CDK"),
        ("SimulatePrincipalPolicy", "permissions"),
    ],
)
def test_what_may_not_be_asked_is_said_and_the_rest_is_looked_at(
    operation: str, where: str, aws: None, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = {"Error": {"Code": "AccessDenied", "Message": "no"}}
    answer(monkeypatch, {operation: ClientError(denied, operation)})
    status, findings = found(config)
    assert (status, {one["level"] for one in findings}) == (3, {"unknown"})
    assert findings[0]["where"] == where
    assert operation in findings[0]["what"]


def test_a_quota_that_is_not_told_is_said(
    aws: None, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, {"ListServiceQuotas": quotas(KAFKA, {})})
    status, (unknown,) = found(config)
    assert (status, unknown["level"], unknown["where"]) == (3, "unknown", "Keyspaces")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (NoCredentialsError(), "no AWS credentials were found"),
        (ClientError({"Error": {"Code": "ExpiredToken"}}, "GetCallerIdentity"), "have expired"),
    ],
)
def test_a_caller_who_is_not_known_is_one_finding(
    error: Exception, says: str, aws: None, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, {"GetCallerIdentity": error})
    arguments = ["preflight", "--only", "account", "--config", str(config)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 3
    assert says in result.stdout
    assert "not fully checked: could not check 1" in result.stdout


def test_every_resource_but_the_mappings_is_simulated_once_it_is_there(
    aws: None, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def simulate(arguments: dict[str, Any]) -> dict[str, Any]:
        asked.append(arguments)
        return dict(simulated()(arguments))

    role = "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/Operator"
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/Operator/me"
    answer(
        monkeypatch,
        {
            "SimulatePrincipalPolicy": simulate,
            "GetCallerIdentity": {"Account": ACCOUNT, "Arn": session},
            "GetRole": {"Role": {"Arn": role}},
        },
    )
    assert found(config) == (0, [])
    actions = {tuple(one["ActionNames"]) for one in asked}
    assert actions == {OPERATOR[on] for on in On if on is not On.MAPPINGS}
    assert {one["PolicySourceArn"] for one in asked} == {role}
    boto3.client("cloudformation", region_name=REGION).delete_stack(StackName="hintferry-pipeline")
    asked.clear()
    assert found(config) == (0, [])
    assert len(asked) == 4


def test_the_root_user_is_not_simulated(
    aws: None, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:root"}
    answer(
        monkeypatch,
        {"GetCallerIdentity": root, "SimulatePrincipalPolicy": AssertionError("asked")},
    )
    assert found(config) == (0, [])


def test_a_table_with_more_units_than_the_quota_is_a_fault(
    aws: None, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = 'capacity = "provisioned"\nread_units = 900\nwrite_units = 800\n'
    text = config.read_text()
    name = str(migration_from(config).tables[0].id)
    config.write_text(text.replace(f'[tables."{name}"]\n', f'[tables."{name}"]\n{units}'))
    small = {**KEYSPACES, "Max write throughput per second": 500.0}
    answer(monkeypatch, {"ListServiceQuotas": quotas(KAFKA, small)})
    status, (fault,) = found(config)
    assert (status, fault["where"]) == (1, "Keyspaces")
    assert fault["what"].startswith(f'"{checks.WRITES}" is 500 in this account; write_units')
