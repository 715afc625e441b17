"""Several environments of one checkout: names are kept apart, and files are not mixed up."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hintferry_ops.monitoring.metrics import NAMESPACE
from hintferry_ops.monitoring.node_metrics import NAMESPACE as NODE_NAMESPACE
from infra.guard import FILE, moved
from tests.infra.synthesised import Template, properties, synthesise
from tools import cdk
from tools.places import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("infra")]

_WITHIN = {
    "DeploymentConfigName": "the service's own ways to deploy",
    "Dimensions": "names of dimensions",
    "MetricName": "dimensions tell the metrics of two pipelines apart",
    "PolicyName": "within a role",
    "ServiceName": "the service that an endpoint leads to",
    "TopicName": "within a cluster that has the pipeline's name",
}
"""Keys whose names two pipelines may share."""

_INNER = ("AWS::Lambda::Alias", "AWS::Scheduler::Schedule")
"""Named within a function, and within a group that has the pipeline's name."""


@pytest.fixture(scope="module")
def second(layer: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """The stacks of a pipeline beside the repository's own, as an environment's file has them."""
    folder = tmp_path_factory.mktemp("environments") / "test"
    (folder / "assets").mkdir(parents=True)
    (folder / "assets" / "layer").symlink_to(layer)
    text = (ROOT / "migration.toml").read_text()
    config = folder / "migration.toml"
    config.write_text(text.replace("[pipeline]\n", '[pipeline]\nname = "second"\n'))
    (folder / "schema.cql").write_text((ROOT / "schema.cql").read_text())
    return synthesise(config, folder)


def names(templates: dict[str, Template]) -> set[tuple[str, str]]:
    """Every name that the templates give, with the type of resource that has it."""
    found = set()
    for stack, template in templates.items():
        found.add(("stack", stack))
        for output in template.get("Outputs", {}).values():
            found |= {("export", one) for one in _literals(output.get("Export", {}))}
        for resource in template["Resources"].values():
            if resource["Type"].startswith("AWS::") and resource["Type"] not in _INNER:
                found |= {(resource["Type"], one) for one in _literals(resource["Properties"])}
    return found


def _literals(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _literals(one)
    if isinstance(value, dict):
        for key, one in value.items():
            if key in _WITHIN:
                continue
            if not isinstance(one, str):
                yield from _literals(one)
            elif re.search("Name$|ConsumerGroupId$", key):
                yield one


def test_two_pipelines_of_one_account_share_no_name(
    templates: dict[str, Template], second: dict[str, Template]
) -> None:
    ours, theirs = names(templates), names(second)
    assert len(ours) == len(theirs) > 60
    assert ours & theirs == set()
    assert {kind for kind, _ in ours} >= {
        "stack",
        "export",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::KMS::Alias",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Logs::LogGroup",
        "AWS::MSK::Cluster",
        "AWS::MSK::Configuration",
        "AWS::SSM::Document",
        "AWS::Scheduler::ScheduleGroup",
        "AWS::StepFunctions::StateMachine",
    }


def test_the_alarms_of_a_pipeline_watch_its_own_metrics(second: dict[str, Template]) -> None:
    watched = 0
    for alarm in properties(second, "AWS::CloudWatch::Alarm"):
        if alarm.get("Namespace") in (NAMESPACE, NODE_NAMESPACE):
            watched += 1
            assert '"Value": "second"' in json.dumps(alarm["Dimensions"]), alarm["AlarmName"]
    assert watched > 15


def test_one_pipeline_fits_two_accounts(
    templates: dict[str, Template], second: dict[str, Template]
) -> None:
    """What is synthesised names no account: the credentials decide, or target.account."""
    for made in (templates, second):
        assert not re.search(r"[:\"]\d{12}[:\"]", json.dumps(made))


def test_a_deploy_from_another_file_is_told(
    templates: dict[str, Template], second: dict[str, Template]
) -> None:
    assert list(moved(templates, templates)) == []
    deployed = json.loads(json.dumps(templates))
    output = deployed["hintferry-network"]["Outputs"][FILE]
    assert output["Value"] == "migration.toml"
    output["Value"] = "environments/prod/migration.toml"
    (told,) = moved(deployed, templates)
    assert told.startswith("environments/prod/migration.toml made the stacks")
    assert list(moved(deployed, second)) == []


def test_what_is_made_of_a_file_lies_beside_it(tmp_path: Path) -> None:
    config = tmp_path / "a folder" / "migration.toml"
    line = cdk.of_stacks(config, "diff")
    assert line[line.index("--output") + 1] == str(config.parent / "cdk.out")
    assert line[line.index("--app") + 1].endswith(f"-m infra.app '{config}'")


def test_two_environments_can_be_synthesised_at_once(tmp_path: Path) -> None:
    from infra.app import code_of

    configs = [tmp_path / name / "migration.toml" for name in ("test", "prod")]
    assert len({code_of(config).directory for config in configs}) == len(configs)


@pytest.mark.parametrize(
    ("target", "said"),
    [("synth", "does not exist; write it"), ("cdk", "is not a file; name a migration.toml")],
)
def test_a_config_that_is_not_there_is_one_sentence(target: str, said: str) -> None:
    """As make runs it, after the set-up."""
    asked = subprocess.run(
        ["make", "--dry-run", target, "CONFIG=no/where.toml", "ARGS=diff"],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    line = asked.stdout.splitlines()[-1]
    done = subprocess.run(
        line.replace(".venv/bin/python", sys.executable), shell=True,
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    (told,) = done.stderr.splitlines()
    assert said in told
    assert "no/where.toml" in told


def test_make_and_the_command_take_the_same_variable() -> None:
    asked = subprocess.run(
        ["make", "--dry-run", "cdk", "HINTFERRY_CONFIG=environments/prod/migration.toml"],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert 'tools.cdk "environments/prod/migration.toml"' in asked.stdout
