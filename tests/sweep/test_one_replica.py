"""Rows that only one of three replicas holds are found by a pass at ALL before a gate opens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cassandra.concurrent import execute_concurrent_with_args

from hintferry.adapters.config.settings import migration_from
from hintferry.adapters.target.passes import KeyspacesPasses
from hintferry.core.schema import TableId
from hintferry.wiring.sessions import target_session
from sandbox.stack import Stack
from sandbox.workbench import workbench

pytestmark = [pytest.mark.stack, pytest.mark.soak, pytest.mark.timeout(900)]

ROWS = 300
ONE, ALL = (
    "ALTER KEYSPACE lonely WITH replication = "
    f"{{'class': 'NetworkTopologyStrategy', 'datacenter1': {copies}}}"
    for copies in (1, 3)
)


@pytest.fixture(scope="module")
def three_nodes() -> Iterator[Stack]:
    with Stack(nodes=3, say=print) as stack:
        yield stack


def test_what_one_replica_alone_holds_is_missed_by_a_quorum_and_found_at_all(
    three_nodes: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a change of the replication without a repair; nobody reads the topic meanwhile."""
    tables = {"t": "(a int PRIMARY KEY, v text)"}
    with workbench(three_nodes, "lonely", tables, tmp_path, unheard=["t"]) as bench:
        bench.source.execute(ONE)
        insert = bench.source.prepare("INSERT INTO lonely.t (a, v) VALUES (?, 'v')")
        execute_concurrent_with_args(bench.source, insert, [(a,) for a in range(ROWS)])
        bench.source.execute(ALL)
        at_quorum = bench.run("verify", "lonely.t")
        assert 0 < at_quorum["missing"] < ROWS
        at_all = bench.run("verify", "lonely.t", "--consistency", "all")
        assert (at_all["missing"], at_all["exit"]) == (ROWS, 1)
        for name, value in bench.environment.items():
            monkeypatch.setenv(name, value)
        session = target_session(migration_from(tmp_path / "command" / "migration.toml").target)
        (found, _) = KeyspacesPasses(session).of(TableId("lonely", "t"), 0.0)
        session.close()
        assert (found.at_all, found.is_clean) == (True, False)
