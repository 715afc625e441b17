"""A pass of the state machine in the bucket: who works on it, and what became of its ranges.

    sweeps/VERB/TABLE/current.json           the latest pass, and the execution that works on it
    sweeps/VERB/TABLE/PASS/proof.json        that the table was captured when the pass began
    sweeps/VERB/TABLE/PASS/work-*.json       what an execution has to do: a list of batches
    sweeps/VERB/TABLE/PASS/batches/*.json    a batch's ranges that are done, or failed
    sweeps/VERB/TABLE/PASS/result.json       the sums, at the end of each execution

A token is written as text: a state machine reads a number as one that cannot hold it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from hintferry.adapters.source import captures
from hintferry.core.capture import Proof
from hintferry.core.tokens import TokenRange
from hintferry.sweep.task import Task

READ_AT_ONCE = 16
TAKEN = ("PreconditionFailed", "ConditionalRequestConflict")


@dataclass(frozen=True, slots=True)
class CurrentPass:
    """The latest pass. It is `execution`'s as long as that runs; times are epoch seconds."""

    execution: str
    name: str
    settings: dict[str, Any]
    began: float
    is_finished: bool
    last_finished: float
    """When the last pass that left nothing out ended; before there was one, when the first began"""


@dataclass(slots=True)
class BatchResult:
    """The results of some ranges; `failed` has the error's text."""

    done: dict[TokenRange, dict[str, int]] = field(default_factory=dict)
    failed: dict[TokenRange, str] = field(default_factory=dict)


class PassFiles:
    """The passes of one verb over one table; `s3` is a boto3 client, whose errors are raised."""

    def __init__(self, s3: Any, bucket: str, task: Task) -> None:
        self._s3, self._bucket = s3, bucket
        self._prefix = f"sweeps/{task.verb.value}/{task.table}"

    def current(self) -> tuple[CurrentPass, str] | None:
        """The latest pass and the version of its file."""
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=f"{self._prefix}/current.json")
        except self._s3.exceptions.NoSuchKey:
            return None
        return CurrentPass(**json.load(found["Body"])), found["ETag"]

    def claim(self, current: CurrentPass, version: str | None) -> bool:
        """Put it in the place of this version (None: of no file); False if another was quicker."""
        condition = {"IfMatch": version} if version else {"IfNoneMatch": "*"}
        try:
            self._put("current.json", asdict(current), **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] in TAKEN:
                return False
            raise
        return True

    def proof(self, name: str, prove: Callable[[], Proof | None]) -> Proof | None:
        """Return the proof of the pass; the first call writes it down, before the pass does
        anything.
        """
        try:
            found = self._s3.get_object(
                Bucket=self._bucket, Key=f"{self._prefix}/{name}/proof.json"
            )
        except self._s3.exceptions.NoSuchKey:
            proved = prove()
            self._put(f"{name}/proof.json", captures.as_tree(proved))
            return proved
        return captures.from_tree(json.load(found["Body"]))

    def put_work(self, name: str, run: str, batches: Sequence[Sequence[TokenRange]]) -> str:
        """Keep the list of what an execution has to do, for its map; return the key of the file."""
        items = [[*map(written, some)] for some in batches]
        work = [{"batch": some[0][0], "ranges": some} for some in items]
        return self._put(f"{name}/work-{run}.json", work)

    def batch(self, name: str, batch: str) -> BatchResult:
        """Return the ranges of a batch so far: done, or failed."""
        try:
            return self._batch(self._key(name, batch))
        except self._s3.exceptions.NoSuchKey:
            return BatchResult()

    def put_batch(self, name: str, batch: str, content: BatchResult) -> None:
        """Keep it."""
        done = [[*written(part), sums] for part, sums in content.done.items()]
        failed = [[*written(part), error] for part, error in content.failed.items()]
        self._put(f"{name}/batches/{batch}.json", {"done": done, "failed": failed})

    def all_of(self, name: str) -> BatchResult:
        """Return the ranges of the whole pass so far, all batches in one."""
        whole = BatchResult()
        with ThreadPoolExecutor(READ_AT_ONCE) as pool:
            for batch in pool.map(self._batch, self._batches(name)):
                whole.done.update(batch.done)
                whole.failed.update(batch.failed)
        return whole

    def put_result(self, name: str, result: dict[str, Any]) -> str:
        """The key of its file."""
        return self._put(f"{name}/result.json", result)

    def _key(self, name: str, batch: str) -> str:
        return f"{self._prefix}/{name}/batches/{batch}.json"

    def _batches(self, name: str) -> Iterator[str]:
        pages = self._s3.get_paginator("list_objects_v2")
        prefix = f"{self._prefix}/{name}/batches/"
        for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
            yield from (one["Key"] for one in page.get("Contents", []))

    def _batch(self, key: str) -> BatchResult:
        tree = json.load(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"])
        return BatchResult(
            {part_of(one[:2]): one[2] for one in tree["done"]},
            {part_of(one[:2]): one[2] for one in tree["failed"]},
        )

    def _put(self, name: str, tree: Any, **condition: str) -> str:
        key = f"{self._prefix}/{name}"
        body = json.dumps(tree).encode()
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, **condition)
        return key


def written(part: TokenRange) -> list[str]:
    """A range as JSON holds it."""
    return [str(part.after), str(part.upto)]


def part_of(ends: Sequence[str]) -> TokenRange:
    """The range that was written so."""
    return TokenRange(int(ends[0]), int(ends[1]))
