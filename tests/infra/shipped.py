"""Unpack what the stacks ship, as Lambda does, and run the functions from that alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from sandbox.services.lambda_runtime import LambdaSandbox
from sandbox.services.queue_source import client
from sandbox.stack import Stack
from tests.chain.tls_front import HOST, TlsFront
from tests.infra.synthesised import Resource, Template, resources

RUNTIME_CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")
"""What lies in Lambda's /var/runtime."""

MIGRATION = """\
[source]
contact_points = {hosts}
port = {source_port}
datacenter = "{datacenter}"
tls = true
ca_file = "ca.pem"
auth = "mtls"
secret_arn = "{secret_arn}"

[target]
endpoint = "{endpoint}"
port = {target_port}
region = "{region}"
ca_file = "{ca_file}"
schema = "schema.cql"

[network]
source_cidrs = ["127.0.0.0/8"]

"""


def write_migration(stack: Stack, front: TlsFront, folder: Path, tables: Mapping[str, str]) -> Path:
    """The `migration.toml` of these tables (by name, their CQL), and what lies beside it.

    The source is read through `front`, whose client's certificate lies in a secret.
    """
    secrets = client(stack.aws, "secretsmanager")
    text = MIGRATION.format(
        hosts=json.dumps([HOST]),
        source_port=front.port,
        secret_arn=secrets.create_secret(
            Name=f"source-{front.port}", SecretString=json.dumps(front.client())
        )["ARN"],
        datacenter=stack.source.datacenter,
        endpoint=stack.target.host,
        target_port=stack.target.port,
        region=stack.target.region,
        ca_file=stack.target.ca_file.resolve(),
    )
    path = folder / "migration.toml"
    path.write_text(text + "".join(f'[tables."{name}"]\n' for name in tables))
    shutil.copyfile(front.ca_file, folder / "ca.pem")
    (folder / "schema.cql").write_text("".join(f"{cql};\n" for cql in tables.values()))
    return path


class Shipped:
    """The functions of `cdk.out`, each with the files and variables that its stack gives it.

    Lambda itself gives a function its region, its credentials and the runtime client. What is
    replaced: the addresses of queues, bucket and services, and of /var/task, which is not ours.
    """

    def __init__(self, out: Path, templates: Mapping[str, Template], stack: Stack) -> None:
        self._out, self._templates, self._stack = out, templates, stack
        self._home = out.parent / "lambda"
        self._runtime = self._home / "runtime"
        copy_runtime_client(self._runtime)

    def start(self, name: str, log: Path) -> LambdaSandbox:
        """The function that is described as `Hintferry: {name}`; its first event starts it."""
        (template, name, function) = self._function(f"Hintferry: {name}")
        said = function["Properties"]
        task = self._unpacked(said["Code"]["S3Key"], template, self._home / name)
        layers = [
            self._unpacked(
                self._templates[template]["Resources"][layer["Ref"]]["Properties"]["Content"][
                    "S3Key"
                ],
                template,
                self._home / layer["Ref"],
            )
            for layer in said["Layers"]
        ]
        told = {
            variable: self._resolved(value, task)
            for variable, value in said["Environment"]["Variables"].items()
        }
        return LambdaSandbox(
            handler=said["Handler"],
            task_root=task,
            layers=[layer / "python" for layer in layers],
            runtime=self._runtime,
            env={**told, **self._given_by_lambda()},
            timeout_s=said["Timeout"],
            memory_mb=said["MemorySize"],
            name=name,
            log=log,
        )

    def _given_by_lambda(self) -> dict[str, str]:
        return {
            "AWS_REGION": self._stack.target.region,
            "AWS_ACCESS_KEY_ID": self._stack.target.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self._stack.target.secret_access_key,
            "AWS_ENDPOINT_URL": self._stack.aws.url,
        }

    def _resolved(self, value: Any, task: Path) -> str:
        """A variable as CloudFormation would fill it in, were its resources the sandbox's."""
        if isinstance(value, str):
            return value.replace("/var/task", str(task))
        aws = self._stack.aws
        made = {
            "StorageParked": aws.parked_queue_url,
            "StorageReplay": aws.replay_queue_url,
            "StorageBucket": aws.bucket,
        }
        (found,) = (one for start, one in made.items() if value["Ref"].startswith(start))
        return found

    def _function(self, description: str) -> tuple[str, str, Resource]:
        ((template, name, function),) = (
            (template, name, function)
            for template in self._templates
            for name, function in resources(
                {template: self._templates[template]}, "AWS::Lambda::Function"
            )
            if function["Properties"].get("Description") == description
        )
        return template, name, function

    def _unpacked(self, key: str, template: str, target: Path) -> Path:
        """Zip the asset as the CDK's command line does, and unzip it as Lambda does."""
        if target.exists():
            return target
        listed = json.loads((self._out / f"{template}.assets.json").read_text())["files"]
        source = listed[key.removesuffix(".zip")]["source"]
        assert source["packaging"] == "zip"
        made = shutil.make_archive(str(target), "zip", self._out / source["path"])
        shutil.unpack_archive(made, target)
        return target


def copy_runtime_client(target: Path) -> None:
    """AWS's runtime client and what it imports, and nothing else of this machine."""
    for name in RUNTIME_CLIENT:
        for file in distribution(name).files or ():
            if ".." in file.parts or "__pycache__" in file.parts:
                continue
            path = target / file
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(file.locate()), path)
