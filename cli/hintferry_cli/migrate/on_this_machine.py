"""Do the acts of a migration in worker processes of this machine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from hintferry.adapters.config.places import Queues
from hintferry.core.passes import Verb
from hintferry.core.schema import TableId
from hintferry.sweep.task import Task
from hintferry_cli.exits import Status
from hintferry_cli.migrate.table_run import ActEnd, TableRun
from hintferry_cli.sweep.command import REPAIRS_PER_S
from hintferry_cli.sweep.hold import held
from hintferry_cli.sweep.one_pass import begun, check_consent, ended, recorded
from hintferry_cli.sweep.task import Order, as_numbers
from hintferry_ops.plan.stage import Act


@dataclass(frozen=True, slots=True)
class OnThisMachine:
    """Runs a pass in `processes` worker processes, beside up to `at_once - 1` other passes."""

    config: Path
    queues: Queues
    bookmarks: Path
    processes: int
    at_once: int
    say: Callable[[str], None]

    def __call__(self, run: TableRun, act: Act, stopping: Event) -> ActEnd:
        """Run one pass to its end, or until `stopping` is set. Raises HintferryError."""
        task = self._task(run.table, act)
        if act is Act.REPAIR:
            check_consent(task, self.config)

        def tell(text: str) -> None:
            self.say(text if str(run.table) in text else f"{run.table}: {text}")

        with held(self.bookmarks, task, self.config) as lost:
            order = Order(task, self.config, self.queues)
            one = begun(order, self.bookmarks, self.processes, lost, tell)
            run.state = one.state
            with closing(one.steps()) as steps:
                for _ in steps:
                    if stopping.is_set():
                        return ActEnd(act, Status.UNFINISHED, "stopped")
            is_recorded = not one.state.unfinished and recorded(one, tell)
            state = one.state
            return ActEnd(
                act,
                ended(task, state, is_recorded=is_recorded),
                state.unfinished or "",
                as_numbers(state.sums),
                state.elapsed_s,
                state.usd,
            )

    def _task(self, table: TableId, act: Act) -> Task:
        is_repair, is_verify = act is Act.REPAIR, act is Act.VERIFY
        return Task(
            Verb.BACKFILL if act is Act.BACKFILL else Verb.VERIFY,
            table,
            at_all=is_verify,
            repair_rate=REPAIRS_PER_S if is_repair else None,
            workers=self.processes,
            beside=self.at_once,
        )
