"""A table, its chain and what became of its records, for tests that break something."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from keyspaces_local.faults import ErrorAnswer, Fault, FaultAction, Operation
from sandbox.chain import Chain
from sandbox.compare import compare_table
from sandbox.services.event_source import EventSourceSettings
from sandbox.services.lambda_runtime import Invocation
from sandbox.services.queue_source import client, taken
from sandbox.sessions import cassandra_session, create_keyspaces_tables
from sandbox.stack import Stack
from tools import places

KEYSPACE = "failure"
SWITCHES = "CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"
WAIT_S = 120.0
MEMORY_GB = 1769 / 1024
POISON = b'{"hint": 1, "scope": "ro'


def keep(figure: str) -> None:
    """Print a figure, and keep it with those of this and earlier runs."""
    print(figure)
    with (places.BUILD / "failure.txt").open("a") as figures:
        figures.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M} {figure}\n")


@dataclass(slots=True)
class Bench:
    """`name` is the table's; `spent_s` are the durations of the processor's invocations."""

    name: str
    stack: Stack
    source: Any
    behind: Any
    chain: Chain
    said: list[str]
    producer: Producer
    spent_s: list[float] = field(default_factory=list)

    @property
    def table(self) -> str:
        return f"{KEYSPACE}.{self.name}"

    @property
    def gb_s(self) -> float:
        """Return what the invocations so far cost."""
        return sum(self.spent_s) * MEMORY_GB

    def insert(self, keys: range, value: str = "v") -> None:
        """Rows on the source, whose hints come by themselves."""
        insert = self.source.prepare(f"INSERT INTO {self.table} (a, v) VALUES (?, ?)")
        for key in keys:
            self.source.execute(insert, (key, value))

    def hint(self, keys: range) -> None:
        """Hints of our own making."""
        for key in keys:
            pk = [b64encode(key.to_bytes(4)).decode()]
            value = {"hint": 1, "scope": "row", "keyspace": KEYSPACE, "table": self.name, "pk": pk}
            self.send(json.dumps(value | {"ck": []}).encode())

    def send(self, value: bytes) -> None:
        self.producer.produce(self.stack.topic(self.table), value=value, partition=0)
        self.producer.poll(0)

    def refuse(self, share: float, answer: ErrorAnswer, seed: int) -> None:
        """The target refuses this share of the writes to the table from now on."""
        self.stack.keyspaces.control.add_fault(
            Fault(
                FaultAction.REFUSE,
                share=share,
                table=self.table,
                operation=Operation.WRITE,
                answer=answer,
                seed=seed,
            )
        )

    def wait_until_equal(self, seconds: float = WAIT_S) -> None:
        self.producer.flush(10)
        end = time.monotonic() + seconds
        while differences := compare_table(self.source, self.behind, self.table).differences:
            if time.monotonic() > end:
                some = [str(one) for one in differences[:3]]
                pytest.fail(f"{len(differences)} differ: {some}; {self.chain.last_error}")
            time.sleep(0.2)

    def is_behind(self) -> bool:
        """Return whether the sides differ now."""
        return bool(compare_table(self.source, self.behind, self.table).differences)

    def drain(self) -> None:
        self.producer.flush(10)
        assert self.chain.drain(WAIT_S), self.chain.last_error

    def figures(self) -> Counter[str]:
        """The sums of the processor's metrics."""
        return sum((figures for _, figures in self.batches()), Counter())

    def batches(self) -> list[tuple[float, Counter[str]]]:
        """Return when each batch's metrics were told, in epoch seconds, and they."""
        told = (json.loads(line) for line in list(self.said) if line.startswith('{"_aws"'))
        return [(one["_aws"]["Timestamp"] / 1000, _sums(one)) for one in told]

    def parked(self) -> list[dict[str, Any]]:
        """Return what lies in the parked queue, taken out of it."""
        return taken(client(self.stack.aws, "sqs"), self.stack.aws.parked_queue_url)

    def given_up(self) -> list[str]:
        """The objects that the event source left in the bucket."""
        s3 = client(self.stack.aws, "s3")
        answer = s3.list_objects_v2(Bucket=self.stack.aws.bucket, Prefix="aws/lambda/")
        return [found["Key"] for found in answer.get("Contents", [])]


def _sums(told: dict[str, Any]) -> Counter[str]:
    lists = {name: values for name, values in told.items() if isinstance(values, list)}
    return Counter({name: int(sum(values)) for name, values in lists.items()})


@contextmanager
def bench(name: str, stack: Stack, folder: Path, task_root: Path | None = None) -> Iterator[Bench]:
    """A table of its own and its chain; `task_root` is the chain's."""
    columns = f"CREATE TABLE {KEYSPACE}.{name} (a int PRIMARY KEY, v text)"
    replication = f"CREATE KEYSPACE IF NOT EXISTS {KEYSPACE} WITH replication = "
    stack.create_tables(replication + stack.replication, f"{columns} WITH cdc = true")
    single = replication + "{'class': 'SingleRegionStrategy'}"
    create_keyspaces_tables(stack.target, KEYSPACE, [single, f"{columns} WITH {SWITCHES}"])
    said: list[str] = []
    settings = EventSourceSettings(
        batch_size=500,
        concurrency=2,
        window_s=0.0,
        retry_backoff_cap_s=0.5,
        maximum_retry_attempts=10_000,
    )
    with (
        cassandra_session(stack.source) as source,
        cassandra_session(stack.behind) as behind,
        Chain(
            stack,
            [f"{KEYSPACE}.{name}"],
            folder,
            concurrency=1,
            settings=settings,
            on_line=said.append,
            task_root=task_root,
            on_failure=True,
        ) as chain,
    ):
        producer = Producer({"bootstrap.servers": stack.kafka})
        made = Bench(name, stack, source, behind, chain, said, producer)
        invoke: Callable[[bytes], Invocation] = chain.function.invoke

        def timed(event: bytes) -> Invocation:
            outcome = invoke(event)
            made.spent_s.append(outcome.duration_ms / 1000)
            return outcome

        chain.function.invoke = timed  # type: ignore[method-assign]
        made.parked()
        yield made
        stack.keyspaces.control.reset()
