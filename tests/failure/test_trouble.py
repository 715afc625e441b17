"""A side that fails at requests and does not say why: what passes parks nothing, on the real chain;
and rows beside a key are found on a real Cassandra."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from hintferry.adapters.clocks.wall import WallClock
from hintferry.adapters.config.source_settings import SourceSettings
from hintferry.adapters.source.cassandra import NEIGHBOURS, CassandraSource
from hintferry.core.schema import TableId
from hintferry.core.work import RowWork, StaticWork
from hintferry.wiring import sessions
from keyspaces_local.faults import ErrorAnswer
from sandbox.sessions import cassandra_session
from sandbox.stack import Stack
from tests.failure.bench import Bench, bench, keep

pytestmark = pytest.mark.stack

BESIDE = "beside"
DDL = (
    f"CREATE KEYSPACE {BESIDE} WITH replication = {{replication}}",
    f"CREATE TABLE {BESIDE}.two (a int, b text, c int, s text STATIC, v text,"
    " PRIMARY KEY ((a, b), c))",
    f"CREATE TABLE {BESIDE}.one (a int PRIMARY KEY, v text)",
)


@pytest.fixture(scope="module")
def source(stack: Stack) -> Iterator[CassandraSource]:
    with cassandra_session(stack.source) as cql:
        for statement in DDL:
            cql.execute(statement.replace("{replication}", stack.replication))
        for a in range(5):
            for c in range(2):
                cql.execute(f"INSERT INTO {BESIDE}.two (a, b, c, v) VALUES ({a}, 'b', {c}, 'v')")
        cql.execute(f"INSERT INTO {BESIDE}.two (a, b, s) VALUES (9, 'only statics', 's')")
        cql.execute(f"INSERT INTO {BESIDE}.one (a, v) VALUES (1, 'v')")
    where = stack.source
    settings = SourceSettings(tuple(where.hosts), where.port, where.datacenter)
    session = sessions.source_session(settings)
    yield CassandraSource(session, WallClock())
    session.close()


def key(a: int) -> tuple[bytes, bytes]:
    return a.to_bytes(4), b"b"


def test_neighbours_are_rows_of_the_partitions_that_follow(source: CassandraSource) -> None:
    """From each partition on the ring, its end included; they can be read as any row."""
    table = TableId(BESIDE, "two")
    for a in range(5):
        work = RowWork(table, key(a), {((0).to_bytes(4),): (0,)})
        beside = source.neighbours(work)
        assert 1 <= len(beside) <= NEIGHBOURS
        assert all((row.partition, list(row.rows)) != (key(a), list(work.rows)) for row in beside)
        for row, seen in source.read(beside):
            assert isinstance(row, RowWork)
            assert list(seen.rows) == list(row.rows)  # type: ignore[union-attr]
    assert source.neighbours(StaticWork(table, key(1), (0,)))


def test_the_only_row_of_a_table_has_none(source: CassandraSource) -> None:
    work = RowWork(TableId(BESIDE, "one"), ((1).to_bytes(4),), {(): (0,)})
    assert source.neighbours(work) == []


@pytest.fixture(scope="module")
def sides(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench("trouble", stack, tmp_path_factory.mktemp("trouble")) as made:
        yield made


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_a_target_that_fails_for_a_while_parks_nothing(share: float, sides: Bench) -> None:
    control = sides.stack.keyspaces.control
    sides.insert(range(20))
    sides.wait_until_equal()
    before = sides.figures()
    sides.refuse(share, ErrorAnswer.SERVER_ERROR, seed=3)
    sides.insert(range(100), f"failed {share}")
    time.sleep(10)
    (count,) = control.faults()
    control.reset()
    sides.wait_until_equal()
    postponed = sides.figures()["HintsSkippedPostponed"] - before["HintsSkippedPostponed"]
    keep(f"server errors at {share:.0%}: {count.fired} refusals, {postponed} postponed")
    assert count.fired > 0
    assert sides.parked() == []
    if share == 1.0:
        assert postponed == 0, "no neighbour was served: it is the side's own fault"
