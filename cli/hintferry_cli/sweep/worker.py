"""One worker process: takes ranges from its parent and tells it how they end.

It ends when its parent does, however that ends: the pipe between them is then closed.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection

from hintferry import wiring
from hintferry.adapters.cassandra import CassandraSource
from hintferry.adapters.clock import WallClock
from hintferry.adapters.keycodec import readable
from hintferry.adapters.scan import Consistency
from hintferry.adapters.settings import migration_from
from hintferry.core.errors import HintferryError
from hintferry.core.passes import Verb
from hintferry.core.tokens import TokenRange
from hintferry.core.verdict import Filled, Tally
from hintferry.report import Finished, Report
from hintferry_cli.sweep.task import Advanced, Ended, Refused, Task, Wanted, as_numbers


def main() -> None:
    """Sweep the ranges that the parent gives; the argument is our end of the pipe."""
    # Ctrl-C reaches the whole group: the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = Connection(int(sys.argv[1]))
    task: Task = parent.recv()
    try:
        _work(task, parent)
    except HintferryError as error:
        parent.send(Refused(str(error)))
    except (BrokenPipeError, ConnectionResetError, EOFError):
        # The parent is gone; what is open is walked again by the next run.
        return


def _work(task: Task, parent: Connection) -> None:
    sweeper = wiring.sweeper(migration_from(task.config), task.table)
    try:
        source = CassandraSource(sweeper.near, WallClock())
        for report in _reports(task, sweeper, _ranges(parent)):
            if isinstance(report, Finished):
                error = None if report.error is None else str(report.error)
                examples = tuple(
                    (verdict.value, readable(source.table(task.table), hint))
                    for verdict, hint in report.examples
                )
                parent.send(Ended(report.part, as_numbers(report.tally), error, examples))
            else:
                parent.send(Advanced(report.keys))
    finally:
        sweeper.close()


def _reports(
    task: Task, sweeper: wiring.Sweeper, ranges: Iterator[TokenRange]
) -> Iterator[Report[Tally] | Report[Filled]]:
    if task.verb is Verb.BACKFILL:
        assert task.queues is not None
        yield from sweeper.backfill(task.queues, task.workers).fill(ranges)
        return
    repair = None
    if task.repair_rate is not None:
        assert task.queues is not None
        repair = task.queues.replay_queue_url, task.repair_rate
    consistency = Consistency.ALL if task.at_all else Consistency.LOCAL_QUORUM
    yield from sweeper.verify(consistency, repair).verify(ranges)


def _ranges(parent: Connection) -> Iterator[TokenRange]:
    while True:
        parent.send(Wanted())
        part: TokenRange | None = parent.recv()
        if part is None:
            return
        yield part


if __name__ == "__main__":
    main()
