"""Each change of `migration.toml` on a pipeline that is deployed: it fits, or is refused first."""

from __future__ import annotations

import pytest

from hintferry.core.errors import ConfigurationError
from tests.rehearsal.account import Account
from tests.rehearsal.journey import Journey

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("rehearsal")]


def test_what_changes_in_place(journey: Journey) -> None:
    """Everything that an operator may write differently, step after step on one pipeline."""
    assert journey.deploy().ok

    journey.tables["orders"] = "partitions = 12\nbatch_window_s = 0\nmost_pollers = 4"
    journey.tables["visits"] = 'capacity = "provisioned"\nread_units = 50\nwrite_units = 60'
    journey.schema += f"ALTER TABLE {journey.keyspace}.visits ADD later text;\n"
    journey.said["nodes"] = 4
    journey.said["cidr"] = "10.8.0.0/16"
    _deployed(journey)
    assert journey.columns()["visits"] == ["id", "later", "seen"]
    ran = journey.account.state()["keyspaces"]["ran"]
    assert any(f'"{journey.keyspace}"."visits" WITH' in one and "60" in one for one in ran)

    journey.schema += f"CREATE TABLE {journey.keyspace}.more (id uuid PRIMARY KEY, v1 text);\n"
    journey.tables["more"] = ""
    _deployed(journey)
    assert f"hintferry.{_dashed(journey)}more" in journey.mappings()

    journey.said["pipeline"] = 'consumer_group = "v2"'
    _deployed(journey)
    assert {group.rpartition("-")[2] for group in journey.mappings().values()} == {"v2"}
    journey.said["pipeline"] = 'consumer_group = "v3"'
    _deployed(journey)
    assert {group.rpartition("-")[2] for group in journey.mappings().values()} == {"v3"}


def test_a_new_version_is_taken_back_and_deployed_again(journey: Journey, account: Account) -> None:
    """CodeDeploy ends the update of an alias as failed where an alarm tells it to."""
    assert journey.deploy().ok
    first = journey.versions()
    # Of sweep, replay and processor; the two that are fed name the mappings.
    assert len(first) == 3
    assert set(first.values()) == {"1"}
    assert len(journey.functions() & set(first)) == 2

    journey.said["pipeline"] = "memory_mb = 2048"
    account.fail("AWS::Lambda::Alias", "the deployment was rolled back", "ProcessorLive")
    failed = journey.deploy("pipeline")
    assert not failed.ok
    assert "the deployment was rolled back" in failed.text
    assert journey.statuses()["pipeline"] == "UPDATE_ROLLBACK_COMPLETE"
    assert journey.versions() == first

    mappings = journey.mappings()
    _deployed(journey)
    assert journey.versions().keys() == first.keys()
    assert not {"1"} & set(journey.versions().values())
    assert journey.mappings() == mappings

    journey.said["pipeline"] = "memory_mb = 2048\nconcurrency = 30"
    second = journey.versions()
    _deployed(journey)
    assert journey.versions() == second, "what no version holds is no new version"


def test_a_table_goes_and_comes_again(journey: Journey) -> None:
    assert journey.deploy().ok
    topic = f"hintferry.{_dashed(journey)}visits"
    del journey.tables["visits"]
    (refused,) = journey.refusals()
    assert refused.startswith(f"the topic {topic} would be deleted")
    journey.said["kafka"] = f'dropped = ["{topic}"]'
    _deployed(journey)
    assert topic not in journey.topics()
    assert topic not in journey.mappings()
    assert "visits" in journey.columns(), "no stack ever drops a table"
    journey.said["kafka"] = ""
    journey.tables["visits"] = ""
    _deployed(journey)
    assert topic in journey.mappings()


@pytest.mark.soak
def test_another_prefix_moves_the_topics(journey: Journey) -> None:
    assert journey.deploy().ok
    before = journey.topics()
    journey.said["prefix"] = "other"
    assert len(journey.refusals()) == len(before)
    journey.said["kafka"] = f"dropped = {before}".replace("'", '"')
    _deployed(journey)
    assert set(journey.topics()) == set(journey.mappings())
    assert all(topic.startswith("other.") for topic in journey.topics())


def test_what_would_lose_data_or_be_refused_is_told_at_synth(journey: Journey) -> None:
    """Nothing of it is deployed: each is looked at from the same state."""
    journey.tables["orders"] = "partitions = 12"
    assert journey.deploy().ok
    good = journey.schema
    topic = f"hintferry.{_dashed(journey)}orders"
    for change, words in (
        ({"tables": {"orders": "partitions = 6"}}, f"{topic} has 12 partitions"),
        ({"schema": good.replace("line int", "line bigint")}, "another primary key"),
        ({"schema": good.replace("name text", "name blob")}, "makes the column name of"),
        ({"schema": good.replace("town text", "town text, zip text")}, "other fields"),
        ({"network": 'vpc_cidr = "10.9.0.0/16"'}, "network.vpc_cidr was 10.42.0.0/16"),
        ({"network": _zones("cba")}, 'write availability_zones = ["eu-west-1a"'),
        ({"network": _zones("ab"), "kafka": "brokers = 4"}, "the brokers' subnets would change"),
        ({"kafka": 'version = "3.9.x"'}, "no way between ZooKeeper and KRaft"),
        ({"kafka": 'version = "3.8.x.kraft"'}, "older than the deployed 3.9.x.kraft"),
        ({"kafka": 'instance = "express.m7g.large"'}, "no standard cluster into an Express one"),
        ({"kafka": "storage_gib = 100"}, "storage only grows"),
        ({"kafka": "storage_gib = 300\nbrokers = 6"}, "one thing of a cluster at a time"),
        ({"kafka": f'cluster_arn = "{CLUSTER}"'}, "would be deleted with all hints"),
    ):
        other = journey.changed(**change)
        found = other.refusals()
        assert any(words in one for one in found), (change, found)


CLUSTER = (
    "arn:aws:kafka:eu-west-1:123456789012:cluster/shared/0a1b2c3d-1111-2222-3333-444455556666-7"
)


def test_the_cdk_shows_the_sentence_and_changes_nothing(journey: Journey) -> None:
    """As `make cdk` does it: the CDK's command line runs the app."""
    assert journey.deploy("network").ok
    journey.said["network"] = 'vpc_cidr = "10.9.0.0/16"'
    done = journey.account.make_cdk(journey.write(), "deploy", "--all")
    assert done.returncode != 0
    assert "synth: network.vpc_cidr was 10.42.0.0/16" in done.stderr
    assert set(journey.statuses()) == {"network"}
    journey.said["account"] = 'account = "210987654321"'
    with pytest.raises(ConfigurationError, match="credentials are of account 123456789012"):
        journey.refusals()


def test_a_vpc_with_its_endpoints_is_used(journey: Journey, account: Account) -> None:
    ec2 = account.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{n}.0/24", AvailabilityZone=f"eu-west-1{z}")
        for n, z in enumerate("abc")
    ]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    group = ec2.create_security_group(GroupName="theirs", Description="theirs", VpcId=vpc)
    for service in ("cassandra", "sqs"):
        name = f"com.amazonaws.eu-west-1.{service}"
        ec2.create_vpc_endpoint(
            VpcId=vpc, ServiceName=name, VpcEndpointType="Interface", PrivateDnsEnabled=True
        )
    ids = ", ".join(f'"{one["Subnet"]["SubnetId"]}"' for one in subnets)
    there = f"""vpc_id = "{vpc}"
vpc_cidr = "10.1.0.0/16"
subnet_ids = [{ids}]
route_table_ids = ["{table}", "{table}", "{table}"]
{_zones("abc")}
"""
    journey.said["network"] = there
    refused = journey.deploy("network")
    assert "private-dns-enabled cannot be set" in refused.text
    joined = f'endpoints = ["s3"]\nendpoint_group_ids = ["{group["GroupId"]}"]'
    journey.said["network"] = there + joined
    done = journey.deploy("network")
    assert done.ok, done.text


def test_tables_that_are_there_already_are_taken_over(journey: Journey, account: Account) -> None:
    other = "CREATE TABLE {0}.visits (id uuid PRIMARY KEY, seen timestamp, theirs text)"
    account.has_on_keyspaces(
        f"CREATE KEYSPACE {journey.keyspace} WITH replication = {{}}",
        other.format(journey.keyspace),
        f"CREATE TABLE {journey.keyspace}.orders (id uuid PRIMARY KEY, line int)",
    )
    failed = journey.deploy("tables")
    assert not failed.ok
    assert "the primary key of" in failed.text
    del journey.tables["orders"]
    done = journey.deploy("tables")
    assert done.ok, done.text
    assert journey.columns()["visits"] == ["id", "seen", "theirs"]


def _deployed(journey: Journey) -> None:
    journey.synth()
    assert journey.refusals() == []
    done = journey.deploy()
    assert done.ok, done.text


def _dashed(journey: Journey) -> str:
    return f"{journey.keyspace}-"


def _zones(letters: str) -> str:
    listed = ", ".join(f'"eu-west-1{one}"' for one in letters)
    return f"availability_zones = [{listed}]"
