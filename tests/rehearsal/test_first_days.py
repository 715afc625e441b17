"""The first days of a pipeline: it comes up, survives a failure, goes, and comes again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.rehearsal.account import NUMBER, Account
from tests.rehearsal.journey import OPTIONS, Journey

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("rehearsal")]

STACKS = {"alarms", "kafka", "network", "nodes", "pipeline", "sweep", "tables"}


def test_a_first_deploy_and_a_second_without_a_change(journey: Journey) -> None:
    first = journey.deploy()
    assert first.ok, first.text
    assert set(journey.statuses()) == STACKS
    assert set(journey.columns()) == {"orders", "visits"}
    second = journey.deploy()
    assert second.ok, second.text
    assert second.text.count("(no changes)") == len(STACKS)


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("Custom::KeyspacesTable", "visits"),
        pytest.param("AWS::MSK::Topic", "visits", marks=pytest.mark.soak),
        pytest.param("AWS::Lambda::EventSourceMapping", "visits", marks=pytest.mark.soak),
    ],
)
def test_what_failed_in_the_middle_is_deployed_again(
    account: Account, journey: Journey, kind: str, named: str
) -> None:
    account.fail(kind, "the service had a bad moment", named)
    failed = journey.deploy()
    assert not failed.ok
    assert "the service had a bad moment" in failed.text
    again = journey.deploy()
    assert again.ok, again.text
    assert set(journey.statuses()) == STACKS
    assert len(journey.mappings()) == len(journey.topics()) == len(journey.columns())


def test_what_was_destroyed_is_deployed_again_over_the_tables(journey: Journey) -> None:
    assert journey.deploy().ok
    gone = journey.destroy()
    assert gone.ok, gone.text
    assert journey.statuses() == {}
    assert set(journey.columns()) == {"orders", "visits"}, "no stack ever drops a table"
    again = journey.deploy()
    assert again.ok, again.text


def test_two_pipelines_share_an_account(journey: Journey, account: Account) -> None:
    """Of the same tables even: names, topics and groups are each one's own."""
    first = journey.deploy()
    assert first.ok, first.text
    (journey.folder / "other").mkdir()
    other = Journey(account, journey.folder / "other", f"{journey.name}-b")
    other.keyspace, other.schema = journey.keyspace, journey.schema
    second = other.deploy()
    assert second.ok, second.text
    assert set(journey.mappings().values()).isdisjoint(other.mappings().values())


def test_an_environment_of_a_company_is_deployed_by_its_file(
    account: Account, tmp_path: Path
) -> None:
    """As `make cdk CONFIG=environments/prod/migration.toml` does it, under a company's rules."""
    journey = Journey(account, tmp_path / "environments" / "prod", "company")
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [everything]}
    policy = account.client("iam").create_policy(
        PolicyName="company-boundary", PolicyDocument=json.dumps(document)
    )
    boundary = policy["Policy"]["Arn"]
    journey.said["account"] = f'account = "{NUMBER}"'
    journey.said["more"] = (
        f'[security]\npermissions_boundary = "{boundary}"\n\n[tags]\nteam = "ferries"'
    )
    done = account.make_cdk(journey.write(), "deploy", *OPTIONS, "--all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(journey.statuses()) == STACKS
    assert (journey.folder / "cdk.out" / "company-network.template.json").exists()
    roles = {name: one for name, one in account.state()["roles"].items() if "company-" in name}
    assert len(roles) > 6
    assert {one.get("PermissionsBoundary") for one in roles.values()} == {boundary}
    tags = {"hintferry:pipeline": "company", "team": "ferries"}
    for stack in account.client("cloudformation").describe_stacks()["Stacks"]:
        if stack["StackName"].startswith("company-"):
            assert {one["Key"]: one["Value"] for one in stack["Tags"]} == tags
    sqs, functions = account.client("sqs"), account.client("lambda")
    queues = sqs.list_queues(QueueNamePrefix="company-")["QueueUrls"]
    assert len(queues) == 3
    for queue in queues:
        assert tags.items() <= sqs.list_queue_tags(QueueUrl=queue)["Tags"].items()
    made = [
        one["FunctionArn"]
        for page in functions.get_paginator("list_functions").paginate()
        for one in page["Functions"]
        if one["FunctionName"].startswith("company-")
    ]
    assert len(made) == 5
    for arn in made:
        assert tags.items() <= functions.list_tags(Resource=arn)["Tags"].items()
    assert account.state()["keyspaces"]["tags"]["company.orders"] == tags
