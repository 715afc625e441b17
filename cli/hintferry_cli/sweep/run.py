"""The parent of the workers: gives them ranges, adds up, and keeps the bookmark."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait

from hintferry.core.tokens import WIDTH_OF_RING, TokenRange
from hintferry.core.verdict import BackfillSums, VerifySums
from hintferry_cli.sweep import worker
from hintferry_cli.sweep.bill import PassPrice
from hintferry_cli.sweep.bookmark import Bookmark
from hintferry_cli.sweep.task import Advanced, Order, RangeEnded, Refused, Wanted, WorkerMessage

LONGEST_S = 7 * 24 * 3600.0
"""A run ends after this, however much is left."""

LOOK_EVERY_S = 1.0
END_WITHIN_S = 10.0
LEAVE_WITHIN_S = 2.0
"""Seconds that workers may take to end."""

LEAST_SHARE = 0.001
"""Share of the ring; the ends of the nodes' ranges cut much smaller pieces."""

LONGEST_LIST = 5
"""The most different errors that are kept; the rest are only counted."""


@dataclass(slots=True)
class RunState:
    """The sums while the run goes on. `unfinished` says why it ended early."""

    sums: VerifySums | BackfillSums
    bill: PassPrice
    began: float = field(default_factory=time.monotonic)
    keys: int = 0
    """Keys in this run, those of ranges that are not done included."""

    width_at_start: int = 0
    width: int = 0
    """Tokens of the ranges that are done."""

    ranges: int = 0
    failed: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    failures: dict[TokenRange, str] = field(default_factory=dict)
    unfinished: str | None = None
    is_refused: bool = False
    """The table cannot be swept at all, and another run would not help."""

    @property
    def ending(self) -> str | None:
        """Return why the run is unfinished, and what to do."""
        if self.unfinished is None or self.is_refused:
            return self.unfinished
        return f"{self.unfinished}; run the same command again to resume"

    @property
    def elapsed_s(self) -> float:
        """Return the seconds of this run."""
        return time.monotonic() - self.began

    @property
    def eta_s(self) -> float | None:
        """Return the seconds that the rest takes at this pace; None while too little is done."""
        done = self.width - self.width_at_start
        if done < LEAST_SHARE * WIDTH_OF_RING:
            return None
        return (WIDTH_OF_RING - self.width) * self.elapsed_s / done

    @property
    def usd(self) -> float | None:
        """Return the cost of the finished ranges on the target, in USD; None without a price."""
        return self.bill.usd(self.sums, self.elapsed_s)

    @property
    def usd_in_all(self) -> float | None:
        """Return the cost of the whole table in USD; None while it is not known."""
        usd = self.usd
        if usd is None or self.width < LEAST_SHARE * WIDTH_OF_RING:
            return None
        return usd * WIDTH_OF_RING / self.width

    def enter(self, part: TokenRange, sums: dict[str, int]) -> None:
        """Count a finished range."""
        self.sums.add(type(self.sums)(**sums))  # type: ignore[arg-type]
        self.width += part.width
        self.ranges += 1

    def fail(self, error: str) -> None:
        """Count a failed range or worker."""
        self.failed += 1
        if error in self.errors or len(self.errors) < LONGEST_LIST:
            self.errors[error] += 1


@dataclass(frozen=True, slots=True)
class Run:
    """Run over what is left of a pass."""

    order: Order
    bookmark: Bookmark
    state: RunState
    processes: int

    def steps(self) -> Iterator[None]:
        """Go through the ranges; a step whenever something happened, or a second passed."""
        for part, sums in self.bookmark.done:
            self.state.enter(part, sums)
        self.state.width_at_start = self.state.width
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
                if time.monotonic() > end:
                    self.state.unfinished = f"stopped at the limit of {LONGEST_S / 86400:.0f} days"
        finally:
            self.bookmark.save()
            _end(workers)
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
        if isinstance(answer, Advanced):
            self.state.keys += answer.keys
        elif isinstance(answer, Refused):
            self.state.unfinished, self.state.is_refused = answer.why, True
        elif isinstance(answer, RangeEnded) and answer.error is None:
            self.state.enter(answer.part, answer.sums)
            self.bookmark.enter(answer.part, answer.sums, answer.examples)
        elif isinstance(answer, RangeEnded):
            self.state.fail(answer.error or "")
            self.state.failures[answer.part] = answer.error or ""
        return True


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
