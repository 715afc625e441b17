"""Run one worker process: take ranges from the parent, and report how they end.

It ends when its parent ends, whatever it waits for: it polls its parent's process id, which
changes when the parent is gone.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from threading import Thread

from hintferry.adapters.clocks.wall import NoDeadline, WallClock
from hintferry.adapters.config.settings import migration_from
from hintferry.adapters.records.key_codec import readable
from hintferry.adapters.source.cassandra import CassandraSource
from hintferry.core.errors import HintferryError, Troubled, Unavailable
from hintferry.core.tokens import TokenRange
from hintferry.sweep.progress import Finished
from hintferry.wiring import sweep
from hintferry_cli.sweep.task import Order, RangeEnded, Refused, Wanted, as_numbers

LOOK_EVERY_S = 0.5


def main() -> None:
    """Sweep the ranges that the parent gives.

    The arguments are our end of the pipe, and the parent's process id.
    """
    # Ctrl-C reaches the whole group: the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with, args=[int(sys.argv[2])], daemon=True).start()
    parent = Connection(int(sys.argv[1]))
    order: Order = parent.recv()
    try:
        _work(order, parent)
    except HintferryError as error:
        parent.send(Refused(str(error)))
    except (BrokenPipeError, ConnectionResetError, EOFError):
        # The parent is gone; what is open is walked again by the next run.
        return


def _end_with(parent: int) -> None:
    """End this process soon after its parent: the driver may wait for a side that is gone."""
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_S)
    os._exit(1)


def _work(order: Order, parent: Connection) -> None:
    sweeper = sweep.sweeper(migration_from(order.config), order.task.table, order.queues)
    try:
        source = CassandraSource(sweeper.sides.source, WallClock())
        for report in sweeper.work(order.task, _ranges(parent), NoDeadline()):
            if isinstance(report, Finished):
                error = None if report.error is None else str(report.error)
                is_away = isinstance(report.error, Unavailable) and not isinstance(
                    report.error, Troubled
                )
                examples = tuple(
                    (verdict.value, readable(source.table(order.task.table), hint))
                    for verdict, hint in report.examples
                )
                parent.send(
                    RangeEnded(report.part, as_numbers(report.sums), error, examples, is_away)
                )
            else:
                parent.send(report)
    finally:
        sweeper.close()


def _ranges(parent: Connection) -> Iterator[TokenRange]:
    while True:
        parent.send(Wanted())
        part: TokenRange | None = parent.recv()
        if part is None:
            return
        yield part


if __name__ == "__main__":
    main()
