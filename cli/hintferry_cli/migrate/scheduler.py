"""Drive many tables to a stage, several at once: look, do what comes next, look again.

A look reads the stage from the tables that exist, so a run has no state that could be wrong. One
thread looks. As many threads act as tables may be worked on at once. A table that waits for time
takes none of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from hintferry.core.errors import HintferryError
from hintferry.core.passes import last_backfill
from hintferry.core.schema import TableId
from hintferry.ports import Fence
from hintferry_cli.exits import Status, status_of_error
from hintferry_cli.failures import sentence, unexpected
from hintferry_cli.migrate.table_run import ActEnd, TableRun
from hintferry_ops.cutover.gate import capture, passes
from hintferry_ops.cutover.gate.condition import (
    Condition,
    ConditionState,
    clock,
    comes_by_itself,
)
from hintferry_ops.cutover.gate.facts import Facts
from hintferry_ops.cutover.gate.fence import rehearsal_stands
from hintferry_ops.plan.stage import Act, Stage, act_of, in_the_way, stage_of

STEP_S = 0.5
LOOK_AGAIN_S = 5.0
"""Seconds between two looks at a table that waits for time."""

PATIENCE_S = 600.0
"""Seconds for which a table may wait for what comes by itself."""

ATTEMPTS = 3
"""How often an act is begun that a side or a dead worker ended early."""

MOST = {Act.BACKFILL: 1, Act.VERIFY: 2, Act.REPAIR: 1}
"""How often a run does an act to its end: what does not help once needs a person."""

ENDS_WITHIN_S = 5.0
"""Seconds that acts have to stop after Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Hold what one look found; `facts` is None behind a fence.

    `is_half`: a table of its group has no fence, or is not waited out. A group is cut over as one.
    """

    now: float
    facts: Facts | None
    fence: Fence | None = None
    is_half: bool = False

    @property
    def stage(self) -> Stage | None:
        """Return the stage of the table."""
        return Stage.READY if self.is_half else stage_of(self.facts, self.fence, self.now)


class Runner(Protocol):
    """Does one act on a table, and returns its end. Raises HintferryError, and boto3's errors."""

    def __call__(self, run: TableRun, act: Act, stopping: Event) -> ActEnd: ...


@dataclass(slots=True)
class _Pending:
    """Hold what is known of a table between two steps."""

    run: TableRun
    due: float = 0.0
    """When it is looked at again, in monotonic seconds."""

    future: Future[Any] | None = None
    waits_since: float | None = None
    attempts: int = 0


@dataclass(slots=True)
class Scheduler:
    """Bring all tables to `until`; `look` reads one table, `do` acts on it."""

    runs: Sequence[TableRun]
    until: Stage
    look: Callable[[TableId], Seen]
    do: Runner
    at_once: int
    _stopping: Event = field(default_factory=Event)

    def steps(self) -> Generator[None, None, None]:
        """Go on until every table has ended; a step whenever something happened."""
        pending = [_Pending(run) for run in self.runs]
        looks, acts = ThreadPoolExecutor(1), ThreadPoolExecutor(self.at_once)
        try:
            while left := [one for one in pending if one.run.status is None]:
                for one in left:
                    self._go_on(one, looks, acts)
                yield
                futures = [one.future for one in pending if one.future is not None]
                if futures:
                    wait(futures, STEP_S, FIRST_COMPLETED)
                else:
                    time.sleep(STEP_S)
        finally:
            self._stopping.set()
            for pool in (looks, acts):
                pool.shutdown(wait=False, cancel_futures=True)
            wait([one.future for one in pending if one.future is not None], ENDS_WITHIN_S)

    def _go_on(self, one: _Pending, looks: ThreadPoolExecutor, acts: ThreadPoolExecutor) -> None:
        run = one.run
        if one.future is None:
            if time.monotonic() >= one.due:
                one.future = looks.submit(self.look, run.table)
            return
        if not one.future.done():
            return
        try:
            found = one.future.result()
        except (HintferryError, BotoCoreError, ClientError) as error:
            self._failed(one, status_of_error(error), sentence(error))
        except Exception as error:  # noqa: BLE001 - a defect at one table must not hold the others
            self._failed(one, Status.UNFINISHED, unexpected(error), again=False)
        else:
            one.future = None
            if isinstance(found, ActEnd):
                self._acted(one, found)
            else:
                act = self._judged(one, found)
                if act is not None:
                    run.act, run.news, run.state = act, "", None
                    one.future = acts.submit(partial(self._act, run, act))

    def _act(self, run: TableRun, act: Act) -> ActEnd:
        run.is_working = True
        try:
            return self.do(run, act, self._stopping)
        finally:
            run.is_working = False

    def _acted(self, one: _Pending, end: ActEnd) -> None:
        run = one.run
        run.act = None
        if end.status in (Status.DONE, Status.NEGATIVE):
            run.ends.append(end)
            one.attempts, one.due = 0, 0.0
        else:
            self._failed(one, end.status, end.why)

    def _failed(self, one: _Pending, status: Status, why: str, *, again: bool = True) -> None:
        one.future, one.run.act, one.attempts = None, None, one.attempts + 1
        comes_back = status in (Status.UNAVAILABLE, Status.UNFINISHED)
        if again and comes_back and one.attempts < ATTEMPTS:
            one.run.news = f"{why}; trying again"
            one.due = time.monotonic() + LOOK_AGAIN_S
        else:
            one.run.end(status, why)

    def _judged(self, one: _Pending, seen: Seen) -> Act | None:
        """Return what to do now; None where the table has ended, or waits."""
        run, facts = one.run, seen.facts
        run.stage = seen.stage
        run.first = run.first or run.stage
        if facts is None:
            if run.stage is Stage.CUT_OVER:
                run.end(Status.DONE)
            else:
                run.end(Status.NEGATIVE, fence_stands(run, seen.fence))
            return None
        assert run.stage is not None, "it was seen"
        if run.stage.number >= self.until.number:
            run.end(Status.DONE)
            return None
        if self.until is Stage.CAPTURED:
            self._wait(one, [capture.captured(facts)])
            return None
        act = act_of(facts)
        if run.ends and run.ends[-1].act is Act.REPAIR and act is Act.REPAIR:
            # The repair's own pass found what it repaired: only another one shows that it helped.
            act = Act.VERIFY
        if act is Act.WAIT:
            self._wait(one, in_the_way(facts))
            return None
        if run.counts[act] >= MOST[act]:
            found = next(one for one in _judgements(facts) if one.state is ConditionState.FAILS)
            run.end(Status.NEGATIVE, _told(found))
            return None
        return self._wait_to_verify(one, facts) if act is Act.VERIFY else act

    def _wait_to_verify(self, one: _Pending, facts: Facts) -> Act | None:
        """Return the verify once every write of the backfill has arrived: one before that would not
        count.
        """
        backfill = last_backfill(facts.passes)
        assert backfill is not None, "nothing is compared before"
        left = backfill.ended + passes.LATE_WRITES_S + 1.0 - facts.now
        if left <= 0:
            return Act.VERIFY
        one.run.news = f"verify begins at {clock(time.time() + left)}"
        one.due = time.monotonic() + left
        return None

    def _wait(self, one: _Pending, found: Sequence[Condition]) -> None:
        """Look again later, where waiting helps; else the table ends with what is in the way."""
        now = time.monotonic()
        one.waits_since = one.waits_since or now
        told = "; ".join(map(_told, found))
        if not comes_by_itself(found) or now - one.waits_since > PATIENCE_S:
            one.run.end(Status.NEGATIVE, told)
            return
        one.run.news, one.due = told, now + LOOK_AGAIN_S


def fence_stands(run: TableRun, fence: Fence | None) -> str:
    """Return what to do about a fence behind which the table is not cut over."""
    if fence is not None and fence.is_rehearsal:
        return rehearsal_stands([run.table])
    if run.group is None:
        return f"its fence is set, and not waited out: run `hintferry cutover {run.table}`"
    return (
        f"its fence is set, and not every table of its group is cut over: run `hintferry cutover"
        f" {run.group}`"
    )


def _judgements(facts: Facts) -> list[Condition]:
    return [passes.clean(facts), passes.after_stop(facts)]


def _told(condition: Condition) -> str:
    fix = f"; {condition.fix}" if condition.fix else ""
    return f"{condition.name}: {condition.reason}{fix}"
