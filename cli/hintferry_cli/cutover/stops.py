"""Keep since when the writers were said to be stopped, for runs that end before a fence is set."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console

from hintferry.core.journal import Entry
from hintferry.ports import Journal
from hintferry_cli.console import say
from hintferry_cli.gate.view import TableStatus
from hintferry_ops.cutover.gate.condition import clock
from hintferry_ops.cutover.gate.writers import begin_of_downtime
from hintferry_ops.cutover.gatekeeper import Gatekeeper

VERB = "writers stopped"
"""What the journal says of it."""

LOOK_BACK_S = 24 * 3600.0
"""A stop from before that many seconds is of another attempt."""


def keep(keepers: Sequence[Gatekeeper], journal: Journal, who: str) -> None:
    """Enter the stop of each table for which one is stated. Raises SideFault."""
    for keeper in keepers:
        if keeper.stopped_at is not None:
            at = datetime.fromtimestamp(keeper.stopped_at, UTC).isoformat()
            now = keeper.clock.now()
            journal.add(Entry(now, str(keeper.table), VERB, who, new=at))


def recall(
    keepers: Sequence[Gatekeeper], seen: Sequence[TableStatus], journal: Journal, errors: Console
) -> None:
    """Let the downtime of each table begin at the first stop that nothing shows to be untrue.

    `seen`: their statuses, in the same order. Raises SideFault.
    """
    untrue: list[float] = []
    for keeper, status in zip(keepers, seen, strict=True):
        assert status.facts is not None, "it has no fence"
        stated = _stated(journal, keeper)
        keeper.downtime_since = begin_of_downtime(status.facts, stated)
        if stated and keeper.stopped_at is not None and min(stated) < keeper.stopped_at:
            untrue.append(min(stated))
    if untrue:
        say(
            errors,
            f"the writers were first said to be stopped at {clock(min(untrue))}, but a write or a"
            " backfill came after that: it does not count as downtime",
        )


def _stated(journal: Journal, keeper: Gatekeeper) -> list[float]:
    """Return the stops that were stated since the last undo (epoch s)."""
    found: list[float] = []
    for entry in journal.entries(str(keeper.table), keeper.clock.now() - LOOK_BACK_S):
        if entry.verb == "cutover --undo":
            break
        if entry.verb == VERB:
            found.append(datetime.fromisoformat(entry.new).timestamp())
    return found
