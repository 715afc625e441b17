"""Work on the instance of a run through Systems Manager: no port is open on it."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from acceptance import payload
from acceptance.plan import INSTANCE_OUTPUT, NODE_ADDRESS
from acceptance.ports import Done, StepFailed
from hintferry.adapters.config.settings import migration_from
from hintferry_ops.constants import NODE_FILES
from hintferry_ops.deployed import BOOTSTRAP_VARIABLE, Stacks
from node import bundle
from node.render import render

_POLL_S = 5.0
_ONLINE_S = 600.0
_RELEASE = "/opt/acceptance/release"
_SPOOL = "/var/tmp/acceptance"
BUNDLE = bundle.BUILD / f"hintferry-node-{payload.MACHINE}.tar"
_AGENT = "/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl"


class SsmNode:
    """The instance of the run whose `migration.toml` is `config`."""

    def __init__(self, config: Path, client: Callable[[str], Any], poll_s: float = _POLL_S) -> None:
        self._config, self._client, self._poll_s = config, client, poll_s

    def prepare(self, within_s: float) -> Mapping[str, object]:
        """Install Cassandra, our programs and the CloudWatch agent on the instance."""
        instance = self._instance()
        environment = Stacks(migration_from(self._config), self._client).environment()
        tar = payload.build(self._config.parent / "node", self._config, environment)
        self._wait_until_online(instance)
        self._upload(tar, f"acceptance/{tar.name}")
        self._download(f"acceptance/{tar.name}", within_s)
        self._shell(
            f"cd {_SPOOL} && tar -xf {tar.name} --no-same-owner"
            f" && sh payload/prepare {NODE_ADDRESS}",
            within_s,
        )
        agent = {"action": ["Install"], "name": ["AmazonCloudWatchAgent"]}
        self._send("AWS-ConfigureAWSPackage", agent, within_s)
        file = f"file:{_RELEASE}/cloudwatch-agent.json"
        self._shell(f"{_AGENT} -a fetch-config -m ec2 -s -c {file}", within_s)
        return {"MiB": tar.stat().st_size // 2**20}

    def install_capture(self, within_s: float) -> Mapping[str, object]:
        """Install capture with the SSM document `…-install`, from the bundle of this checkout."""
        migration = migration_from(self._config)
        home = self._config.parent / "node"
        tar = BUNDLE
        servers = Stacks(migration, self._client).environment()[BOOTSTRAP_VARIABLE]
        render(migration, servers, "iam", home / "rendered")
        self._upload(tar, tar.name)
        for path in sorted((home / "rendered").iterdir()):
            self._upload(path, f"rendered/{path.name}")
        digest = tar.with_suffix(".tar.sha256").read_text().split()[0]
        document = f"{migration.deployment.pipeline.name}-install"
        self._send(
            document,
            {
                "BundleUrl": [self._url(tar.name)],
                "BundleSha256": [digest],
                "ConfigurationUrl": [self._url("rendered/")],
            },
            within_s,
        )
        self._shell("systemctl is-active hintferry-capture cdcguard.timer", within_s)
        return {"bundle MiB": tar.stat().st_size // 2**20}

    def run(self, program: Sequence[str], within_s: float) -> Done:
        """Run `hintferry …` or `program …` on the instance."""
        return self._shell_done(f"sh {_RELEASE}/in-run {shlex.join(program)}", within_s)

    def _shell(self, command: str, within_s: float) -> None:
        done = self._shell_done(command, within_s)
        if done.status:
            raise StepFailed(f"`{command}` ended with {done.status} on the node: {_end(done)}")

    def _shell_done(self, command: str, within_s: float) -> Done:
        parameters = {"commands": [command], "executionTimeout": [str(round(within_s))]}
        sent, _status = self._sent("AWS-RunShellScript", parameters, within_s)
        found = self._client("ssm").get_command_invocation(
            CommandId=sent, InstanceId=self._instance()
        )
        status = int(found["ResponseCode"]) or int(found["Status"] != "Success")
        return Done(status, found["StandardOutputContent"], found["StandardErrorContent"])

    def _download(self, key: str, within_s: float) -> None:
        self._send(
            "AWS-DownloadContent",
            {
                "sourceType": ["S3"],
                "sourceInfo": [f'{{"path": "{self._url(key)}"}}'],
                "destinationPath": [f"{_SPOOL}/"],
            },
            within_s,
        )

    def _send(self, document: str, parameters: Mapping[str, list[str]], within_s: float) -> None:
        sent, status = self._sent(document, parameters, within_s)
        if status != "Success":
            plugins = self._invocations(sent, Details=True)[0]["CommandPlugins"]
            said = " / ".join(str(one.get("Output", "")).strip()[-300:] for one in plugins)
            raise StepFailed(f"the document {document} is {status} on the node: {said}")

    def _sent(
        self, document: str, parameters: Mapping[str, list[str]], within_s: float
    ) -> tuple[str, str]:
        """Run a document, wait for its end, and return its id and status. Raises StepFailed."""
        sent: str = self._client("ssm").send_command(
            DocumentName=document, InstanceIds=[self._instance()], Parameters=dict(parameters)
        )["Command"]["CommandId"]
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            time.sleep(self._poll_s)
            # In its first moments nothing is known of a command.
            for found in self._invocations(sent):
                if found["Status"] in _ENDED:
                    return sent, found["Status"]
        raise StepFailed(f"the document {document} did not end in {within_s / 60:.0f} min")

    def _invocations(self, sent: str, **options: bool) -> list[Mapping[str, Any]]:
        answer = self._client("ssm").list_command_invocations(CommandId=sent, **options)
        return list(answer["CommandInvocations"])

    def _wait_until_online(self, instance: str) -> None:
        ssm = self._client("ssm")
        wanted = [{"Key": "InstanceIds", "Values": [instance]}]
        end = time.monotonic() + _ONLINE_S
        while time.monotonic() < end:
            found = ssm.describe_instance_information(Filters=wanted)["InstanceInformationList"]
            if any(one["PingStatus"] == "Online" for one in found):
                return
            time.sleep(self._poll_s)
        raise StepFailed(f"Systems Manager did not see the instance in {_ONLINE_S / 60:.0f} min")

    def _instance(self) -> str:
        name = f"{migration_from(self._config).deployment.pipeline.name}-source"
        (stack,) = self._client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        return str(outputs[INSTANCE_OUTPUT])

    def _bucket(self) -> str:
        return Stacks(migration_from(self._config), self._client).queues()["bucket"]

    def _upload(self, path: Path, key: str) -> None:
        self._client("s3").upload_file(str(path), self._bucket(), f"{NODE_FILES}{key}")

    def _url(self, key: str) -> str:
        region = migration_from(self._config).target.region
        return f"https://s3.{region}.amazonaws.com/{self._bucket()}/{NODE_FILES}{key}"


_ENDED = {"Success", "Failed", "Cancelled", "TimedOut", "Undeliverable", "Terminated"}


def _end(done: Done) -> str:
    return " / ".join(done.err.strip().splitlines()[-3:])
