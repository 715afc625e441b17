"""Begin one pass, and record how it ended: for the verbs of a pass, and for a whole migration."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

from hintferry.adapters.config.settings import migration_from
from hintferry.core.capture import Proof, gaps, proof, void
from hintferry.core.errors import ConfigurationError, HintferryError
from hintferry.core.passes import PASSES_OF_S, Pass, Verb, refusal, unfenced
from hintferry.core.schema import TableId
from hintferry.sweep.task import Task
from hintferry.wiring import sweep
from hintferry_cli.exits import Status
from hintferry_cli.sweep import bookmark
from hintferry_cli.sweep.bill import PassPrice, pass_price
from hintferry_cli.sweep.bookmark import Bookmark
from hintferry_cli.sweep.run import Run
from hintferry_cli.sweep.state import RunState
from hintferry_cli.sweep.task import Order, as_numbers
from hintferry_cli.switches.caller import caller
from hintferry_ops.cost.estimate import Estimate, estimate

Tell = Callable[[str], None]
"""Print one line for the operator."""


def check_consent(task: Task, config: Path) -> None:
    """Raise ConfigurationError where a repair may delete what the application wrote."""
    sweeper = sweep.sweeper(migration_from(config), task.table)
    try:
        sweeper.check_table()
        found = unfenced(sweeper.passes().of(task.table, time.time() - PASSES_OF_S))
    finally:
        sweeper.close()
    if found is not None:
        raise ConfigurationError(refusal(task.table, found))


def begun(order: Order, folder: Path, processes: int, lost: Event, tell: Tell) -> Run:
    """Start a run; a wrong call fails here, before anything is written. Raises HintferryError.

    `lost`: set once another run has taken the pass over.
    """
    task, migration = order.task, migration_from(order.config)
    bill = pass_price(migration, task.table, order.config.parent)
    sweeper = sweep.sweeper(migration, task.table)
    try:
        sweeper.check_table()
        sweeper.check_clock()
        mark = bookmark.opened(folder, task)
        proved = _proved(sweeper, task, mark, tell)
        if proved is None:
            tell("this pass will not count for a cutover: capture is not proved")
        if task.verb is Verb.BACKFILL:
            found = estimate(sweeper.source_table(), sweeper.source_scan(), sweeper.table.ttl)
            tell(f"{task.verb.value} {task.table}: {bill.plan(found)}")
        if task.writes:
            sweeper.journal().add(task.entry(time.time(), caller()))
        if mark is None:
            mark = bookmark.begun(folder, task, sweeper.ranges(), proved)
    finally:
        sweeper.close()
    return Run(order, mark, RunState(task.verb.sums, bill), processes, lost)


def _proved(sweeper: sweep.Sweeper, task: Task, mark: Bookmark | None, tell: Tell) -> Proof | None:
    """Return the proof that the table was captured when the pass began; a verify runs without."""
    if task.verb is Verb.BACKFILL:
        return sweeper.check_capture()
    if mark is not None:
        return mark.proof
    seen = sweeper.witness()
    for gap in gaps(seen):
        tell(f"{task.table} is not captured on {gap}; {gap.fix}")
    return proof(seen)


def ended(task: Task, state: RunState, *, is_recorded: bool) -> Status:
    """Return the status with which a pass has ended."""
    if state.is_refused and not state.keys:
        return Status.UNUSABLE
    if state.is_away and not task.writes:
        return Status.UNAVAILABLE
    if not is_recorded:
        return Status.UNFINISHED
    return Status.DONE if state.sums.is_clean else Status.NEGATIVE


def recorded(run: Run, tell: Tell) -> bool:
    """Record the finished pass for the gate of cutover; return whether that worked."""
    try:
        broken = _entered(run)
    except HintferryError as error:
        tell(
            f"the pass finished, but could not be recorded in hintferry.passes: {error}; run the"
            " same command again: `cutover` needs the record",
        )
        return False
    if broken is not None:
        tell(f"this pass does not count for a cutover: {broken}")
    return True


def _entered(run: Run) -> str | None:
    """Enter the pass; return why it does not count for a cutover, or None."""
    task, mark, sums = run.order.task, run.bookmark, run.state.sums
    sweeper = sweep.sweeper(migration_from(run.order.config), task.table)
    one = Pass(
        task.table,
        task.verb,
        mark.began,
        time.time(),
        task.at_all,
        sums.is_clean,
        as_numbers(sums),
        mark.proof,
    )
    try:
        sweeper.passes().enter(one)
        return void(mark.proof, sweeper.witness())
    finally:
        sweeper.close()


def priced(config: Path, table: TableId) -> tuple[Estimate, PassPrice]:
    """Return how much a table holds, and what passes over it cost. Raises HintferryError."""
    migration = migration_from(config)
    sweeper = sweep.sweeper(migration, table)
    try:
        sweeper.check_clock()
        found = estimate(sweeper.source_table(), sweeper.source_scan(), sweeper.table.ttl)
    finally:
        sweeper.close()
    return found, pass_price(migration, table, config.parent)
