"""`hintferry status` of many tables: sums, the worst first, and never more than a screen."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from hintferry.ports import Fence
from hintferry_cli.gate.overview import obstacle, way, worst_first
from hintferry_cli.gate.view import as_tree
from hintferry_cli.status import screen
from tests.cli.many_tables import statuses, whole
from tests.unit.ops import test_gate as gates


def shown(count: int, *, width: int = 120, height: int = 50, terminal: bool = True) -> list[str]:
    out = StringIO()
    console = Console(
        file=out, width=width, height=height, force_terminal=terminal, color_system=None
    )
    tree = whole(statuses(count))
    screen.show(tree["tables"], tree["sums"], console)
    return out.getvalue().splitlines()


def test_the_sums_count_each_record_once() -> None:
    told = whole(statuses(200))["sums"]
    assert told["standings"]["not yet"] == 100
    assert told["stages"] == {
        "captured": 200, "backfilled": 180, "verified": 120, "ready": 100, "cut over": 10,
    }  # fmt: skip
    # 20 tables with 3 records each, and the 2 of no known table once.
    assert told["parked"] == {"schema": 60, "undecodable": 2}
    first, second, *_ = shown(200)
    assert first.startswith(
        "200 tables: 100 not yet, 10 fence set, 80 the writers may stop, 10 cut"
    )
    assert second.startswith("parked 62 (schema 60, undecodable 2), on-failure bucket 0, left for ")


@pytest.mark.parametrize("count", [2, 30, 200])
@pytest.mark.parametrize(("width", "height"), [(60, 24), (80, 24), (120, 40), (200, 60)])
def test_a_terminal_gets_one_screen(count: int, width: int, height: int) -> None:
    lines = shown(count, width=width, height=height)
    assert len(lines) <= height - 5, "the next steps have to stand below"
    assert max(map(len, lines)) <= width
    if count > height:
        assert "`hintferry status | less`" in lines[-1]


def test_a_pipe_gets_a_whole_line_for_each_table() -> None:
    lines = shown(200, width=40, height=10, terminal=False)
    body = lines[4:]
    assert len(body) == 200
    assert all(line == line.rstrip() for line in body)
    assert sum(line.split()[1].startswith(("shop.", "back_office.")) for line in body) == 200


def test_the_worst_comes_first_with_its_reason() -> None:
    trees = worst_first(whole(statuses(20))["tables"])
    assert [one["standing"] for one in trees] == sorted(
        (one["standing"] for one in trees),
        key=["not yet", "fence set", "the writers may stop", "cut over"].index,
    )
    (first,) = (one for one in trees if one["table"] == "shop.table_013")
    found = obstacle(first)
    assert found is not None
    assert found["reason"] == "5 records parked: schema 3, undecodable 2"
    assert obstacle(trees[-1]) is None


def test_a_table_has_reached_each_stage_before_its_own() -> None:
    fence = Fence(gates.NOW - 20, None)
    cut = as_tree(statuses(20)[19]) | {"stage": "cut over", "cut_over_at": fence.set_at}
    assert [(one.name, one.is_done) for one in way(cut)] == [
        (name, True) for name in ("captured", "backfilled", "verified", "ready", "cut over")
    ]
    assert way(cut)[1].at == gates.NOW - 8e4
    first = way(as_tree(statuses(1)[0]))
    assert [one.is_done for one in first] == [True, False, False, False, False]
