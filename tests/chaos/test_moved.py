"""Only what a column's return explains is no fault."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sandbox.compare import Difference
from tests.chaos.moved import left_behind

BACK_AT = {"c0": 1000.0, "c1": 1010.0}


class Source:
    """Every row was last written at this time."""

    def __init__(self, seconds: float) -> None:
        self.micros = round(seconds * 1e6)

    def execute(self, _: object, __: object) -> SimpleNamespace:
        return SimpleNamespace(one=lambda: (self.micros,))


def row(*columns: str, source: str | None = "c0=None", target: str | None = "c0='a'") -> Difference:
    return Difference("1, 2", source, target, columns)


@pytest.mark.parametrize(
    ("difference", "written_at", "is_explained"),
    [
        (row("c0"), 999.0, True),
        (row("c0"), 1001.0, False),
        (row("c0", "c1"), 999.0, True),
        (row("c0", "c1"), 1005.0, False),
        (row("c0", "base"), 999.0, False),
        (row("c2"), 999.0, False),
        (row("c0", source=None), 999.0, False),
        (row("c0", target=None), 999.0, False),
    ],
)
def test_a_row_is_explained_by_columns_that_came_back_behind_its_last_write(
    difference: Difference, written_at: float, is_explained: bool
) -> None:
    explained = left_behind(Source(written_at), "k", [difference], BACK_AT)
    assert bool(explained) is is_explained
