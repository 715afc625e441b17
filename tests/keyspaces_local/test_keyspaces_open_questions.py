"""What is not known of the service: each test finds an answer and reports it.

They pass with either answer; what they found is printed and kept in
`build/keyspaces_local/open_questions.json`. The answers of keyspaces-local are Apache Cassandra's
or our assumptions: point the suite at the service (KEYSPACES_ENDPOINT) for its own.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import Session
from cassandra.query import BatchStatement, BatchType, SimpleStatement

from keyspaces_local.rules import RULES
from tests.keyspaces_local import probes
from tests.keyspaces_local.keyspaces_client import UTCNOW, Target, wait_active

pytestmark = [pytest.mark.stack, pytest.mark.filterwarnings(UTCNOW)]

REPORT = Path(__file__).parents[2] / "build" / "keyspaces_local" / "open_questions.json"
Report = Callable[[str, object], None]


@pytest.fixture(scope="module")
def report(target: Target) -> Iterator[Report]:
    found: dict[str, object] = {"endpoint": f"{target.host}:{target.port}"}

    def add(question: str, answer: object) -> None:
        print(f"{question} {answer}")
        found[question] = answer

    yield add
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(found, indent=2) + "\n")


QUESTIONS: dict[str, Callable[[Session], object]] = {
    "Does the DELETE of an absent row leave a tombstone?": (
        probes.absent_row_delete_leaves_a_tombstone
    ),
    "Does a partition's DELETE cover rows that were absent?": (
        probes.range_delete_covers_absent_rows
    ),
    "Does an overwritten map shadow older elements?": (
        lambda session: probes.overwritten_collection_shadows(session, "m")
    ),
    "Does an overwritten list shadow older elements?": (
        lambda session: probes.overwritten_collection_shadows(session, "l")
    ),
    "What do two INSERTs of a list at one write time give?": probes.same_list_twice_at_one_time,
    "Does a null beat a value of the same write time?": probes.null_beats_a_value_at_one_time,
    "How many rows do the pages of a filter have?": probes.filtered_page_lengths,
    "How many rows of 100 KB does a page have?": probes.large_page_lengths,
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_about_values(
    session: Session, keyspace: str, report: Report, question: str
) -> None:
    answer = QUESTIONS[question](session)
    assert isinstance(answer, bool | list)
    report(question, answer)


BIG = 10**40
STATEMENTS: dict[str, tuple[str, tuple[object, ...]]] = {
    "A varint of 41 digits with one significant one": (
        "INSERT INTO numbers (k, v) VALUES (1, ?)", (BIG,),
    ),
    "A varint of 41 significant digits": (
        "INSERT INTO numbers (k, v) VALUES (1, ?)", (BIG + 1,),
    ),
    "An empty partition key": ("INSERT INTO texts (k, c) VALUES (?, 'c')", ("",)),
    "An empty clustering column": ("INSERT INTO texts (k, c) VALUES ('k', ?)", ("",)),
    "An empty text": ("INSERT INTO plain (k, v) VALUES (1, ?)", ("",)),
    "A condition with a write time": (
        f"INSERT INTO timed (k, v) VALUES (9, 'a') IF NOT EXISTS USING TIMESTAMP {probes.now_us()}",
        (),
    ),
    "A condition on a counter": ("UPDATE counts SET n = n + 1 WHERE k = 1 IF n = 0", ()),
    "TRUNCATE": ("TRUNCATE plain", ()),
    "A column of type duration": ("CREATE TABLE durations (k int PRIMARY KEY, d duration)", ()),
}  # fmt: skip


@pytest.mark.parametrize("what", STATEMENTS)
def test_a_question_about_statements(
    session: Session, keyspace: str, more_tables: None, report: Report, what: str
) -> None:
    text, values = STATEMENTS[what]
    answer = probes.outcome(session, text, *values)
    assert "Timeout" not in answer
    report(what, answer)


@pytest.mark.parametrize("level", ["SERIAL", "LOCAL_SERIAL"])
def test_a_question_about_reads(
    session: Session, keyspace: str, report: Report, level: str
) -> None:
    number = ConsistencyLevel.name_to_value[level]
    statement: Any = SimpleStatement("SELECT v FROM plain WHERE k = 1", consistency_level=number)
    report(f"A read at {level}", probes.outcome(session, statement))


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


@pytest.fixture(scope="module")
def more_tables(session: Session, keyspace: str) -> None:
    wide = ", ".join(f"v{number} int" for number in range(226))
    statics = ", ".join(f"s{number} int STATIC" for number in range(30))
    regulars = ", ".join(f"v{number} int" for number in range(200))
    for table, columns in {
        "numbers": "k int PRIMARY KEY, v varint, d decimal",
        "texts": "k text, c text, PRIMARY KEY (k, c)",
        "frozen_keys": "k int, c frozen<list<int>>, PRIMARY KEY (k, c)",
        "wide": f"k int PRIMARY KEY, {wide}",
        "statics": f"p int, c int, {regulars}, {statics}, PRIMARY KEY (p, c)",
    }.items():
        session.execute(f"CREATE TABLE {table} ({columns})")
        wait_active(session, keyspace, table)


def test_every_rule_of_which_something_is_assumed_is_asked_about() -> None:
    assumed = {rule.name for rule in RULES if rule.assumed and not rule.name.startswith("sigv4-")}
    assert set(REFUSED) | NO_STATEMENT == assumed


@pytest.mark.parametrize("rule", REFUSED)
def test_a_question_about_a_refusal(
    session: Session, keyspace: str, more_tables: None, report: Report, rule: str
) -> None:
    answer = probes.outcome(session, REFUSED[rule])
    assert "Timeout" not in answer
    report(f"What breaks the rule {rule}", answer)


def test_a_question_about_prepared_ddl(session: Session, keyspace: str, report: Report) -> None:
    text = "CREATE TABLE prepared (k int PRIMARY KEY)"
    report("A prepared CREATE TABLE", probes.preparation(session, text))


def test_a_question_about_static_columns(
    session: Session, keyspace: str, more_tables: None, report: Report
) -> None:
    names = [f"v{number}" for number in range(200)] + [f"s{number}" for number in range(30)]
    text = f"INSERT INTO statics (p, c, {', '.join(names)}) VALUES (1, 1, {', '.join('1' * 230)})"
    report("A write of 200 regular and 30 static columns", probes.outcome(session, text))


@pytest.mark.parametrize("levels", [5, 6, 8, 9])
def test_a_question_about_nesting(
    session: Session, keyspace: str, report: Report, levels: int
) -> None:
    type_ = "frozen<list<" * levels + "int" + ">>" * levels
    text = f"CREATE TABLE nested_{levels} (k int PRIMARY KEY, v {type_})"
    report(f"{levels} levels of frozen lists", probes.outcome(session, text))


def test_a_question_about_the_bytes_of_numbers(
    session: Session, keyspace: str, more_tables: None, report: Report
) -> None:
    """A varint with a needless byte; the decimal 3.000."""
    written = {"v": "0x000001", "d": "0x0000000300000bb8"}
    write = f"blobAsVarint({written['v']}), blobAsDecimal({written['d']})"
    answer = probes.outcome(session, f"INSERT INTO numbers (k, v, d) VALUES (9, {write})")
    if answer == "accepted":
        read = "SELECT varintAsBlob(v) AS v, decimalAsBlob(d) AS d FROM numbers WHERE k = 9"
        row = session.execute(read).one()
        found = {"v": "0x" + row.v.hex(), "d": "0x" + row.d.hex()}
        answer = "unchanged" if found == written else f"{written} came back as {found}"
    report("The bytes of a varint and of a decimal", answer)


def test_a_question_about_dates(target: Target, report: Report) -> None:
    """The date that AWS's plug-in makes of a moment's last half millisecond."""
    answer = probes.login_outcome(target, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.1000Z")
    report("A login with the date ….1000Z", answer)
    assert "accepted" in probes.login_outcome(target, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.100Z")


def test_a_question_about_batches(session: Session, keyspace: str, report: Report) -> None:
    batch: Any = BatchStatement(BatchType.UNLOGGED)
    batch.add("INSERT INTO plain (k, v) VALUES (1, 'a')")
    batch.add("INSERT INTO timed (k, v) VALUES (1, 'a')")
    report("An unlogged batch over two tables", probes.outcome(session, batch))
