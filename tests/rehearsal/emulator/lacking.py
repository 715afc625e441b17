"""The resources that ministack lacks, or is more lenient about than AWS.

What may be changed in place, and what is another resource, is in `create_only.json`: taken from the
schemas that CloudFormation publishes and cfn-lint ships (`createOnlyProperties`), with which a test
compares it. A resource with a name of its own is refused where the name is taken, and cannot be
replaced under it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2, ssm
from ministack.services.cloudformation import provisioners

from tests.rehearsal.emulator import kafka, mappings, statements, world
from tests.rehearsal.emulator.world import Refused

Properties = dict[str, Any]
Made = tuple[str, dict[str, Any]]
Handlers = dict[str, Any]

HANDLERS: dict[str, Handlers] = provisioners._RESOURCE_HANDLERS

NAMED = {
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::MSK::Cluster": "ClusterName",
    "AWS::MSK::Configuration": "Name",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SSM::Document": "Name",
    "AWS::Scheduler::Schedule": "Name",
    "AWS::Scheduler::ScheduleGroup": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}
"""Where a resource says its own name, if it does."""

PLAIN = (
    "AWS::CloudWatch::Alarm",
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::EC2::FlowLog",
    "AWS::EC2::Instance",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::VPCPeeringConnection",
    "AWS::Logs::QueryDefinition",
    "AWS::SSM::Document",
)
"""Those that need no more than a name and an id."""

CREATE_ONLY: Mapping[str, list[str]] = json.loads(
    (Path(__file__).parent / "create_only.json").read_text()
)
"""By type, the paths of the properties of which another value is another resource."""

PUBLIC_IMAGE = "ami-0123456789abcdef0"

MAPPING = "AWS::Lambda::EventSourceMapping"


def install() -> None:
    """Put them among ministack's own."""
    HANDLERS.update({kind: _plain(kind) for kind in PLAIN})
    HANDLERS.update({**kafka.HANDLERS, MAPPING: mappings.HANDLERS})
    HANDLERS.update({kind: _strict(kind, HANDLERS[kind]) for kind in CREATE_ONLY})
    HANDLERS["AWS::IAM::Role"] = _noted(HANDLERS["AWS::IAM::Role"])
    ssm.resolve_parameter_value = _with_public_ones(ssm.resolve_parameter_value)
    provisioners._custom_resource_create = statements.create
    provisioners._custom_resource_update = statements.update
    provisioners._custom_resource_delete = statements.delete


def _noted(handlers: Handlers) -> Handlers:
    """Roles as ministack makes them, which takes no notice of their boundary."""

    def create(logical_id: str, properties: Properties, stack: str) -> Made:
        made: Made = handlers["create"](logical_id, properties, stack)
        world.ROLES[f"{stack}-{logical_id}"] = properties
        return made

    return {**handlers, "create": create}


def _with_public_ones(own: Callable[..., str | None]) -> Callable[..., str | None]:
    """Every account sees the parameters that AWS and the makers of images publish."""

    def resolved(name: str, *version: Any, **options: Any) -> str | None:
        return PUBLIC_IMAGE if name.startswith("/aws/service/") else own(name, *version, **options)

    return resolved


def _plain(kind: str) -> Handlers:
    def create(logical_id: str, properties: Properties, stack: str) -> Made:
        name = properties.get(NAMED.get(kind, ""))
        arn = f"arn:aws:stub:{get_region()}:{get_account_id()}:{kind}/{name or uuid4()}"
        return str(name or uuid4()), {"Arn": arn, "Id": arn}

    def update(made: str, old: Properties, new: Properties, stack: str) -> Made:
        return made, {}

    def delete(made: str, properties: Properties) -> None: ...

    return {"create": create, "update": update, "delete": delete}


def value_at(properties: Any, path: tuple[str, ...]) -> Any:
    """The value at a path, None where there is none."""
    for step in path:
        properties = properties.get(step) if isinstance(properties, dict) else None
    return properties


def _strict(kind: str, handlers: Handlers) -> Handlers:
    """A name is given once; what is create-only makes another resource, or cannot."""
    paths = [tuple(path.split("/")) for path in CREATE_ONLY[kind]]
    key = NAMED.get(kind, "")

    def create(logical_id: str, properties: Properties, stack: str) -> Made:
        world.fail_if_asked(kind, logical_id)
        _refuse_a_second_name(kind, properties)
        name = _full_name(kind, properties, key)
        if name:
            world.take(kind, name, properties)
        try:
            made: Made = handlers["create"](logical_id, properties, stack)
        except Exception:
            if name:
                world.free(kind, name)
            raise
        return made

    def delete(made: str, properties: Properties) -> None:
        name = _full_name(kind, properties, key)
        if name:
            world.free(kind, name)
        _deleter(handlers)(made, properties)

    def update(made: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Made:
        world.fail_if_asked(kind, logical_id)
        changed = [path for path in paths if value_at(old, path) != value_at(new, path)]
        if not changed:
            return _update(handlers, made, old, new, stack, logical_id)
        if key and old.get(key) and old.get(key) == new.get(key):
            raise Refused(
                "CloudFormation cannot update a stack when a custom-named resource requires"
                f" replacing. Rename {old[key]} and update the stack again."
                f" ({kind}: {', '.join('/'.join(path) for path in changed)})"
            )
        replaced = create(logical_id, new, stack)
        provisioners._delete_predecessor(delete, made, old)
        return replaced

    return {"create": create, "update": update, "delete": delete, "update_with_logical_id": True}


def _refuse_a_second_name(kind: str, properties: Properties) -> None:
    """Two endpoints of a VPC cannot both have the service's own name."""
    if kind != "AWS::EC2::VPCEndpoint" or not properties.get("PrivateDnsEnabled"):
        return
    service = str(properties["ServiceName"])
    for one in ec2._vpc_endpoints.values():
        if (one["VpcId"], one["ServiceName"]) == (properties["VpcId"], service):
            raise Refused(
                "private-dns-enabled cannot be set because there is already a conflicting DNS"
                f" domain for {service} in the VPC {properties['VpcId']}"
            )


def _full_name(kind: str, properties: Properties, key: str) -> str:
    name = properties.get(key, "") if key else ""
    group = properties.get("GroupName", "") if kind == "AWS::Scheduler::Schedule" else ""
    return f"{group}/{name}" if name and group else str(name)


def _deleter(handlers: Handlers) -> Callable[[str, Properties], None]:
    if handlers.get("delete_with_logical_id"):
        return lambda made, properties: handlers["delete"](made, properties, "")
    delete: Callable[[str, Properties], None] = handlers["delete"]
    return delete


def _update(
    handlers: Handlers, made: str, old: Properties, new: Properties, stack: str, logical_id: str
) -> Made:
    if "update" not in handlers:
        result: Made = handlers["create"](logical_id, new, stack)
    elif handlers.get("update_with_logical_id"):
        result = handlers["update"](made, old, new, stack, logical_id)
    else:
        result = handlers["update"](made, old, new, stack)
    return result
