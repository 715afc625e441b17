"""Drawn schemas on the way to Keyspaces without a server; the same each time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from hintferry.core.cql_text import TokenReader
from hintferry.core.cql_type import TypeKind
from hintferry.core.schema import ColumnKind
from tests.fuzz.__main__ import cut_down
from tests.fuzz.case import Case, WriteKind
from tests.fuzz.faults import Fault, FaultKind, unfit
from tests.fuzz.handwritten import script
from tests.fuzz.limits import Limit
from tests.fuzz.live import Bench, Round, live_case
from tests.fuzz.offline import offline_case, offline_faults
from tests.fuzz.report import as_text, keep
from tests.fuzz.shrink import shrunk
from tests.fuzz.statements import statements
from tests.scenarios.script import load
from tools.places import ROOT

SEED, RUNS = 20261201, 120


def cases(count: int) -> Iterator[Case]:
    return (offline_case(SEED, number) for number in range(count))


@pytest.mark.slow
def test_every_schema_is_read_and_made_or_refused_in_words(tmp_path: Path) -> None:
    found = [
        (number, str(fault))
        for number, case in enumerate(cases(RUNS))
        for fault in offline_faults(case, tmp_path, str(number))
    ]
    assert found == []


@pytest.mark.slow
def test_what_is_drawn_is_all_that_there_is() -> None:
    """A fuzzer that never draws a thing says nothing of it."""
    drawn = list(cases(RUNS))
    columns = [column for case in drawn for table in case.tables for column in table.columns]
    parts = [part for column in columns for part in column.type.parts()]
    assert {part.kind for part in parts} == set(TypeKind)
    assert {column.kind for column in columns} == set(ColumnKind)
    tables = [table for case in drawn for table in case.tables]
    writes = {write.kind for table in tables for write in table.writes}
    assert writes == set(WriteKind)
    assert any(unfit(case) for case in drawn)
    assert any(one.beside for one in tables)
    assert any(one.default_ttl for one in tables)
    assert {one.is_captured for one in tables} == {True, False}


def test_a_seed_draws_the_same_again() -> None:
    first, again = (as_text(live_case(7, 3, tables=3, writes=20, vectors=True)) for _ in range(2))
    assert first == again
    assert first != as_text(live_case(8, 3, tables=3, writes=20, vectors=True))


def test_a_defect_is_found_and_cut_down_to_what_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a reader that takes `STATIC` for nothing: one table with a static column is left."""
    read = TokenReader.skip

    def blind(reader: TokenReader, *words: str) -> bool:
        return read(reader, *words) and words != ("static",)

    monkeypatch.setattr(TokenReader, "skip", blind)

    def shows(some: Sequence[Case]) -> list[bool]:
        found = [offline_faults(one, tmp_path, "") for one in some]
        return [any(fault.kind is FaultKind.MISREAD for fault in one) for one in found]

    case = next(one for one in cases(200) if shows([one])[0])
    (table,) = shrunk(case, shows, 500).tables
    kinds = sorted(column.kind.value for column in table.columns)
    assert kinds == ["clustering", "partition_key", "static"]
    assert {str(column.type) for column in table.columns} == {"int"}
    assert (table.options, table.beside, table.writes) == ((), (), ())


class SetsDiffer(Bench):
    """A chain on which every table with a set differs."""

    def __init__(self) -> None:
        self.rounds: list[int] = []

    def run(self, case: Case, name: str, *, verified: int) -> Round:
        self.rounds.append(len(case.tables))
        wrong = [one for one in case.tables if any("set<" in str(c.type) for c in one.columns)]
        return Round([Fault(FaultKind.DIFFERS, one.id, "a row") for one in wrong])


def test_what_differs_on_the_chain_is_cut_down_many_cases_a_round() -> None:
    bench = SetsDiffer()
    drawn = (live_case(27, number, tables=6, writes=40, vectors=True) for number in range(9))
    case = next(one for one in drawn if bench.run(one, "", verified=0).faults)
    first = bench.run(case, "", verified=0)
    small, faults = cut_down(bench, case, first, "27", float("inf"))
    (table,) = small.tables
    assert len(table.writes) < 40
    assert any("set<" in str(column.type) for column in table.columns)
    assert [fault.kind for fault in faults] == [FaultKind.DIFFERS]
    assert len(bench.rounds) < 30
    assert max(bench.rounds) > len(case.tables)


def test_each_limit_is_one_that_is_told() -> None:
    told = (ROOT / "docs" / "reference" / "limits.md").read_text()
    assert all(f"| {limit.value}" in told for limit in Limit)


def test_a_kept_case_is_a_scenario(tmp_path: Path) -> None:
    case = next(one for one in cases(50) if len(one.keyspaces) == 1 and not unfit(one))
    keep(case, [], "make fuzz", tmp_path / "a-kept-one")
    scenario = load(tmp_path / "a-kept-one")
    assert len(scenario.ddl) >= len(case.tables)
    written = [text for table in case.tables for text in statements(case, table)]
    assert len(scenario.steps) == len(written)
    assert script(case, Random(0))
