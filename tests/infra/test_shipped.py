"""The functions as they are deployed bring the recorded events of `events/` to their end.

The layer is built for the processor and the Python of this machine (on Lambda: arm64 and 3.13;
`test_layer` compares the two), and nothing else of the machine is there to be imported. The source
asks for TLS and a certificate, which the functions find in a secret.
"""

from __future__ import annotations

import json
import platform
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from sandbox.compare import compare_table
from sandbox.recording.record import EVENTS, ROW, SCHEMA, WRITES
from sandbox.services.lambda_runtime import LambdaSandbox
from sandbox.services.queue_source import client, taken
from sandbox.sessions import cassandra_session, create_keyspaces_tables
from sandbox.stack import Stack
from tests.chain.tls_front import TlsFront
from tests.infra.shipped import Shipped, write_migration
from tests.infra.synthesised import Template, properties, synthesise

pytestmark = pytest.mark.stack

TABLES = {"shop.orders": SCHEMA[0], "shop.visits": SCHEMA[1]}
KEYSPACE = "CREATE KEYSPACE IF NOT EXISTS shop WITH replication = "
STRAY = "INSERT INTO shop.orders (customer, number, state) VALUES (7, 3, 'stray')"


@dataclass(frozen=True, slots=True)
class Bench:
    stack: Stack
    source: Any
    behind: Any
    templates: dict[str, Template]
    statements: LambdaSandbox
    processor: LambdaSandbox
    replay: LambdaSandbox

    def differ(self, table: str) -> bool:
        return bool(compare_table(self.source, self.behind, f"shop.{table}").differences)

    def parked(self) -> list[dict[str, Any]]:
        return taken(client(self.stack.aws, "sqs"), self.stack.aws.parked_queue_url)


@pytest.fixture(scope="module")
def bench(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    from infra.layer import build_layer

    folder = tmp_path_factory.mktemp("shipped")
    kind = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
    build_layer(folder / "assets" / "layer", kind, ".".join(map(str, sys.version_info[:2])))
    front = TlsFront((stack.source.hosts[0], stack.source.port), folder / "front")
    templates = synthesise(write_migration(stack, front, folder, TABLES), folder)
    shipped = Shipped(folder / "cdk.out", templates, stack)
    stack.create_tables(KEYSPACE + stack.replication, *SCHEMA)
    create_keyspaces_tables(
        stack.target,
        "shop",
        [
            KEYSPACE + "{'class': 'SingleRegionStrategy'}",
            # CloudFormation makes it: it has no statics.
            SCHEMA[1].replace(" WITH cdc = true", ""),
        ],
    )
    with (
        front,
        cassandra_session(stack.source) as source,
        cassandra_session(stack.behind) as behind,
        shipped.start("statements of CQL for the stack", folder / "statements.log") as statements,
        shipped.start("processor", folder / "processor.log") as processor,
        shipped.start("replay", folder / "replay.log") as replay,
    ):
        made = Bench(stack, source, behind, templates, statements, processor, replay)
        made.parked()
        yield made
        # Second looks that are not due yet would meet the tests that come after.
        client(stack.aws, "sqs").purge_queue(QueueUrl=stack.aws.replay_queue_url)


def test_the_stack_makes_its_tables_by_its_own_function(bench: Bench) -> None:
    """Both by the same: one is there already, with its columns, and is taken over."""
    for kind in ("Statements", "Types", "Table", "Table"):
        for asked in properties(bench.templates, f"Custom::Keyspaces{kind}"):
            assert _defined(bench, f"Custom::Keyspaces{kind}", asked) == ("SUCCESS", "")
    columns = "SELECT column_name FROM system_schema.columns WHERE keyspace_name = 'shop'"
    named = bench.behind.execute(f"{columns} AND table_name = 'orders'")
    assert {row.column_name for row in named} == {"customer", "number", "state", "items", "note"}


def test_a_table_gains_a_column_and_one_that_does_not_fit_is_refused(bench: Bench) -> None:
    asked = next(
        one
        for one in properties(bench.templates, "Custom::KeyspacesTable")
        if one["Table"] == "visits"
    )
    more = {"Name": "later", "Type": "counter", "Kind": "regular", "Order": "ASC"}
    gained = {**asked, "Columns": [*asked["Columns"], more]}
    assert _defined(bench, "Custom::KeyspacesTable", gained, asked) == ("SUCCESS", "")
    columns = "SELECT column_name FROM system_schema.columns WHERE keyspace_name = 'shop'"
    named = bench.behind.execute(f"{columns} AND table_name = 'visits'")
    assert "later" in {row.column_name for row in named}
    other = {**asked, "Columns": [{**one, "Type": "blob"} for one in asked["Columns"]]}
    status, reason = _defined(bench, "Custom::KeyspacesTable", other, asked)
    assert (status, "the primary key of shop.visits" in reason) == ("FAILED", True)


def _defined(
    bench: Bench, kind: str, asked: dict[str, Any], before: dict[str, Any] | None = None
) -> tuple[str, str]:
    """Status and reason that CloudFormation is given."""
    with answered() as (url, answers):
        event = {
            "RequestType": "Update" if before else "Create",
            "ResponseURL": url,
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": "Statements",
            "ResourceType": kind,
            "ResourceProperties": _with_key(asked),
        }
        event |= {"OldResourceProperties": _with_key(before)} if before else {}
        ended = bench.statements.invoke(json.dumps(event).encode())
    assert ended.error_type is None, ended.message
    ((status, reason),) = [(one["Status"], one["Reason"]) for one in answers]
    return status, reason


@pytest.mark.parametrize("kind", WRITES)
@pytest.mark.parametrize("capture", ["ours", "stock"])
def test_a_recorded_event_makes_both_sides_equal(bench: Bench, capture: str, kind: str) -> None:
    file = EVENTS / f"{capture}-{kind}.json"
    if not file.exists():
        assert capture == "stock", "the stock connector alone misses kinds of writes"
        return
    table, write = WRITES[kind]
    if kind == "row-delete":
        bench.source.execute(ROW)
    if kind in ("range-delete", "partition-delete"):
        bench.behind.execute(STRAY)
    bench.source.execute(write)
    assert bench.differ(table), "nothing to do: the event would prove nothing"
    assert _answer(bench.processor, as_of_now(file)) == {"batchItemFailures": []}
    assert not bench.differ(table)
    assert bench.parked() == []


def test_what_cannot_be_decoded_is_parked_by_either_function(bench: Bench) -> None:
    event = (EVENTS / "undecodable.json").read_bytes()
    assert _answer(bench.processor, event) == {"batchItemFailures": []}
    (message,) = bench.parked()
    assert message["reason"] == "undecodable"
    assert _answer(bench.replay, queue_event(message)) == {"batchItemFailures": []}
    (again,) = bench.parked()
    assert again["record"]["value"] == message["record"]["value"]


def test_a_hint_that_waited_in_the_queue_is_applied(bench: Bench) -> None:
    bench.source.execute(ROW)
    bench.source.execute(WRITES["update"][1])
    assert bench.differ("orders")
    hint = {"hint": 1, "scope": "row", "keyspace": "shop", "table": "orders"}
    hint |= {"pk": ["AAAABw=="], "ck": ["AAAAAQ=="]}
    body = {"version": 1, "reason": "repair", "table": "shop.orders", "hint": hint}
    assert _answer(bench.replay, queue_event(body)) == {"batchItemFailures": []}
    assert not bench.differ("orders")


def as_of_now(file: Path) -> bytes:
    """The recorded event, come to the topic now: an old hint of a key that was read since is
    skipped."""
    event = json.loads(file.read_text())
    for records in event["records"].values():
        for record in records:
            record["timestamp"] = int(time.time() * 1000)
    return json.dumps(event).encode()


def queue_event(body: dict[str, Any]) -> bytes:
    message = {"messageId": "1", "receiptHandle": "1", "body": json.dumps(body)}
    return json.dumps({"Records": [message | {"attributes": {}}]}).encode()


def _answer(function: LambdaSandbox, event: bytes) -> Any:
    ended = function.invoke(event)
    assert ended.payload is not None, f"{ended.error_type}: {ended.message}"
    return json.loads(ended.payload)


def _with_key(asked: dict[str, Any]) -> dict[str, Any]:
    """Return what is asked of the function, with the ARN of a key."""
    create = asked["Create"]
    made = [_text(one) for one in create] if isinstance(create, list) else _text(create)
    return {**asked, "ServiceToken": "token", "Create": made}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    parts = value["Fn::Join"][1]
    return "".join(
        part if isinstance(part, str) else "arn:aws:kms:us-east-1:123456789012:key/k"
        for part in parts
    )


class answered:
    """The URL that CloudFormation gives a function to answer to, and what was put there."""

    def __enter__(self) -> tuple[str, list[dict[str, Any]]]:
        answers: list[dict[str, Any]] = []

        class Answer(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                length = int(self.headers["Content-Length"])
                answers.append(json.loads(self.rfile.read(length)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Answer)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}/", answers

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
