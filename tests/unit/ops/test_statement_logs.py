"""Full-query logs as `fqltool dump` prints them: streamed, counted, and cut off."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from hintferry.core.errors import ConfigurationError
from hintferry_ops.statements import collection, hot
from hintferry_ops.statements.collection import MOST_STATEMENTS, Collection
from hintferry_ops.statements.query_log import read_log
from tests.unit.ops.test_statement_rules import SCHEMA


def dumped(value: bytes) -> str:
    """A value as fqltool prints it: 16 bytes a line, the same lines left out, 1,024 at most."""
    lines = []
    for at in range(0, min(len(value), 1024), 16):
        part = value[at : at + 16]
        cells = [f" {byte:02X}" for byte in part] + ["   "] * (16 - len(part))
        text = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in part)
        lines.append(f"{at:08x}{''.join(cells[:8])} {''.join(cells[8:])} {text}\n")
    return "".join(lines) + ("... truncated\n" if len(value) > 1024 else "")


def values_of(values: tuple[bytes, ...]) -> str:
    ends = ["", *["-----\n"] * len(values)]
    return "".join(dumped(value) + end for value, end in zip(values, ends, strict=False))


def single(query: str, *values: bytes, at_ms: int = 1_700_000_000_000) -> str:
    """One call as fqltool prints it."""
    return (
        f"Type: single-query\nQuery start time: {at_ms}\nProtocol version: 5\n"
        f"Generated timestamp:-9223372036854775808\nGenerated nowInSeconds:1700000000\n"
        f"Query: {query}\nValues: \n{values_of(values)}\n"
    )


def batch(kind: str, *calls: tuple[str, tuple[bytes, ...]], at_ms: int = 1_700_000_000_000) -> str:
    queries = "".join(f"Query: {query}\nValues: \n{values_of(values)}" for query, values in calls)
    return (
        f"Type: batch\nQuery start time: {at_ms}\nProtocol version: 5\n"
        f"Generated timestamp:1\nGenerated nowInSeconds:1\nBatch type: {kind}\n{queries}\n"
    )


def read(tmp_path: Path, text: str) -> Collection:
    log = tmp_path / "fql.txt"
    log.write_text(text)
    found = Collection(SCHEMA.tables)
    read_log(log, found, lambda done: None)
    return found


READ = "SELECT * FROM shop.orders WHERE id = ?"
WRITE = "INSERT INTO shop.plain (k, v) VALUES (?, ?)"


def test_calls_are_counted_with_their_time(tmp_path: Path) -> None:
    text = single(READ, b"i" * 16) * 3 + single(
        "SELECT *\nFROM shop.lines\nWHERE id = ?", b"i" * 16, at_ms=1_700_000_010_000
    )
    found = read(tmp_path, text)
    assert {one.text: one.count for one in found.statements} == {
        READ: 3,
        "SELECT * FROM shop.lines WHERE id = ?": 1,
    }
    assert found.seconds == 10.0
    assert found.statements[0].origins == [f"fql.txt:{1 + 9 * at}" for at in range(3)]


def test_a_batch_of_the_protocol_is_one_statement(tmp_path: Path) -> None:
    calls = [(WRITE, (b"k", b"v"))] * 31
    found = read(tmp_path, batch("UNLOGGED", *calls) + batch("LOGGED", *calls[:2]))
    unlogged, logged = sorted(found.statements, key=lambda one: -len(one.shape.parts))
    assert unlogged.shape.words == "UNLOGGED BATCH"
    assert len(unlogged.shape.parts) == 31
    assert logged.shape.words == "LOGGED BATCH"


@pytest.mark.parametrize("cut_at", [30, 120, 190, 235, 262])
def test_a_log_that_is_cut_off_says_so_and_the_rest_counts(tmp_path: Path, cut_at: int) -> None:
    whole = single(READ, b"i" * 40)
    found = read(tmp_path, whole * 2 + whole[:cut_at])
    assert found.statements[0].count == 2
    assert len(found.remarks) == 1
    assert "line 23, so that call is not counted" in found.remarks[0]


def test_a_record_without_its_end_in_the_middle_is_told_too(tmp_path: Path) -> None:
    whole = single(READ, b"i" * 16)
    found = read(tmp_path, f"{whole}{whole[:100]}\n{whole}")
    assert found.statements[0].count == 2
    assert "the record at line 10 has no end" in found.remarks[0]


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no record of a full-query log; print one"):
        read(tmp_path, "Type: something\n")
    with pytest.raises(ConfigurationError, match=r"gone\.txt cannot be read"):
        read_log(tmp_path / "gone.txt", Collection(), lambda done: None)


def test_a_query_that_does_not_parse_is_told_and_the_rest_counts(tmp_path: Path) -> None:
    found = read(tmp_path, single("SELEC nothing") + single(READ, b"i" * 16))
    assert found.statements[0].count == 1
    assert [one.why for one in found.unread] == ["1:1: no statement begins with selec"]


def test_a_partition_that_gets_most_calls_is_found(tmp_path: Path) -> None:
    calls = [single(WRITE, b"hot" if at % 2 else b"k%d" % at, b"v" * 20) for at in range(2_000)]
    (one,) = read(tmp_path, "".join(calls)).hot.hottest(0.2)
    assert (str(one.table), one.key) == ("shop.plain", b"hot".hex())
    assert one.share == pytest.approx(0.5, abs=0.01)
    assert (one.most_writes, one.most_reads, one.is_over) == (1_000, 0, False)


def test_more_writes_in_a_second_than_a_partition_takes_are_found(tmp_path: Path) -> None:
    calls = [batch("LOGGED", (WRITE, (b"k", b"v")), (WRITE, (b"k", b"w")))] * 501
    (one,) = read(tmp_path, "".join(calls)).hot.hottest()
    assert (one.most_writes, one.is_over) == (1_002, True)


@pytest.mark.parametrize("values", [(), (b"", b"v"), (b"x" * 2_000, b"v")])
def test_values_that_the_log_lacks_name_no_partition(
    tmp_path: Path, values: tuple[bytes, ...]
) -> None:
    """An empty first value has no line in a dump, and of a long one only its beginning is there."""
    found = read(tmp_path, single(WRITE, *values) * 200)
    assert found.statements[0].count == 200
    assert [one.key for one in found.hot.hottest() if len(one.key) % 2] == []
    assert not any(len(key[0]) == 1024 for kept in found.hot.seen.values() for key in kept)


def test_memory_stays_flat_however_long_the_log_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "KNOWN_TEXTS", 100)
    monkeypatch.setattr(hot, "KEPT", 50)

    log = tmp_path / "fql.txt"
    with log.open("w") as file:
        for at in range(2_000):
            file.write(single(f"SELECT * FROM shop.orders WHERE id = {at:032x} AND n = {at}"))
            file.write(single(WRITE, b"key%d" % at, b"v" * 500, at_ms=1_700_000_000_000 + at))
    found = Collection(SCHEMA.tables)
    tracemalloc.start()
    read_log(log, found, lambda done: None)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [one.count for one in found.statements] == [2_000, 2_000]
    assert log.stat().st_size > 5_000_000
    assert most < 1_000_000


def test_statements_beyond_the_bound_are_counted_and_not_kept() -> None:
    found = Collection(SCHEMA.tables)
    for at in range(MOST_STATEMENTS + 3):
        found.add(f"SELECT c{at} FROM shop.orders", "test")
    assert len(found.found) == MOST_STATEMENTS
    assert found.left_out == 3
