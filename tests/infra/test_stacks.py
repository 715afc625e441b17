"""Test what matters of the stacks, as their templates say it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from hintferry.adapters.config.places import PLACES
from hintferry.adapters.config.settings import MARKERS, migration_from
from hintferry.adapters.driver.cql import CONTROL_TABLES, STOCK_CONTROL_TABLES
from hintferry.core.errors import ConfigurationError
from hintferry_ops import constants
from hintferry_ops.deployed import CLUSTER_ARN, MACHINE_ARN
from hintferry_ops.operator_permissions import OPERATOR, On
from infra.guard import refusals
from infra.iam import roles
from tests.infra.imported import CLUSTER, SECRET
from tests.infra.synthesised import (
    Template,
    as_list,
    properties,
    resources,
    statements,
    synthesise,
)
from tools.places import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("infra")]

Templates = dict[str, Template]
KAFKA_MAPPINGS = 2
RETRY_HOURS = 24


def kafka_mappings(templates: Templates) -> list[dict]:  # type: ignore[type-arg]
    found = properties(templates, "AWS::Lambda::EventSourceMapping")
    return [one for one in found if "Topics" in one]


def test_every_table_has_its_topic_mapping_and_group(templates: Templates) -> None:
    tables = [str(table.id) for table in migration_from(ROOT / "migration.toml").tables]
    topics = [one["TopicName"] for one in properties(templates, "AWS::MSK::Topic")]
    assert topics == [f"hintferry.{table}" for table in tables]
    mappings = kafka_mappings(templates)
    assert [one["Topics"] for one in mappings] == [[topic] for topic in topics]
    groups = [one["AmazonManagedKafkaEventSourceConfig"]["ConsumerGroupId"] for one in mappings]
    assert groups == [f"hintferry-{table}-v1" for table in tables]
    assert {one["StartingPosition"] for one in mappings} == {"TRIM_HORIZON"}


def test_topics_keep_hints_for_days_under_the_brokers_clock(templates: Templates) -> None:
    for topic in properties(templates, "AWS::MSK::Topic"):
        configs = json.loads(topic["Configs"]["Fn::Base64"])
        assert configs["message.timestamp.type"] == "LogAppendTime"
        assert configs["cleanup.policy"] == "delete"
        assert int(configs["retention.ms"]) >= 7 * 24 * 3600 * 1000


def test_no_replica_that_lags_becomes_the_leader_of_a_topic(templates: Templates) -> None:
    """It would drop hints that capture was told are safe; an imported cluster may allow it."""
    topics = properties(templates, "AWS::MSK::Topic")
    assert topics
    for topic in topics:
        configs = json.loads(topic["Configs"]["Fn::Base64"])
        assert configs["unclean.leader.election.enable"] == "false"
        assert configs["min.insync.replicas"] == "2"


def test_the_retries_of_a_mapping_outlast_a_day_of_outage(templates: Templates) -> None:
    (processor,) = (
        one
        for one in properties(templates, "AWS::Lambda::Function")
        if "HINTFERRY_RETURN_AFTER_S" in one.get("Environment", {}).get("Variables", {})
    )
    shortest_s = float(processor["Environment"]["Variables"]["HINTFERRY_RETURN_AFTER_S"])
    assert shortest_s + 10 < processor["Timeout"], "an invocation must have time for its work too"
    mappings = kafka_mappings(templates)
    assert len(mappings) == KAFKA_MAPPINGS
    for mapping in mappings:
        # Endless retries (-1) would silently be ten, as there is a destination.
        assert mapping["MaximumRetryAttempts"] * shortest_s > RETRY_HOURS * 3600
        assert "MaximumRecordAgeInSeconds" not in mapping


def test_controls_of_errors_come_with_provisioned_pollers(templates: Templates) -> None:
    for mapping in kafka_mappings(templates):
        assert mapping["ProvisionedPollerConfig"]["MinimumPollers"] >= 1
        assert mapping["ProvisionedPollerConfig"]["PollerGroupName"] == "hintferry-0"
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["BisectBatchOnFunctionError"] is True
        assert set(mapping["MetricsConfig"]["Metrics"]) >= {"EventCount", "ErrorCount"}
        bucket = mapping["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
        assert bucket in dict(resources(templates, "AWS::S3::Bucket"))


def test_the_replay_queue_outlasts_an_outage_too(templates: Templates) -> None:
    mappings = properties(templates, "AWS::Lambda::EventSourceMapping")
    (mapping,) = (one for one in mappings if "Topics" not in one)
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    queues = properties(templates, "AWS::SQS::Queue")
    (replay,) = (one for one in queues if "RedrivePolicy" in one)
    others = [one for one in queues if "RedrivePolicy" not in one]
    assert len(others) == 2, "the parked records, and the sweeps that could not be started"
    assert replay["RedrivePolicy"]["maxReceiveCount"] == constants.REPLAY_RECEIVES
    assert replay["VisibilityTimeout"] > constants.FUNCTION_TIMEOUT_S
    assert {one["MessageRetentionPeriod"] for one in (replay, *others)} == {14 * 86400}


def test_only_the_replay_function_may_write_to_its_own_source(templates: Templates) -> None:
    """Lambda would stop it after some 16 rounds; its walk ends with the receives of the queue."""
    allowed_loops = [
        one["Description"]
        for one in properties(templates, "AWS::Lambda::Function")
        if one.get("RecursiveLoop") == "Allow"
    ]
    assert allowed_loops == ["Hintferry: replay"]


def test_what_invokes_a_function_names_its_alias(templates: Templates) -> None:
    aliases = dict(resources(templates, "AWS::Lambda::Alias"))
    versions = dict(resources(templates, "AWS::Lambda::Version"))
    assert {one["Properties"]["Name"] for one in aliases.values()} == {"live"}
    for one in aliases.values():
        version, _ = one["Properties"]["FunctionVersion"]["Fn::GetAtt"]
        assert version in versions
    invoked = {
        one["FunctionName"]["Ref"]
        for one in properties(templates, "AWS::Lambda::EventSourceMapping")
    }
    assert len(invoked) == 2
    assert invoked < set(aliases)
    (sweep,) = set(aliases) - invoked
    (machine,) = properties(templates, "AWS::StepFunctions::StateMachine")
    assert sweep in json.dumps(machine["DefinitionString"])
    allowed_to_invoke = [
        json.dumps(statement["Resource"])
        for _, statement in statements(templates)
        if statement["Action"] == "lambda:InvokeFunction"
    ]
    assert [sweep in one for one in allowed_to_invoke] == [True]


def test_a_tenth_goes_to_a_new_version_first_and_alarms_take_it_back(templates: Templates) -> None:
    groups = dict(resources(templates, "AWS::CodeDeploy::DeploymentGroup"))
    alarms = dict(resources(templates, "AWS::CloudWatch::Alarm"))
    shifted = {
        name: alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]["DeploymentGroupName"]["Ref"]
        for name, alias in resources(templates, "AWS::Lambda::Alias")
        if "UpdatePolicy" in alias
    }
    assert {name.partition("Live")[0] for name in shifted} == {"Processor", "Replay"}
    for alias, group in shifted.items():
        made = groups[group]["Properties"]
        assert made["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent10Minutes"
        assert "DEPLOYMENT_STOP_ON_ALARM" in made["AutoRollbackConfiguration"]["Events"]
        asked = [one["Name"]["Ref"] for one in made["AlarmConfiguration"]["Alarms"]]
        assert len(asked) == 2
        for name in asked:
            watched = json.dumps(alarms[name]["Properties"]["Dimensions"])
            # Only what the new version does, and under a name of its own: an alarm that is updated
            # keeps its state.
            version = f'{{"Fn::GetAtt": ["{alias.partition("Live")[0]}CurrentVersion'
            assert version in watched
            assert version in json.dumps(alarms[name]["Properties"]["AlarmName"])


def test_all_at_once_asks_nobody(layer: Path, tmp_path: Path) -> None:
    text = (ROOT / "migration.toml").read_text()
    asked = 'concurrency = 50\nrollout = "at_once"\n'
    (tmp_path / "migration.toml").write_text(text.replace("concurrency = 50\n", asked))
    (tmp_path / "schema.cql").write_text((ROOT / "schema.cql").read_text())
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "layer").symlink_to(layer)
    made = synthesise(tmp_path / "migration.toml", tmp_path)
    aliases = list(resources(made, "AWS::Lambda::Alias"))
    assert len(aliases) == 3
    assert not any("UpdatePolicy" in one for _, one in aliases)
    assert "CodeDeploy" not in json.dumps(made)


def test_functions_and_mappings_log_as_json(templates: Templates) -> None:
    for one in properties(templates, "AWS::Lambda::Function"):
        if "Hintferry" in one.get("Description", ""):
            assert one["LoggingConfig"]["LogFormat"] == "JSON"
            if "statements" not in one["Description"]:
                assert one["LoggingConfig"]["ApplicationLogLevel"] == "INFO"
                assert one["LoggingConfig"]["SystemLogLevel"] == "INFO"
    for mapping in kafka_mappings(templates):
        assert mapping["LoggingConfig"]["SystemLogLevel"] == "WARN"


def test_a_schedule_leaves_what_it_could_not_start_in_a_queue(templates: Templates) -> None:
    queues = dict(resources(templates, "AWS::SQS::Queue"))
    schedules = properties(templates, "AWS::Scheduler::Schedule")
    assert schedules
    for one in schedules:
        arn = one["Target"]["DeadLetterConfig"]["Arn"]["Fn::GetAtt"]
        assert arn[0] in queues


def test_no_function_outlives_what_its_source_allows(templates: Templates) -> None:
    project = [
        one
        for one in properties(templates, "AWS::Lambda::Function")
        if "hintferry" in str(one.get("Environment", "")).lower()
    ]
    assert len(project) == 4
    for function in project:
        assert function["Timeout"] <= 14 * 60
        assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
        for name in function["Environment"]["Variables"]:
            assert not any(word in name for word in ("SECRET", "PASSWORD", "TOKEN"))


@pytest.mark.parametrize(
    "kind",
    [
        "Custom::KeyspacesStatements",
        "Custom::KeyspacesTypes",
        "Custom::KeyspacesTable",
        "AWS::KMS::Key",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
    ],
)
def test_data_is_kept_when_a_stack_goes(templates: Templates, kind: str) -> None:
    found = list(resources(templates, kind))
    assert found
    for name, resource in found:
        # What a first deploy made and a failure took back held no data yet.
        kept = "Retain" if kind.startswith("Custom::") else "RetainExceptOnCreate"
        assert resource["DeletionPolicy"] == kept, name
        assert resource["UpdateReplacePolicy"] == "Retain", name


ENCRYPTED = {
    "AWS::SQS::Queue": ("KmsMasterKeyId",),
    "AWS::SNS::Topic": ("KmsMasterKeyId",),
    "AWS::Logs::LogGroup": ("KmsKeyId",),
    "Custom::KeyspacesTable": ("Create",),
    "AWS::S3::Bucket": ("BucketEncryption",),
    "AWS::MSK::Cluster": ("EncryptionInfo", "EncryptionAtRest", "DataVolumeKMSKeyId"),
}


def test_there_is_one_key_and_everything_lies_under_it(templates: Templates) -> None:
    (key, _) = next(resources(templates, "AWS::KMS::Key"))
    assert len(list(resources(templates, "AWS::KMS::Key"))) == 1
    for kind, path in ENCRYPTED.items():
        found = properties(templates, kind)
        assert found, kind
        for one in found:
            value = one
            for step in path:
                value = value[step]
            assert key[:8] in json.dumps(value), kind


def test_what_waits_expires(templates: Templates) -> None:
    (bucket,) = properties(templates, "AWS::S3::Bucket")
    rules = bucket["LifecycleConfiguration"]["Rules"]
    days = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "Prefix" in rule}
    # What the nodes are installed from stays; earlier versions of anything go.
    assert set(days) == {"aws/lambda/", "parked/", "sweeps/"}
    assert min(days.values()) * 86400 > constants.QUEUE_RETENTION_S
    (everywhere,) = (rule for rule in rules if "Prefix" not in rule)
    assert everywhere["NoncurrentVersionExpiration"]["NoncurrentDays"] == days["parked/"]
    for group in properties(templates, "AWS::Logs::LogGroup"):
        assert group["RetentionInDays"] <= 31


def allowed(templates: Templates, policy: str) -> dict[str, str]:
    """Return what a managed policy allows: action to resource, as its template's text."""
    found = {}
    for name, statement in statements(templates):
        if name.startswith(policy):
            for action in as_list(statement["Action"]):
                found[action] = json.dumps(statement["Resource"])
    return found


def test_a_node_may_write_its_topics_and_its_log_and_read_its_files(templates: Templates) -> None:
    nodes = {"hintferry-nodes": templates["hintferry-nodes"]}
    everything = {action for name, s in statements(nodes) for action in as_list(s["Action"])}
    assert everything == {
        "kafka-cluster:Connect",
        "kafka-cluster:DescribeGroup",
        "kafka-cluster:DescribeTopic",
        "kafka-cluster:WriteData",
        "kafka-cluster:WriteDataIdempotently",
        "logs:CreateLogStream",
        "logs:DescribeLogStreams",
        "logs:PutLogEvents",
    }
    topics = allowed(nodes, "Topics1")["kafka-cluster:WriteData"]
    groups = allowed(nodes, "Groups1")["kafka-cluster:DescribeGroup"]
    migration = migration_from(ROOT / "migration.toml")
    for table in migration.followed:
        assert f"/hintferry.{table.id}" in topics
        assert f"/{migration.consumer_group(table.id)}" in groups
    assert "*" not in topics + groups
    files = allowed(templates, "NodeFiles")
    assert set(files) == {"kms:Decrypt", "s3:GetObject", "s3:ListBucket"}
    assert "/nodes/*" in files["s3:GetObject"]
    (group,) = (one["LogGroupName"] for one in properties(nodes, "AWS::Logs::LogGroup"))
    assert group == "/hintferry/hintferry/cdcguard"


def test_the_nodes_documents_are_those_of_the_repository(templates: Templates) -> None:
    made = properties(templates, "AWS::SSM::Document")
    assert {one["Name"]: one["Content"] for one in made} == {
        f"hintferry-{path.stem}": json.loads(path.read_text())
        for path in (ROOT / "node" / "ssm").glob("*.json")
    }
    # A changed document is a new version, not a new document.
    assert {one["UpdateMethod"] for one in made} == {"NewVersion"}


def test_the_command_finds_what_it_needs_in_the_outputs(templates: Templates) -> None:
    needed = {
        "pipeline": {place.output for place in PLACES},
        "kafka": {CLUSTER_ARN},
        "sweep": {MACHINE_ARN},
    }
    for part, outputs in needed.items():
        assert outputs <= set(templates[f"hintferry-{part}"]["Outputs"]), part


def test_the_operator_may_do_that_and_no_more(templates: Templates) -> None:
    expected = {(on, action) for on, actions in OPERATOR.items() for action in actions}
    words = {
        On.ANY: '"*"',
        On.STACKS: ":stack/hintferry-*/*",
        On.JOURNAL: "/keyspace/hintferry/table/journal",
        On.SWITCHES: "/keyspace/hintferry/table/switches",
        On.BOOTSTRAP: "parameter/cdk-bootstrap/hnb659fds/version",
        On.SYSTEM: "/keyspace/system*",
        On.KEY: "Key",
        On.PARKED: "StorageParked",
        On.REPLAY: "StorageReplay",
        On.GIVEN_UP: "/aws/lambda/*",
        On.LARGE: "/parked/*",
        On.SWEEPS: "/sweeps/*",
        On.NODE_FILES: "/nodes/*",
        On.BUCKET: "StorageBucket",
        On.CLUSTER: "Cluster",
        On.MACHINE: ":stateMachine:hintferry-sweep",
        On.MAPPINGS: ":event-source-mapping:*",
    }
    assert set(words) == set(On)
    given: set[tuple[On, str]] = set()
    for name, statement in statements(templates):
        if name.startswith("Operator"):
            text = json.dumps(statement["Resource"])
            for action in as_list(statement["Action"]):
                # The CDK puts statements of the same actions together.
                on = {on for on, a in expected if a == action and words[on] in text}
                assert on, (action, text)
                given |= {(one, action) for one in on}
    assert given == expected


ONLY_ON_EVERYTHING = {
    *OPERATOR[On.ANY],
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcEndpoints",
    "ec2:DescribeVpcs",
    "ec2:UnassignPrivateIpAddresses",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
}


def test_no_role_may_more_than_it_must(templates: Templates) -> None:
    seen = 0
    for name, statement in statements(templates):
        seen += 1
        actions = set(as_list(statement["Action"]))
        assert not [action for action in actions if "*" in action], name
        if "*" in as_list(statement["Resource"]):
            assert actions <= ONLY_ON_EVERYTHING, name
        if any(action.startswith("kafka-cluster:") for action in actions):
            assert "*" not in json.dumps(statement["Resource"]), name
        if "cassandra:Modify" in actions:
            assert "*" not in json.dumps(statement["Resource"]), name
    assert seen > 10


def test_the_hints_topics_and_tables_are_named_one_by_one(templates: Templates) -> None:
    text = json.dumps([statement for _, statement in statements(templates)])
    for name in ("topic/", "group/"):
        assert f":{name}" in text
    for table in migration_from(ROOT / "migration.toml").tables:
        assert f":/keyspace/{table.id.keyspace}/table/{table.id.name}" in text
        assert f"/hintferry.{table.id}" in text


@pytest.mark.parametrize(
    "kind",
    [
        "Custom::KeyspacesTable",
        "AWS::KMS::Key",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Function",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
    ],
)
def test_costs_can_be_told_apart(templates: Templates, kind: str) -> None:
    found = properties(templates, kind)
    if kind == "AWS::Lambda::Function":
        # The CDK's own, which closes the VPC's default security group, takes no tags.
        found = [one for one in found if one["Runtime"].startswith("python")]
    assert found
    for one in found:
        if kind == "Custom::KeyspacesTable":
            assert "TAGS = {'hintferry:pipeline': 'hintferry'}" in json.dumps(one["Create"])
        else:
            assert {"Key": "hintferry:pipeline", "Value": "hintferry"} in one["Tags"]


def test_the_cost_of_brokers_can_be_told_apart(templates: Templates) -> None:
    (cluster,) = properties(templates, "AWS::MSK::Cluster")
    assert cluster["Tags"] == {"hintferry:pipeline": "hintferry"}


def test_brokers_take_only_signed_clients_over_tls(templates: Templates) -> None:
    (cluster,) = properties(templates, "AWS::MSK::Cluster")
    assert cluster["ClientAuthentication"]["Sasl"]["Iam"]["Enabled"] is True
    assert cluster["ClientAuthentication"]["Unauthenticated"]["Enabled"] is False
    assert cluster["EncryptionInfo"]["EncryptionInTransit"]["ClientBroker"] == "TLS"


def test_nothing_leads_to_the_internet(templates: Templates) -> None:
    for kind in ("InternetGateway", "NatGateway", "EIP"):
        assert not list(resources(templates, f"AWS::EC2::{kind}"))
    services = json.dumps(properties(templates, "AWS::EC2::VPCEndpoint"))
    for name in (".cassandra", ".sqs", ".s3"):
        assert name in services


def test_ids_on_which_offsets_and_data_hang_never_change(templates: Templates) -> None:
    """Another id is another resource: the mapping would be made again, the table be refused."""
    mappings = dict(resources(templates, "AWS::Lambda::EventSourceMapping"))
    assert sorted(mappings) == [
        "Hintsshoporders7458f44c",
        "Hintsshopreadings0093426a",
        "ReplayQueue",
    ]
    assert sorted(dict(resources(templates, "Custom::KeyspacesTable"))) == [
        "Defineshoporders7458f44c",
        "Defineshopreadings0093426a",
    ]
    assert sorted(dict(resources(templates, "AWS::MSK::Topic"))) == [
        "Topicshoporders7458f44c",
        "Topicshopreadings0093426a",
    ]


def test_topics_and_tables_are_there_before_the_pipeline(templates: Templates, built: Path) -> None:
    assert templates
    artifacts = json.loads((built / "cdk.out" / "manifest.json").read_text())["artifacts"]
    after = artifacts["hintferry-pipeline"]["dependencies"]
    assert {"hintferry-kafka", "hintferry-tables"} <= set(after)


def test_two_syntheses_are_equal(templates: Templates, tmp_path: Path) -> None:
    """The layer too, built again in another folder: no file of it names the machine or the time."""
    from infra.layer import build_layer

    build_layer(tmp_path / "assets" / "layer")
    assert synthesise(ROOT / "migration.toml", tmp_path) == templates


def test_a_table_gets_the_capacity_that_was_declared(imported: tuple[Templates, Path]) -> None:
    made, _ = imported
    readings = properties(made, "Custom::KeyspacesTable")[-1]
    assert readings["Capacity"] == {
        "Mode": "provisioned",
        "Read": 50,
        "Write": 60,
        "WarmRead": 70,
        "WarmWrite": 0,
    }
    text = json.dumps(readings["Create"])
    assert "'read_capacity_units': 50, 'write_capacity_units': 60" in text
    assert "'read_units_per_second': 70, 'write_units_per_second': 4000" in text


def test_network_cluster_and_notifications_may_be_there_already(
    imported: tuple[Templates, Path], templates: Templates
) -> None:
    made, _ = imported
    for kind in ("AWS::EC2::VPC", "AWS::MSK::Cluster", "AWS::SNS::Topic"):
        assert not list(resources(made, kind))
    assert all(one["EventSourceArn"].startswith(CLUSTER) for one in kafka_mappings(made))
    # What is beside them changes no id of what data and offsets hang on.
    for kind in ("Custom::KeyspacesTable", "AWS::Lambda::EventSourceMapping", "AWS::MSK::Topic"):
        assert set(dict(resources(made, kind))) == set(dict(resources(templates, kind)))
    alarms = properties(made, "AWS::CloudWatch::Alarm")
    notified = [arn for one in alarms for arn in one["AlarmActions"]]
    assert {arn.rpartition(":")[2] for arn in notified} == {"pager", "mail"}


def test_the_secret_of_the_source_is_read_by_its_readers_alone(
    imported: tuple[Templates, Path], templates: Templates
) -> None:
    made, folder = imported
    may = [
        (name, statement["Action"], statement["Resource"])
        for name, statement in statements(made)
        if "secretsmanager" in json.dumps(statement)
    ]
    assert sorted((name[:9], *rest) for name, *rest in may) == [
        (name, "secretsmanager:GetSecretValue", SECRET)
        for name in ("Processor", "ReplayRol", "SweepRole")
    ]
    assert ".secretsmanager" in json.dumps(properties(made, "AWS::EC2::VPCEndpoint"))
    assert "secretsmanager" not in json.dumps(templates)
    for function in properties(made, "AWS::Lambda::Function"):
        assert SECRET not in json.dumps(function), "not even its name is in the environment"
    for name in ("processor", "replay", "sweep"):
        assert (folder / "assets" / name / "ca.pem").read_text() == "a certificate"


def test_what_hintferry_keeps_for_itself_is_allowed_table_by_table() -> None:
    ours = migration_from(ROOT / "migration.toml")
    stock = replace(ours, stock_connector=True)
    for migration, statements_of in ((ours, CONTROL_TABLES), (stock, STOCK_CONTROL_TABLES)):
        made = re.findall(r"CREATE TABLE IF NOT EXISTS (\S+)", "".join(statements_of))
        assert sorted(made) == sorted(str(table) for table in roles.control(migration))


def test_the_markers_topic_goes_only_once_the_nodes_are_upgraded() -> None:
    topic = "hintferry.hintferry.markers"
    properties_of = {"TopicName": topic, "PartitionCount": 1}
    old = {"kafka": {"Resources": {"T": {"Type": "AWS::MSK::Topic", "Properties": properties_of}}}}
    (refused,) = refusals(old, {"kafka": {"Resources": {}}}, [])
    assert "once every node is upgraded" in refused
    assert f'dropped = ["{topic}"]' in refused
    assert refusals(old, {"kafka": {"Resources": {}}}, [topic]) == []


def test_the_markers_have_a_topic_with_the_stock_connector_alone() -> None:
    ours = migration_from(ROOT / "migration.toml")
    assert MARKERS not in ours.followed
    assert replace(ours, stock_connector=True).followed == (*ours.tables, MARKERS)


TEXT = (ROOT / "migration.toml").read_text()
TABLES = TEXT[TEXT.index("[tables.") :]


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ('[tables."shop.readings"]', '[tables."shop.others"]', "does not define shop.others"),
        ('source_cidrs = ["10.0.0.0/16"]', "", "network.source_cidrs is missing"),
        ('schema = "schema.cql"', 'schema = "other.cql"', "other.cql does not exist"),
        (TABLES, "", "has no table; write"),
        ("brokers = 3", "brokers = 4", "write a multiple of 3"),
        ("brokers = 3", f'cluster_arn = "{CLUSTER}0a1b-s1"', "an MSK Serverless cluster"),
        ("brokers = 3", "most_storage_gib = 250", "the brokers begin with storage_gib = 250"),
        ("brokers = 3", 'most_storage_gib = 9\ninstance = "express.x"', "is for Standard brokers"),
        ("brokers = 3", 'version = "latest"', "write one that MSK lists"),
        ('region = "eu-west-1"', 'region = "us-west-1"', "write those of yours"),
        ("[kafka]", 'endpoints = ["sns"]\n[kafka]', "network.endpoints names sns"),
        ("[kafka]", 'vpc_id = "vpc-1"\n[kafka]', "network.subnet_ids must have one entry a subnet"),
    ],
)
def test_what_cannot_be_deployed_is_refused_by_name(
    good: str, bad: str, said: str, layer: Path, tmp_path: Path
) -> None:
    text = (ROOT / "migration.toml").read_text()
    assert good in text
    (tmp_path / "migration.toml").write_text(text.replace(good, bad))
    (tmp_path / "schema.cql").write_text((ROOT / "schema.cql").read_text())
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "layer").symlink_to(layer)
    with pytest.raises(ConfigurationError, match=said):
        synthesise(tmp_path / "migration.toml", tmp_path)


def test_express_brokers_bring_their_storage_and_keep_their_settings(
    layer: Path, tmp_path: Path
) -> None:
    text = (ROOT / "migration.toml").read_text()
    express = text.replace("brokers = 3", 'brokers = 3\ninstance = "express.m7g.large"')
    polled = "batch_window_s = 0\nbatch_size = 50\nleast_pollers = 2\nmost_pollers = 7\n"
    (tmp_path / "migration.toml").write_text(express + polled)
    (tmp_path / "schema.cql").write_text((ROOT / "schema.cql").read_text())
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "layer").symlink_to(layer)
    made = synthesise(tmp_path / "migration.toml", tmp_path)
    (cluster,) = properties(made, "AWS::MSK::Cluster")
    assert "StorageInfo" not in cluster["BrokerNodeGroupInfo"]
    assert cluster["KafkaVersion"] == "3.9.x.kraft"
    (configuration,) = properties(made, "AWS::MSK::Configuration")
    assert configuration["ServerProperties"] == "auto.create.topics.enable=false\n"
    for topic in properties(made, "AWS::MSK::Topic"):
        configs = json.loads(topic["Configs"]["Fn::Base64"])
        assert set(configs) == {"cleanup.policy", "message.timestamp.type", "retention.ms"}
    by_topic = {one["Topics"][0]: one for one in kafka_mappings(made)}
    readings, orders = (by_topic[f"hintferry.shop.{name}"] for name in ("readings", "orders"))
    assert (readings["BatchSize"], readings["MaximumBatchingWindowInSeconds"]) == (50, 0)
    pollers = readings["ProvisionedPollerConfig"]
    assert (pollers["MinimumPollers"], pollers["MaximumPollers"]) == (2, 7)
    assert orders["BatchSize"] == constants.BATCH_SIZE
    assert orders["MaximumBatchingWindowInSeconds"] == constants.BATCH_WINDOW_S


def test_a_cluster_follows_the_newest_revision_of_its_configuration(templates: Templates) -> None:
    (cluster,) = properties(templates, "AWS::MSK::Cluster")
    (name,) = dict(resources(templates, "AWS::MSK::Configuration"))
    revision = cluster["ConfigurationInfo"]["Revision"]
    assert revision == {"Fn::GetAtt": [name, "LatestRevision.Revision"]}
