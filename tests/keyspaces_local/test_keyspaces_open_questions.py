"""What is not known of the service: each test finds an answer and reports it.

They pass with either answer; what they found is printed and kept in
`build/keyspaces_local/open_questions.json`. The answers of keyspaces-local are Apache Cassandra's
or our assumptions: point the suite at the service (KEYSPACES_ENDPOINT) for its own.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import Session
from cassandra.query import BatchStatement, BatchType, SimpleStatement

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
    "A row over 1 MB": ("INSERT INTO rich (p, c, t) VALUES (-1, 1, ?)", ("t" * 1_200_000,)),
    "Static data over 1 MB": ("INSERT INTO rich (p, s) VALUES (-1, ?)", ("s" * 1_200_000,)),
    "A varint of 41 digits with one significant one": (
        "INSERT INTO numbers (k, v) VALUES (1, ?)", (BIG,),
    ),
    "A varint of 41 significant digits": (
        "INSERT INTO numbers (k, v) VALUES (1, ?)", (BIG + 1,),
    ),
    "A partition key over 2,048 bytes": ("INSERT INTO texts (k) VALUES (?)", ("k" * 2049,)),
    "An empty partition key": ("INSERT INTO texts (k) VALUES (?)", ("",)),
    "An empty text": ("INSERT INTO plain (k, v) VALUES (1, ?)", ("",)),
    "A write time of 3 days ago": (
        f"UPDATE timed USING TIMESTAMP {probes.now_us() - 259_200_000_000} SET v = 'a'"
        " WHERE k = 1", (),
    ),
    "A write time without the switch": (
        f"UPDATE plain USING TIMESTAMP {probes.now_us()} SET v = 'a' WHERE k = 1", (),
    ),
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
    session: Session, keyspace: str, report: Report, what: str
) -> None:
    for table, columns in (
        ("numbers", "k int PRIMARY KEY, v varint"),
        ("texts", "k text PRIMARY KEY"),
    ):
        session.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
        wait_active(session, keyspace, table)
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


def test_a_question_about_batches(session: Session, keyspace: str, report: Report) -> None:
    batch: Any = BatchStatement(BatchType.UNLOGGED)
    batch.add("INSERT INTO plain (k, v) VALUES (1, 'a')")
    batch.add("INSERT INTO timed (k, v) VALUES (1, 'a')")
    report("An unlogged batch over two tables", probes.outcome(session, batch))
