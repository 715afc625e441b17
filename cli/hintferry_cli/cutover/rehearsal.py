"""Rehearse a cutover: really fence tables that nobody writes, wait, and take the fences back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console

from hintferry.core.errors import ConfigurationError
from hintferry.ports import Journal
from hintferry_cli.console import say
from hintferry_cli.cutover.undo import removed
from hintferry_cli.gate import view
from hintferry_cli.gate.view import Standing, TableStatus
from hintferry_cli.spans import span
from hintferry_ops.cutover.cutover import Cutover, Parts
from hintferry_ops.cutover.gate import writers
from hintferry_ops.cutover.gate.condition import ConditionState
from hintferry_ops.cutover.gate.fence import rehearsal_stands

VERB = "cutover --rehearse"
"""What the journal says of it."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Hold how a rehearsal went: `parts` of the cutover, then the seconds until it was taken back.

    `seen`: each table afterwards. Without a fence that was set, `parts` is None.
    """

    seen: Sequence[TableStatus]
    parts: Parts | None
    take_back_s: float = 0.0

    @property
    def written(self) -> list[TableStatus]:
        """Return the tables that somebody wrote meanwhile: hints of them were skipped."""
        return [
            one
            for one in self.seen
            if any(
                condition.name == writers.NAME and condition.state is ConditionState.FAILS
                for condition in one.conditions
            )
        ]


def rehearsed(
    joint: Cutover,
    cut: Callable[[], list[TableStatus]],
    journal: Journal,
    errors: Console,
) -> Rehearsal:
    """Cut the tables over by `cut`, as it is done in earnest, and take every fence back.

    Raises ConfigurationError where a table has a fence already; Unfinished where a fence may stay.
    """
    joint.check_kinds()
    for keeper in joint.keepers:
        if keeper.table in joint.fences:
            told = rehearsal_stands([keeper.table, *keeper.fellows])
            raise ConfigurationError(f"{keeper.table}: {told}, and verify it")
    try:
        seen = cut()
    finally:
        # Also after Ctrl-C: nobody must take a rehearsal for a cutover.
        set_now = Cutover.of(joint.keepers)
        # Nor must it remove the fence of a cutover that was faster.
        set_now.fences = {
            table: fence for table, fence in set_now.fences.items() if fence.is_rehearsal
        }
        began = time.monotonic()
        if set_now.fences:
            say(errors, "the fences of the rehearsal are removed again")
            removed(set_now, journal, errors)
    if any(one.standing is not Standing.REHEARSED for one in seen):
        return Rehearsal(seen, None)
    took_s = time.monotonic() - began
    return Rehearsal(view.read_statuses(joint.keepers), joint.parts, took_s)


def as_tree(found: Rehearsal) -> dict[str, Any]:
    """Return the seconds by part."""
    parts: dict[str, float] | None = None
    if found.parts is not None:
        parts = asdict(found.parts) | {"take_back_s": found.take_back_s}
        parts = {name: round(seconds, 3) for name, seconds in parts.items()}
    return {
        "tables": [view.as_tree(one) for one in view.worst_first(found.seen)],
        "cut_over": False,
        "rehearsal": parts,
        "written_meanwhile": [str(one.table) for one in found.written],
    }


def show(found: Rehearsal, out: Console) -> None:
    """Print the seconds by part, and what has to follow."""
    if found.parts is None:
        for one in view.worst_first(found.seen):
            view.show(view.as_tree(one), out)
        say(out, "No fence was set: a rehearsal needs every condition of a cutover.")
        return
    parts = found.parts
    held = span(parts.gate_s + parts.fence_s + parts.wait_s)
    say(
        out,
        f"The rehearsal held the writers for {held}: {span(parts.gate_s)} until every gate was"
        f" open, {span(parts.fence_s)} to set the fences, {span(parts.wait_s)} behind them.",
    )
    say(out, f"The fences are removed again, which took {span(found.take_back_s)} more.")
    for one in found.written:
        reason = next(c.reason for c in one.conditions if c.name == writers.NAME)
        say(
            out,
            f"{one.table} was written meanwhile ({reason}), and its change hints were skipped: run"
            f" `hintferry verify {one.table}`, then with --repair",
        )
    say(out, "No table is cut over: the application goes on with Cassandra.")
