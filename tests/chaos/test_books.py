"""The books are read from what functions really print, broken lines included."""

from __future__ import annotations

import json
from pathlib import Path

from tests.chaos.books import read


def batch(received: int, applied: int, parked: int = 0) -> str:
    counts = {"HintsReceived": [received], "HintsApplied": [applied], "HintsParked": [parked]}
    return json.dumps({"_aws": {}, **counts, "HintsSkipped": [0.0], "HintsReturned": [0.0]})


def test_a_batch_that_does_not_add_up_is_named(tmp_path: Path) -> None:
    (tmp_path / "processor-1.log").write_text(f"{batch(3, 3)}\n{batch(5, 4)}\nplain\n")
    (tmp_path / "processor-2.log").write_text(f'{batch(2, 1, 1)}\n{{"HintsReceived": [7')
    (tmp_path / "replay-1.log").write_text("")
    processor, replay = read(tmp_path)
    assert (processor.function, processor.batches, processor.received) == ("processor", 3, 10)
    assert processor.ends == {"applied": 8, "skipped": 0, "parked": 1, "returned": 0}
    assert len(processor.unbalanced) == 1
    assert "received 5" in processor.unbalanced[0]
    assert replay.received == 0


def test_reasons_that_differ_in_numbers_are_counted_together(tmp_path: Path) -> None:
    lines = [{"returned_because": {f"0.{n} s behind 127.0.0.1:9142": n}} for n in (2, 3)]
    (tmp_path / "processor-1.log").write_text("\n".join(map(json.dumps, lines)))
    (books,) = read(tmp_path)
    assert books.returned_because == {"N s behind N:N": 5}
