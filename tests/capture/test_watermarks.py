"""Test that a node's watermark moves only when all that stood before the marker has arrived."""

import json
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cassandra.concurrent import execute_concurrent_with_args
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.cimpl import NewPartitions

from node.cdcguard.progress import note_loss
from sandbox import tables
from sandbox.parts.kafka import create_topics
from sandbox.stack import Stack
from tests.capture.marks import Mapping, Marks, marks, marks_ddl

pytestmark = pytest.mark.stack

KEYSPACE = "marked"
TABLES = (
    "plain",
    "empty",
    "moved",
    "unread",
    "grown",
    "killed",
    "guarded",
    "aside",
    "beaten",
)
KILLS = 5
BURST = 100


@pytest.fixture(scope="module", autouse=True)
def made(stack: Stack) -> None:
    create = f"CREATE TABLE {KEYSPACE}.{{}} (id int PRIMARY KEY) WITH cdc = true"
    stack.create_tables(
        f"CREATE KEYSPACE {KEYSPACE} WITH replication = {stack.replication}",
        *map(create.format, TABLES),
        *marks_ddl(stack),
    )


def of(stack: Stack, name: str) -> Any:
    return marks(stack, f"{KEYSPACE}.{name}")


def offsets_of(stack: Stack) -> Path:
    return stack.captures[0].log.parent / "offsets"


def start_again(stack: Stack) -> None:
    [capture] = stack.captures
    capture.kill()
    capture.start()


def test_a_table_without_a_hint_settles_at_once(stack: Stack) -> None:
    with of(stack, "empty") as table:
        number = table.draw()
        row = table.wait_settled(number)
        assert (row.number, row.waits) == (number, None)
        assert row.since == table.since()
        assert row.drawn_at <= row.settled_at


def test_a_marker_settles_at_the_last_offset_and_not_one_before(stack: Stack) -> None:
    with of(stack, "plain") as table:
        table.write(range(20))
        number = table.draw()
        ends = table.wait_hinted(20)
        part, last = max(ends.items())
        table.commit(ends | {part: last - 1})
        group = f"group hintferry-{table.name}-v1"
        table.wait_says(
            f"{group} has committed {last - 1} of {last} in partition {part} of topic {table.topic}"
        )
        assert table.number() < number
        table.commit({part: last})
        assert table.wait_settled(number).waits is None


def test_a_newer_marker_does_not_put_off_an_older_one(stack: Stack) -> None:
    """What is written behind it does not count: the ends are those of its own time."""
    with of(stack, "plain") as table:
        with Mapping(table):
            table.wait_settled(table.draw())
        before = sum(table.ends().values())
        table.write(range(40, 60))
        first = table.draw()
        assert table.still(first)
        ends = table.wait_hinted(before + 20)
        table.write(range(60, 80))
        assert table.still(table.draw())
        table.commit(ends)
        assert table.wait_settled(first).number == first


def test_what_is_set_aside_holds_it_and_says_what_to_do(stack: Stack) -> None:
    aside = stack.captures[0].log.parent / "relocated" / "set-aside"
    aside.mkdir(parents=True)
    segment = aside / "CommitLog-7-1.log"
    segment.touch()
    try:
        with of(stack, "aside") as table:
            number = table.draw()
            said = table.wait_says(f"segments set aside in {aside}: 1")
            assert "cdcguard give-back" in said
            segment.unlink()
            table.wait_settled(number)
    finally:
        segment.unlink(missing_ok=True)
        aside.rmdir()


def test_a_topic_that_was_made_again_moves_the_token(stack: Stack) -> None:
    with of(stack, "moved") as table:
        table.write(range(3))
        with Mapping(table):
            before = table.wait_settled(table.draw())
        admin = table.admin()
        admin.delete_topics([table.topic], operation_timeout=20)[table.topic].result(20)
        create_topics(stack.kafka, [table.topic])
        number = table.draw()
        after = table.wait_settled(number)
        assert before.since < after.since == table.since()
        # A mapping that has not seen it commits as if it were the old one.
        table.write(range(3))
        table.commit(dict.fromkeys(table.ends(), 1_000))
        number = table.draw()
        assert table.still(number)
        table.commit(table.ends())
        assert table.wait_settled(number).since == after.since


def test_records_that_were_deleted_unread_move_the_token_once(stack: Stack) -> None:
    with of(stack, "unread") as table:
        before = table.wait_settled(table.draw()).since
        table.write(range(20))
        number = table.draw()
        table.wait_says("has committed nothing")
        ends = [TopicPartition(table.topic, part, end) for part, end in table.ends().items() if end]
        admin = table.admin()
        for deleted in admin.delete_records(ends).values():
            deleted.result(20)
        lost = table.wait_settled(number).since
        assert lost > before
        start_again(stack)
        assert table.wait_settled(table.draw()).since == lost


def test_a_loss_that_the_guard_counts_moves_the_token_also_behind_a_restart(stack: Stack) -> None:
    with of(stack, "guarded") as table:
        first = table.wait_settled(table.draw()).since
        note_loss(str(offsets_of(stack)))
        second = table.wait_settled(table.draw()).since
        assert first < second == table.since()
        assert table.wait_settled(table.draw()).since == second
        stack.captures[0].kill()
        note_loss(str(offsets_of(stack)))
        stack.captures[0].start()
        assert table.wait_settled(table.draw()).since > second


def test_a_partition_that_was_added_is_waited_for(stack: Stack) -> None:
    with of(stack, "grown") as table:
        had = len(table.ends())
        more = [NewPartitions(table.topic, had + 4)]
        admin = table.admin()
        admin.create_partitions(more, operation_timeout=20)[table.topic].result(20)
        # Else its producer learns of them only after minutes.
        start_again(stack)
        table.write(range(60))
        number = table.draw()
        ends = table.wait_hinted(60)
        added = max(ends)
        assert added >= had
        table.commit({part: end for part, end in ends.items() if part != added})
        table.wait_says(f"has committed nothing of {ends[added]} in partition {added} of topic")
        table.commit({added: ends[added]})
        table.wait_settled(number)


def test_brokers_that_do_not_answer_are_named_and_asked_again(stack: Stack) -> None:
    with of(stack, "empty") as table:
        stack.broker.pause()
        try:
            number = table.draw()
            table.wait_says(f"the brokers did not answer for topic {table.topic}: ")
            assert table.number() < number
        finally:
            stack.broker.resume()
        assert table.wait_settled(number).waits is None


@contextmanager
def configured(stack: Stack, line: str) -> Iterator[None]:
    """Run the connector with one more line in its properties."""
    [capture] = stack.captures
    properties = capture.log.parent / "connector.properties"
    text = properties.read_text()
    properties.write_text(f"{text}{line}\n")
    try:
        start_again(stack)
        yield
    finally:
        properties.write_text(text)
        start_again(stack)


def test_numbers_are_drawn_by_turns_and_none_twice(stack: Stack) -> None:
    """The connector draws for itself, and the test beside it, as another node would."""
    query = "SELECT number, written FROM hintferry.markers WHERE name = %s"
    seen: dict[int, set[Any]] = {}
    own = 0
    with of(stack, "beaten") as table, configured(stack, "hintferry.heartbeat.ms=50"):
        table.wait_settled(3)
        first = table.cql.execute(query, [table.name]).one().number
        end = time.monotonic() + 3
        while time.monotonic() < end:
            # Longer than the connector stays quiet, and shorter than it needs to see a number.
            time.sleep(0.1)
            own += bool(table.try_draw())
            row = table.cql.execute(query, [table.name]).one()
            seen.setdefault(row.number, set()).add(row.written)
        last = row.number
    assert all(len(drawn) == 1 for drawn in seen.values())
    assert list(seen) == sorted(seen)
    assert own > 5
    assert last - first > own + 5, "the connector drew none meanwhile"


class Writer:
    """Writes bursts of rows and draws a number behind each; `before` has the rows of each."""

    def __init__(self, stack: Stack, name: str) -> None:
        self._stack, self._name = stack, name
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.before: dict[int, int] = {}

    def _run(self) -> None:
        with of(self._stack, self._name) as table, tables.session(self._stack.source) as cql:
            insert: Any = cql.prepare(f"INSERT INTO {table.name} (id) VALUES (?)")
            written = 0
            while not self._stopped.wait(0.1):
                rows = [(row,) for row in range(written, written + BURST)]
                execute_concurrent_with_args(cql, insert, rows, concurrency=100)
                written += BURST
                self.before[table.draw()] = written

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(30)


class Topic:
    """What a topic holds, read on and on."""

    def __init__(self, table: Marks) -> None:
        self._table = table
        self._consumer = Consumer({"bootstrap.servers": table.stack.kafka, "group.id": "killed"})
        parts = [TopicPartition(table.topic, part, OFFSET_BEGINNING) for part in table.ends()]
        self._consumer.assign(parts)
        self._read: dict[int, int] = {}
        self.rows: set[int] = set()

    def read_to_end(self) -> None:
        ends = {part: end for part, end in self._table.ends().items() if end}
        until = time.monotonic() + 30
        while any(self._read.get(part, 0) < end for part, end in ends.items()):
            assert time.monotonic() < until, (self._read, ends)
            for message in self._consumer.consume(1_000, timeout=0.2):
                part, offset, value = message.partition(), message.offset(), message.value()
                assert part is not None
                assert offset is not None
                self._read[part] = offset + 1
                key = b64decode(json.loads(value or b"{}")["pk"][0])
                self.rows.add(int.from_bytes(key, "big", signed=True))


@pytest.mark.timeout(600)
def test_a_connector_that_is_killed_leaves_no_number_ahead_of_its_hints(stack: Stack) -> None:
    """Its producer keeps hints for a while, so that there is always one that was not sent yet."""
    [capture] = stack.captures
    numbers: list[int] = []
    with (
        configured(stack, "kafka.producer.linger.ms=300"),
        of(stack, "killed") as table,
        Writer(stack, "killed") as writer,
        Mapping(table),
    ):
        topic = Topic(table)
        for kill in range(KILLS):
            deadline = time.monotonic() + 150
            while table.number() <= max(numbers, default=min(tuple(writer.before), default=2**31)):
                assert time.monotonic() < deadline, "the watermark stands still"
                time.sleep(0.02)
            time.sleep(0.02 * kill)
            capture.kill()
            number = table.number()
            topic.read_to_end()
            # The connector may have drawn a number between two of the writer's.
            covered = max(rows for own, rows in tuple(writer.before.items()) if own <= number)
            assert set(range(covered)) <= topic.rows, f"at {number}"
            numbers.append(number)
            capture.start()
    assert numbers == sorted(numbers)
