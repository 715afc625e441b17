"""A cutover taken back: what the application wrote is looked for, and a person is asked."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

import pytest
import typer
from rich.console import Console

from hintferry.core.errors import ConfigurationError
from hintferry.core.limits import CLOCK_MARGIN_S, FENCE_HOLDS_S, UNDO_WAIT_S
from hintferry.core.passes import unfenced
from hintferry.core.schema import TableId
from hintferry_cli.cutover.undo import undone
from tests.model.tables import PLAIN
from tests.unit.ops.test_gatekeeper import Scene


class Writes:
    """So many rows were written to the target since `after`."""

    def __init__(self, rows: int) -> None:
        self.count, self.after = rows, 0.0

    def unseen(self, table: TableId) -> list[str]:
        return ["tags"]

    def rows(self, table: TableId, after: float) -> Iterator[tuple[float, int]]:
        self.after = after
        yield 0.5, 0
        yield 1.0, self.count


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    list(scene.cutover().hand_over())
    return scene


def terminal(is_one: bool = True) -> Console:
    return Console(file=StringIO(), force_terminal=is_one, width=200)


def said(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_what_the_application_wrote_is_said_before_anybody_answers(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors, writes = terminal(), Writes(2)

    def asked(text: str, err: bool) -> str:
        assert f"2 rows of {PLAIN.id} were written on the target since" in said(errors)
        assert "Deletes cannot be seen this way, nor can writes of tags." in said(errors)
        return "no"

    monkeypatch.setattr(typer, "prompt", asked)
    with pytest.raises(ConfigurationError, match="nothing was changed"):
        undone(scene.cutover(), writes, scene.journal, errors, str(PLAIN.id), yes=False)
    assert scene.fences.is_fenced(PLAIN.id)
    newest_at = scene.began + FENCE_HOLDS_S + CLOCK_MARGIN_S
    assert writes.after == pytest.approx(newest_at), "until then a write may be ours"


def test_the_tables_name_takes_the_fence_away(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typer, "prompt", lambda text, err: f"{PLAIN.id} ")
    errors, began = terminal(), scene.clock.now()
    undone(scene.cutover(), Writes(0), scene.journal, errors, str(PLAIN.id), yes=False)
    assert f"No row of {PLAIN.id} was written on the target" in said(errors)
    assert not scene.fences.is_fenced(PLAIN.id)
    assert scene.clock.now() - began > UNDO_WAIT_S
    assert unfenced(scene.passes.of(PLAIN.id, 0.0)) is not None


def test_without_a_terminal_nobody_can_answer(scene: Scene) -> None:
    with pytest.raises(ConfigurationError, match="add --yes"):
        undone(scene.cutover(), Writes(0), scene.journal, terminal(False), str(PLAIN.id), yes=False)
    assert scene.fences.is_fenced(PLAIN.id)
    errors = terminal(False)
    undone(scene.cutover(), Writes(7), scene.journal, errors, str(PLAIN.id), yes=True)
    assert "7 rows" in said(errors)
    assert not scene.fences.is_fenced(PLAIN.id)
