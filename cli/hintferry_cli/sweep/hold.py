"""Keep a pass for this run alone: by its bookmark on this machine, by a row on the target on all.

The lock file beside the bookmark holds the owner's name. So a new run takes over from a killed one
at once where the bookmark is. Elsewhere it must wait until the row has expired.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Protocol

from hintferry.adapters.config.settings import migration_from
from hintferry.core.errors import ConfigurationError, SideFault
from hintferry.sweep.task import Task
from hintferry.wiring import sweep
from hintferry_cli.sweep import bookmark
from hintferry_ops.plan.pass_lock import HOLDS_S, CqlPassLock

RENEW_EVERY_S = HOLDS_S / 3


class PassLock(Protocol):
    """Holds a pass for one owner. `take` and `renew` raise SideFault."""

    def take(self) -> str | None:
        """Return None once it is held; else who holds it."""

    def renew(self) -> bool:
        """Hold it for longer; return False where another run has it."""

    def release(self) -> None:
        """Let others have it at once."""


@contextmanager
def held(folder: Path, task: Task, config: Path) -> Iterator[Event]:
    """Hold the pass; the event is set once another run has taken it. Raises HintferryError."""
    with bookmark.held(folder, task) as owner:
        sweeper = sweep.sweeper(migration_from(config), task.table)
        try:
            lock = CqlPassLock(sweeper.sides.target, task.table, task.verb, owner)
            with locked(lock, task) as lost:
                yield lost
        finally:
            sweeper.close()


@contextmanager
def locked(lock: PassLock, task: Task) -> Iterator[Event]:
    """Take the lock, and renew it meanwhile. Raises ConfigurationError where another run has it."""
    other = lock.take()
    if other is not None:
        raise ConfigurationError(
            f"another {task.verb.value} of {task.table} runs: {other.rpartition(' ')[0]}; wait for"
            f" its end, or stop it: {HOLDS_S} s after its last sign of life it holds nobody"
        )
    lost, over = Event(), Event()
    renewer = Thread(target=_renew, args=(lock, lost, over), daemon=True)
    renewer.start()
    try:
        yield lost
    finally:
        over.set()
        renewer.join(RENEW_EVERY_S)
        if not lost.is_set():
            lock.release()


def _renew(lock: PassLock, lost: Event, over: Event) -> None:
    while not over.wait(RENEW_EVERY_S):
        try:
            if not lock.renew():
                lost.set()
                return
        except SideFault:
            # While the target is away nobody takes it; the next renewal tells.
            continue
