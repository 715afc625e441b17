"""The parent of the workers: gives them ranges, adds up, and keeps the bookmark."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from threading import Event

from hintferry.core.tokens import TokenRange
from hintferry.sweep.progress import Progress
from hintferry_cli.spans import span
from hintferry_cli.sweep import worker
from hintferry_cli.sweep.bookmark import Bookmark
from hintferry_cli.sweep.state import RunState
from hintferry_cli.sweep.task import Order, RangeEnded, Refused, Wanted, WorkerMessage

LONGEST_S = 7 * 24 * 3600.0
"""A run ends after this, however much is left."""

LOOK_EVERY_S = 1.0
END_WITHIN_S = 10.0
LEAVE_WITHIN_S = 2.0
"""Seconds that workers may take to end."""


@dataclass(frozen=True, slots=True)
class Run:
    """Run over what is left of a pass."""

    order: Order
    bookmark: Bookmark
    state: RunState
    processes: int
    lost: Event = field(default_factory=Event)
    """Set once another run has taken the pass over."""

    def steps(self) -> Generator[None, None, None]:
        """Go through the ranges; a step whenever something happened, or a second passed."""
        for part, sums in self.bookmark.done:
            self.state.enter(part, sums)
        self.state.begin()
        left = deque(self.bookmark.left)
        workers = self._started(min(self.processes, len(left)))
        end = time.monotonic() + LONGEST_S
        try:
            while workers and not self.state.unfinished:
                for pipe in wait(list(workers), timeout=LOOK_EVERY_S):
                    assert isinstance(pipe, Connection)
                    if not self._heard(pipe, left) and _died(workers.pop(pipe)):
                        self.state.fail("a worker process died, and its ranges are not done")
                yield
                if self.lost.is_set():
                    self.state.unfinished = "another run has taken this pass over"
                if time.monotonic() > end:
                    self.state.unfinished = f"stopped at the limit of {LONGEST_S / 86400:.0f} days"
        finally:
            _end(workers)
            self.bookmark.save()
        if self.bookmark.left and not self.state.unfinished:
            count = len(self.bookmark.left)
            self.state.unfinished = f"{count} range{' is' if count == 1 else 's are'} not done"

    def _started(self, count: int) -> dict[Connection, subprocess.Popen[bytes]]:
        workers: dict[Connection, subprocess.Popen[bytes]] = {}
        search = os.pathsep.join(sys.path)
        for _ in range(count):
            pipe, worker_end = Pipe()
            end = worker_end.fileno()
            # Its own program: a child of multiprocessing would run this one's main again.
            workers[pipe] = subprocess.Popen(
                [sys.executable, "-m", worker.__name__, str(end), str(os.getpid())],
                env=os.environ | {"PYTHONPATH": search},
                pass_fds=[end],
            )
            worker_end.close()
            pipe.send(self.order)
        return workers

    def _heard(self, pipe: Connection, left: deque[TokenRange]) -> bool:
        """Take one answer; False once the worker at the other end is gone."""
        try:
            answer: WorkerMessage = pipe.recv()
            if isinstance(answer, Wanted):
                pipe.send(left.popleft() if left else None)
        except (EOFError, OSError):
            return False
        if isinstance(answer, Progress):
            self.state.hear(answer)
        elif isinstance(answer, Refused):
            self.state.unfinished, self.state.is_refused = answer.why, True
        elif isinstance(answer, RangeEnded):
            self._ended(answer)
        return True

    def _ended(self, answer: RangeEnded) -> None:
        state = self.state
        if answer.error is None:
            state.enter(answer.part, answer.sums)
            self.bookmark.enter(answer.part, answer.sums, answer.examples)
            return
        state.fail(answer.error)
        state.failures[answer.part] = answer.error
        if answer.is_away and state.trouble:
            # No worker has read a key since: the next range would wait as long for nothing.
            state.is_away = True
            state.unfinished = f"{answer.error}; nothing was read for {span(state.silent_s)}"


def _end(workers: dict[Connection, subprocess.Popen[bytes]]) -> None:
    """Ask all of them at once, then end what does not: none may outlive the command."""
    for pipe, process in workers.items():
        pipe.close()
        process.terminate()
    end = time.monotonic() + LEAVE_WITHIN_S
    for process in workers.values():
        try:
            process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _died(process: subprocess.Popen[bytes]) -> bool:
    """Return whether it failed. Kill a worker that does not end: it has reported everything."""
    try:
        return bool(process.wait(END_WITHIN_S))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
