"""The workload is the same for the same seed, and holds every kind of statement."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from cassandra.query import BatchType

from sandbox.workload import TABLES, Kind, source_ddl, target_ddl
from sandbox.workload.shop import mutations, statements


def test_the_same_seed_makes_the_same_mutations() -> None:
    first, again, other = (list(islice(mutations(seed), 500)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_each_kind_comes_once_before_any_comes_again() -> None:
    assert [mutation.kind for mutation in islice(mutations(3), len(Kind))] == list(Kind)


def test_every_kind_keeps_coming() -> None:
    counts = Counter(mutation.kind for mutation in islice(mutations(4), 1013))
    assert set(counts) == set(Kind)
    assert counts[Kind.INSERT] == 10 * 26 + 1
    assert min(counts.values()) >= 21


def test_batches_hold_several_statements_and_the_unlogged_ones_one_partition() -> None:
    for mutation in islice(mutations(5), 1000):
        assert (mutation.batch is not None) == (len(mutation.statements) > 1)
        if mutation.batch is BatchType.UNLOGGED:
            assert len({statement.values[:2] for statement in mutation.statements}) == 1


def test_the_targets_tables_take_timestamps_and_are_not_captured() -> None:
    source, target = source_ddl("{}"), target_ddl()
    assert sum("cdc = true" in ddl for ddl in source) == len(TABLES)
    assert sum("client_side_timestamps" in ddl for ddl in target) == len(TABLES)
    assert not any("cdc" in ddl for ddl in target)


def test_every_statement_is_known_beforehand() -> None:
    given = {s.cql for mutation in islice(mutations(6), 3000) for s in mutation.statements}
    assert given == statements()
