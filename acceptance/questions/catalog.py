"""List what is not known of Amazon Keyspaces: each question with the statement that answers it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import Session
from cassandra.query import BatchStatement, BatchType, SimpleStatement

from acceptance.questions import probes
from acceptance.questions.client import Target

BIG = 10**40


@dataclass(frozen=True, slots=True)
class Asked:
    """The service that is asked: a session in the keyspace of the questions, and the login."""

    session: Session
    target: Target


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that nobody has published; `by` says what answers it."""

    id: str
    text: str
    by: str
    ask: Callable[[Asked], object]


def _value(name: str, text: str, by: str, probe: Callable[[Session], object]) -> Question:
    return Question(name, text, by, lambda asked: probe(asked.session))


def _statement(name: str, text: str, cql: str, *values: object) -> Question:
    shown = cql if len(cql) < 200 else f"{cql[:200]}…"
    return Question(name, text, shown, lambda asked: probes.outcome(asked.session, cql, *values))


VALUES = (
    _value(
        "absent-row-tombstone",
        "Does the DELETE of an absent row leave a tombstone?",
        "DELETE, then an older INSERT of the same row",
        probes.absent_row_delete_leaves_a_tombstone,
    ),
    _value(
        "range-tombstone",
        "Does a partition's DELETE cover rows that were absent?",
        "DELETE of the partition, then an older INSERT",
        probes.range_delete_covers_absent_rows,
    ),
    _value(
        "map-shadow",
        "Does an overwritten map shadow older elements?",
        "INSERT of a map, then an older INSERT of another",
        lambda session: probes.overwritten_collection_shadows(session, "m"),
    ),
    _value(
        "list-shadow",
        "Does an overwritten list shadow older elements?",
        "INSERT of a list, then an older INSERT of another",
        lambda session: probes.overwritten_collection_shadows(session, "l"),
    ),
    _value(
        "list-twice",
        "What do two INSERTs of a list at one write time give?",
        "the same INSERT of a list, twice",
        probes.same_list_twice_at_one_time,
    ),
    _value(
        "null-wins",
        "Does a null beat a value of the same write time?",
        "INSERTs of a value, null and a value at one write time",
        probes.null_beats_a_value_at_one_time,
    ),
    _value(
        "filtered-pages",
        "How many rows do the pages of a filter have?",
        "a filter that every tenth of 40 rows passes, in pages of 5",
        probes.filtered_page_lengths,
    ),
    _value(
        "large-pages",
        "How many rows of 100 KB does a page have?",
        "a read of 30 rows of 100 KB",
        probes.large_page_lengths,
    ),
)

STATEMENTS = (
    _statement(
        "varint-zeros",
        "Is a varint of 41 digits with one significant one taken?",
        "INSERT INTO numbers (k, v) VALUES (1, ?)",
        BIG,
    ),
    _statement(
        "varint-digits-41",
        "Is a varint of 41 significant digits taken?",
        "INSERT INTO numbers (k, v) VALUES (1, ?)",
        BIG + 1,
    ),
    _statement(
        "empty-partition-key",
        "Is an empty partition key taken?",
        "INSERT INTO texts (k, c) VALUES (?, 'c')",
        "",
    ),
    _statement(
        "empty-clustering",
        "Is an empty clustering column taken?",
        "INSERT INTO texts (k, c) VALUES ('k', ?)",
        "",
    ),
    _statement(
        "empty-text", "Is an empty text taken?", "INSERT INTO plain (k, v) VALUES (1, ?)", ""
    ),
    _statement(
        "condition-on-counter",
        "Is a condition on a counter taken?",
        "UPDATE counts SET n = n + 1 WHERE k = 1 IF n = 0",
    ),
    _statement("truncate", "Is TRUNCATE taken?", "TRUNCATE plain"),
    _statement(
        "duration",
        "Is a column of type duration taken?",
        "CREATE TABLE durations (k int PRIMARY KEY, d duration)",
    ),
    Question(
        "condition-with-time",
        "Is a condition with a write time taken?",
        "INSERT INTO timed … IF NOT EXISTS USING TIMESTAMP now",
        lambda asked: probes.outcome(
            asked.session,
            f"INSERT INTO timed (k, v) VALUES (9, 'a') IF NOT EXISTS USING TIMESTAMP"
            f" {probes.now_us()}",
        ),
    ),
)

REFUSED: dict[str, str] = {
    "timestamp-switch": f"UPDATE plain USING TIMESTAMP {probes.now_us()} SET v = 'a' WHERE k = 1",
    "writetime-switch": "SELECT writetime(v) FROM plain",
    "timestamp-window": "UPDATE timed USING TIMESTAMP 1 SET v = 'a' WHERE k = 1",
    "aggregate": "SELECT count(*) FROM plain",
    "statement-kind": "CREATE INDEX ON plain (v)",
    "in-on-modification": "DELETE FROM plain WHERE k IN (1, 2)",
    "unlogged-batch-limit": f"BEGIN UNLOGGED BATCH {'DELETE FROM plain WHERE k = 1; ' * 31}"
    "APPLY BATCH",
    "logged-batch-limit": f"BEGIN BATCH {'DELETE FROM plain WHERE k = 1; ' * 101}APPLY BATCH",
    "condition-in-unlogged-batch": "BEGIN UNLOGGED BATCH DELETE FROM plain WHERE k = 1 IF EXISTS"
    " APPLY BATCH",
    "system-read-only": "DELETE FROM system_schema_mcs.tables WHERE keyspace_name = 'a'",
    "replication": "CREATE KEYSPACE other WITH replication = {'class': 'SimpleStrategy',"
    " 'replication_factor': 1}",
    "custom-property": "ALTER TABLE plain WITH CUSTOM_PROPERTIES = {'a': {'status': 'enabled'}}",
    "custom-property-value": "ALTER TABLE plain WITH CUSTOM_PROPERTIES = {'ttl': {'status': 'a'}}",
    "one-property-per-alter": "ALTER TABLE plain WITH CUSTOM_PROPERTIES = {'ttl': {'status':"
    " 'enabled'}, 'client_side_timestamps': {'status': 'enabled'}}",
    "one-way-property": "ALTER TABLE timed WITH CUSTOM_PROPERTIES = {'client_side_timestamps':"
    " {'status': 'disabled'}}",
    "alter-table-action": "ALTER TABLE plain DROP v",
    "row-size": f"INSERT INTO rich (p, c, t) VALUES (-1, 1, '{'t' * 1_200_000}')",
    "static-size": f"INSERT INTO rich (p, s) VALUES (-1, '{'s' * 1_200_000}')",
    "partition-key-size": f"INSERT INTO texts (k, c) VALUES ('{'k' * 2049}', 'c')",
    "clustering-key-size": f"INSERT INTO texts (k, c) VALUES ('k', '{'c' * 851}')",
    "column-count": f"INSERT INTO wide (k, {', '.join(f'v{n}' for n in range(226))})"
    f" VALUES (1, {', '.join('1' * 226)})",
    "varint-digits": f"INSERT INTO numbers (k, v) VALUES (1, {10**38})",
    "json-value": "INSERT INTO plain JSON '[]'",
    "in-subqueries": f"SELECT v FROM plain WHERE k IN ({', '.join(map(str, range(101)))})",
    "in-with-slice": "SELECT t FROM rich WHERE p IN (1, 2) AND c > 1",
    "frozen-inequality": "SELECT k FROM frozen_keys WHERE k = 1 AND c > [1]",
    "frozen-nesting": f"ALTER TABLE plain ADD v2 {'frozen<list<' * 9}int{'>>' * 9}",
    "column-type": "ALTER TABLE plain ADD v2 vector<float, 3>",
    "syntax": "WIBBLE",
}
"""A statement that breaks the rule, by the names of the rules of which something is assumed."""

NO_STATEMENT = {
    "no-keyspace",
    "prepared-ddl",
    "table-option",
    "table-busy",
    "ddl-limit",
    "password",
}
"""Rules of which something is assumed, and that no single statement breaks."""


def _read_at(level: str) -> Question:
    number = ConsistencyLevel.name_to_value[level]
    statement: Any = SimpleStatement("SELECT v FROM plain WHERE k = 1", consistency_level=number)
    return Question(
        f"read-{level.lower().replace('_', '-')}",
        f"Is a read at {level} taken?",
        f"a read at {level}",
        lambda asked: probes.outcome(asked.session, statement),
    )


def _nested(levels: int) -> Question:
    type_ = "frozen<list<" * levels + "int" + ">>" * levels
    return _statement(
        f"nesting-{levels}",
        f"Are {levels} levels of frozen lists taken?",
        f"CREATE TABLE nested_{levels} (k int PRIMARY KEY, v {type_})",
    )


def _wide_row() -> Question:
    names = [f"v{number}" for number in range(200)] + [f"s{number}" for number in range(30)]
    cql = f"INSERT INTO statics (p, c, {', '.join(names)}) VALUES (1, 1, {', '.join('1' * 230)})"
    return _statement("static-columns", "Do static columns count among the 225?", cql)


def _batch_over_two_tables(asked: Asked) -> str:
    batch: Any = BatchStatement(BatchType.UNLOGGED)
    batch.add("INSERT INTO plain (k, v) VALUES (1, 'a')")
    batch.add("INSERT INTO timed (k, v) VALUES (1, 'a')")
    return probes.outcome(asked.session, batch)


def _half_millisecond(asked: Asked) -> str:
    """Return the answer to the date that AWS's plug-in makes of the last half of a millisecond."""
    return probes.login_outcome(asked.target, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.1000Z")


QUESTIONS = (
    *VALUES,
    *STATEMENTS,
    *map(_read_at, ("SERIAL", "LOCAL_SERIAL")),
    *(
        _statement(f"rule-{rule}", f"How is the rule {rule} told?", cql)
        for rule, cql in REFUSED.items()
    ),
    Question(
        "prepared-ddl",
        "Can a CREATE TABLE be prepared?",
        "a prepared CREATE TABLE",
        lambda asked: probes.preparation(
            asked.session, "CREATE TABLE prepared (k int PRIMARY KEY)"
        ),
    ),
    _wide_row(),
    *map(_nested, (5, 6, 8, 9)),
    _value(
        "number-bytes",
        "Are the bytes of a varint and of a decimal kept?",
        "a varint with a needless byte and the decimal 3.000, written and read as blobs",
        probes.bytes_of_numbers,
    ),
    Question("login-date", "Is a login with the date ….1000Z taken?", "a login", _half_millisecond),
    Question(
        "batch-of-tables",
        "Is an unlogged batch over two tables taken?",
        "an unlogged batch of two INSERTs",
        _batch_over_two_tables,
    ),
)


def answers(asked: Asked) -> Iterator[tuple[Question, object]]:
    """Yield each question with the answer of the service; a probe that fails answers so."""
    for question in QUESTIONS:
        try:
            answer = question.ask(asked)
        except Exception as error:  # noqa: BLE001 - whatever the service answers is the finding
            answer = f"{type(error).__name__}: {error}"
        yield question, answer
