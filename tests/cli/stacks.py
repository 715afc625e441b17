"""Stacks of a pipeline as CloudFormation tells them, and MSK's brokers, inside this process."""

from __future__ import annotations

import json
from typing import Any

import botocore.client
import pytest
from botocore.validate import ParamValidator

ACCOUNT = "123456789012"
CLUSTER = f"arn:aws:kafka:eu-west-1:{ACCOUNT}:cluster/hintferry/1-2"
MACHINE = f"arn:aws:states:eu-west-1:{ACCOUNT}:stateMachine:hintferry-sweep"
SERVERS = "b-1:9098,b-2:9098"
QUEUE = f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"
OUTPUTS = {
    "hintferry-network": {"KeyArn": KEY},
    "hintferry-kafka": {"ClusterArn": CLUSTER},
    "hintferry-pipeline": {
        "ParkedQueueUrl": f"{QUEUE}/parked",
        "ReplayQueueUrl": f"{QUEUE}/replay",
        "Bucket": "kept",
    },
    "hintferry-sweep": {"MachineArn": MACHINE},
}


def deploy(cloudformation: Any, *but: str, **instead: dict[str, str]) -> None:
    """Create the stacks with their outputs, but for those of these names."""
    for name, outputs in {**OUTPUTS, **instead}.items():
        if name not in but:
            template = {
                "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
                "Outputs": {key: {"Value": value} for key, value in outputs.items()},
            }
            cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))


def answer(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any]) -> None:
    """Answer these operations so; an exception is raised. What is not named goes its own way.

    Arguments and names of the answer are held against the service's model.
    """
    ask = botocore.client.BaseClient._make_api_call

    def asked(client: Any, name: str, arguments: Any) -> Any:
        if name not in answers:
            return ask(client, name, arguments)
        found = answers[name](arguments) if callable(answers[name]) else answers[name]
        if isinstance(found, Exception):
            raise found
        operation = client.meta.service_model.operation_model(name)
        assert not ParamValidator().validate(arguments, operation.input_shape).has_errors()
        assert found.keys() - {"ResponseMetadata"} <= operation.output_shape.members.keys()
        return found

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", asked)
