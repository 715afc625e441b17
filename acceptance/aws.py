"""Reach the AWS account of a run: check it, deploy into it, and remove what a run made in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from acceptance.plan import KEYSPACES_MADE, NAME
from acceptance.ports import Done, Say
from acceptance.questions.order import order_answers, order_seen
from acceptance.questions.service import metric_answers
from hintferry.adapters.config.settings import migration_from
from sandbox.workload import KEYSPACE
from tools import cdk
from tools.places import COMMAND, ROOT

TAG = "hintferry:pipeline"
_STACK = re.compile(rf"({NAME.pattern})-[a-z]+")
_SYSTEM = re.compile(r"system(_.*)?")
_ORDER = ("source", "order", "alarms", "sweep", "nodes", "pipeline", "tables", "kafka", "network")
"""The stacks in the order of their deletion: none goes before one that uses it."""

_CHECK_S = 120.0
_POLL_S = 10.0
_KEY_DAYS = 7
"""The fewest days for which KMS keeps a key that is to be deleted; it costs nothing then."""


class AwsAccount:
    """The account of the credentials. `client` gives a boto3 client of a service in the Region."""

    def __init__(
        self,
        client: Callable[[str], Any],
        environment: Mapping[str, str] | None = None,
        poll_s: float = _POLL_S,
    ) -> None:
        self._client, self._poll_s = client, poll_s
        self._environment = dict(os.environ if environment is None else environment)

    def runs(self) -> Sequence[str]:
        """Return the names of the runs of which a stack, a queue or a bucket is there."""
        stacks = (_STACK.fullmatch(name) for name in self._stacks())
        named = {found[1] for found in stacks if found}
        tagged = {name for arn, name in self._tagged() if _service(arn) in ("s3", "sqs")}
        tagged |= {self._owner() or ""}
        return sorted(named | {name for name in tagged if NAME.fullmatch(name)})

    def keyspaces(self) -> Sequence[str]:
        """Return the keyspaces on Amazon Keyspaces that are not the service's own."""
        pages = self._client("keyspaces").get_paginator("list_keyspaces").paginate()
        names = [one["keyspaceName"] for page in pages for one in page["keyspaces"]]
        return [name for name in names if not _SYSTEM.fullmatch(name)]

    def check(self, config: Path) -> Done:
        """Run `hintferry preflight --only account`."""
        options = ["--only", "account", "--config", str(config), "--json"]
        return self._run([str(COMMAND), "preflight", *options], config.parent, _CHECK_S)

    def deploy(self, config: Path, within_s: float) -> Done:
        """Deploy all stacks of this configuration."""
        app = f"{sys.executable} -m acceptance.app {config}"
        options = ["--all", "--require-approval", "never", "--concurrency", "4", "--ci"]
        out = ["--output", str(config.parent / "cdk.out")]
        command = cdk.command("--app", app, *out, "deploy", *options)
        done = self._run(command, ROOT, within_s)
        (config.parent / "deploy.log").write_text(done.out + done.err)
        return done

    def metrics(self, config: Path) -> Mapping[str, object]:
        """Return what CloudWatch answers to the questions about its metrics, by id."""
        name = migration_from(config).deployment.pipeline.name
        return metric_answers(self._client, name)

    def order(self, config: Path) -> Mapping[str, object]:
        """Return what the log and the lag of the failing mappings answer so far, by id."""
        return order_answers(order_seen(self._client, migration_from(config)))

    def remove(self, name: str, within_s: float, say: Say) -> Sequence[str]:
        """Remove everything that has the run's name, and return what stays.

        Stacks first, then what they keep: queues, the bucket, the key, the keyspaces.
        """
        end = time.monotonic() + within_s
        stays = [one for part in _ORDER if (one := self._remove_stack(f"{name}-{part}", end, say))]
        stays += self._remove_keyspaces(name, say)
        for arn, owner in list(self._tagged()):
            if owner == name:
                stays += self._remove_kept(arn, say)
        return stays

    def _run(self, command: Sequence[str], folder: Path, within_s: float) -> Done:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**self._environment, **cdk.QUIET},
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
            # Ctrl-C is ours: the teardown waits for what CloudFormation has begun.
            start_new_session=True,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def _stacks(self) -> Iterator[str]:
        pages = self._client("cloudformation").get_paginator("describe_stacks").paginate()
        for page in pages:
            yield from (stack["StackName"] for stack in page["Stacks"])

    def _tagged(self) -> Iterator[tuple[str, str]]:
        """Yield the ARN of each resource that has the tag of a pipeline, and the tag's value."""
        pages = self._client("resourcegroupstaggingapi").get_paginator("get_resources")
        for page in pages.paginate(TagFilters=[{"Key": TAG}]):
            for one in page["ResourceTagMappingList"]:
                (value,) = (tag["Value"] for tag in one["Tags"] if tag["Key"] == TAG)
                yield one["ResourceARN"], value

    def _remove_stack(self, stack: str, end: float, say: Say) -> str:
        """Delete a stack and wait; return what stays of it, or nothing."""
        cloudformation = self._client("cloudformation")
        status = self._status(stack)
        if status is None:
            return ""
        say(f"  deleting the stack {stack}")
        cloudformation.delete_stack(StackName=stack)
        while status is not None and time.monotonic() < end:
            time.sleep(self._poll_s)
            status = self._status(stack)
            if status == "DELETE_FAILED":
                return f"the stack {stack} (DELETE_FAILED: read its events)"
        return "" if status is None else f"the stack {stack} ({status})"

    def _status(self, stack: str) -> str | None:
        try:
            (found,) = self._client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            return None
        status = str(found["StackStatus"])
        return None if status == "DELETE_COMPLETE" else status

    def _remove_kept(self, arn: str, say: Say) -> list[str]:
        """Remove one resource that its stack kept; return what stays of it."""
        removers = {"s3": self._remove_bucket, "sqs": self._remove_queue, "kms": self._remove_key}
        remover = removers.get(_service(arn))
        if remover is None:
            # The index of tags lists what a stack has deleted for some hours.
            return []
        try:
            remover(arn)
        except ClientError as error:
            if _is_gone(error):
                return []
            return [f"{_service(arn)} {arn.rpartition(':')[2]} ({error})"]
        say(f"  removed {_service(arn)} {arn.rpartition(':')[2]}")
        return []

    def _remove_bucket(self, arn: str) -> None:
        s3, bucket = self._client("s3"), arn.rpartition(":")[2]
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
        for page in pages:
            versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            objects = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in versions]
            if objects:
                s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        s3.delete_bucket(Bucket=bucket)

    def _remove_queue(self, arn: str) -> None:
        sqs = self._client("sqs")
        url = sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
        sqs.delete_queue(QueueUrl=url)

    def _remove_key(self, arn: str) -> None:
        self._client("kms").schedule_key_deletion(KeyId=arn, PendingWindowInDays=_KEY_DAYS)

    def _remove_keyspaces(self, name: str, say: Say) -> list[str]:
        """Drop the keyspaces of the run; a tag on a table of the workload says whose they are."""
        there = [one for one in KEYSPACES_MADE if one in self.keyspaces()]
        if not there or self._owner() not in (name, None):
            return []
        if self._owner() is None:
            return [f"the keyspaces {', '.join(there)}: no tag says whose they are, drop them"]
        # The one with the tags is the last, so that a run that is killed here is found again.
        for keyspace in reversed(there):
            self._client("keyspaces").delete_keyspace(keyspaceName=keyspace)
            say(f"  dropped the keyspace {keyspace}")
        return []

    def _owner(self) -> str | None:
        """Return the pipeline that made the tables of the workload, by their tags."""
        keyspaces = self._client("keyspaces")
        if KEYSPACE not in self.keyspaces():
            return None
        for table in keyspaces.list_tables(keyspaceName=KEYSPACE)["tables"]:
            answer = keyspaces.list_tags_for_resource(resourceArn=table["resourceArn"])
            for tag in answer.get("tags", []):
                if tag["key"] == TAG:
                    return str(tag["value"])
        return None


def _service(arn: str) -> str:
    return arn.split(":")[2]


_GONE = ("NonExistentQueue", "QueueDoesNotExist", "NoSuchBucket", "NotFoundException")


def _is_gone(error: ClientError) -> bool:
    """Return whether it was removed before, or waits for that."""
    code = error.response["Error"].get("Code", "")
    pending = "pending deletion" in str(error).lower()
    return pending or code.rpartition(".")[2] in _GONE
