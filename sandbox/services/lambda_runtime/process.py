"""One function process: AWS's runtime client, the Runtime API that feeds it, and its output.

Owns a process from its start to its end. A process that has failed in a way that ends it is not
repaired here; `sandbox.py` starts a successor.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from queue import Empty

from sandbox.parts.launch import tied
from sandbox.services.lambda_runtime.runtime_api import (
    Answered,
    Event,
    Exited,
    Failed,
    Ready,
    Report,
    RuntimeApi,
    Taken,
)

_INIT_ALLOWANCE_S = 10.0
"""Lambda's limit of the init phase; one that takes longer goes on at the invocation's expense."""

_IDLE_S = 5.0
"""The longest time from a runtime's answer to its next request, in seconds."""

# The kernel ties "die with the parent" to the thread that started the child, not to the process:
# so one thread, which lives as long as the interpreter, starts them all.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="function-starter")


@dataclass(frozen=True, slots=True)
class Invocation:
    """End of one invocation: a payload, or the type and message of an error."""

    payload: bytes | None
    error_type: str | None
    message: str
    duration_ms: float
    cold_start: bool
    request_id: str = ""


class OnTimeout(Enum):
    """Fate of a process whose handler overruns its timeout."""

    KILL = "kill"
    """The process is killed, as Lambda does."""
    LEAVE = "leave"
    """it goes on, unseen, beside its successor: for tests of what a late writer can do"""


class FunctionProcess:
    """A started `python -m awslambdaric <handler>` and everything that belongs to it."""

    def __init__(
        self,
        *,
        handler: str,
        task_root: Path,
        environment: Callable[[str], dict[str, str]],
        arn: str,
        timeout_s: float,
        on_line: Callable[[str], None],
        on_timeout: OnTimeout = OnTimeout.KILL,
        freeze_when_idle: bool = False,
        bare: bool = False,
    ) -> None:
        self._api = RuntimeApi(arn, timeout_s)
        self._timeout_s = timeout_s
        self._on_line = on_line
        self._on_timeout = on_timeout
        self._freeze_when_idle = freeze_when_idle
        self._spent = False
        self._served = 0
        self.child = _starter.submit(
            _start, handler, task_root, environment(self._api.address), bare
        ).result()
        self._threads = [
            threading.Thread(target=target, daemon=True) for target in (self._pump, self._watch)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def usable(self) -> bool:
        """Return whether another event may be given to this process."""
        return not self._spent and self.child.poll() is None

    @property
    def alive(self) -> bool:
        """Return whether the process runs, usable or not."""
        return self.child.poll() is None

    @property
    def served(self) -> int:
        """Return how many events the process has begun."""
        return self._served

    def await_ready(self) -> Failed | None:
        """Wait for the end of the init phase; the error if it failed."""
        end = time.monotonic() + _INIT_ALLOWANCE_S + self._timeout_s
        report = self._report_before(end)
        if not isinstance(report, Ready):
            return self._failure(report)
        if self._freeze_when_idle:
            self.freeze()
        return None

    def run(self, body: bytes) -> Invocation | None:
        """Carry one event to its end; None if the process ended before it took the event."""
        if not self._freeze_when_idle:
            return self._run(body)
        self.signal(signal.SIGCONT)
        outcome = self._run(body)
        self._freeze_once_idle()
        return outcome

    def _run(self, body: bytes) -> Invocation | None:
        cold, began = self._served == 0, time.monotonic()
        event = Event(str(uuid.uuid4()), body)
        self._api.offer(event)
        end = began + self._timeout_s + (_INIT_ALLOWANCE_S if cold else 0)
        taken = False
        while isinstance(report := self._report_before(end), Ready | Taken):
            if isinstance(report, Taken):
                taken, began = True, time.monotonic()
                end = began + self._timeout_s
                self._served += 1
        duration_ms = (time.monotonic() - began) * 1000
        if isinstance(report, Answered):
            return Invocation(report.payload, None, "", duration_ms, cold, event.request_id)
        if isinstance(report, Exited) and not taken and not cold:
            self._spent = True
            return None
        failure = self._failure(report)
        return Invocation(
            None, failure.error_type, failure.message, duration_ms, cold, event.request_id
        )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and all its children."""
        if self.child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.child.pid, number)

    def freeze(self) -> None:
        """Stop the process where it stands; it does stand when this returns."""
        self.signal(signal.SIGSTOP)
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, self.child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def kill(self) -> None:
        """Kill the process; it has ended when this returns."""
        self.signal(signal.SIGKILL)
        self.child.wait()

    def close(self) -> None:
        """Kill what still runs, then wait until its last line of output has been seen."""
        self.kill()
        for thread in self._threads:
            thread.join(timeout=5)
        self._api.close()

    def _freeze_once_idle(self) -> None:
        """Stop the process where it waits for the next event, as Lambda does."""
        end = time.monotonic() + _IDLE_S
        while self.usable and not isinstance(self._report_before(end), Ready | Exited | None):
            pass
        if self.usable:
            self.freeze()

    def _report_before(self, end: float) -> Report | None:
        try:
            return self._api.reports.get(timeout=max(0.0, end - time.monotonic()))
        except Empty:
            return None

    def _failure(self, report: Report | None) -> Failed:
        """Name the failure, and let go of a process that cannot serve on."""
        if isinstance(report, Failed):
            self._spent = report.error_type == "Function.ResponseSizeTooLarge" or self._served == 0
            return report
        self._spent = True
        if isinstance(report, Exited):
            return Failed("Runtime.ExitError", _ending(report.returncode))
        if self._on_timeout is OnTimeout.KILL:
            self.signal(signal.SIGKILL)
        return Failed("Sandbox.Timedout", f"Task timed out after {self._timeout_s:.2f} seconds")

    def _pump(self) -> None:
        assert self.child.stdout is not None
        with self.child.stdout as lines:
            for line in lines:
                for one in _apart(line.decode(errors="replace").rstrip("\n")):
                    self._on_line(one)

    def _watch(self) -> None:
        self._api.reports.put(Exited(self.child.wait()))


def _ending(returncode: int) -> str:
    """Return how a process ended, in the words of Lambda's log."""
    if returncode < 0:
        name = signal.strsignal(-returncode) or f"signal {-returncode}"
        return f"Runtime exited with error: signal: {name.lower()}"
    if returncode > 0:
        return f"Runtime exited with error: exit status {returncode}"
    return "Runtime exited without providing a reason"


def _start(
    handler: str, task_root: Path, environment: dict[str, str], bare: bool
) -> subprocess.Popen[bytes]:
    python = [sys.executable, *(["-S"] if bare else [])]
    return subprocess.Popen(
        tied(*python, "-m", "awslambdaric", handler),
        cwd=task_root,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _apart(line: str) -> list[str]:
    """Return the line, cut where a record stands behind a text.

    The runtime puts no newline behind the trace of an exception; Lambda frames what it logs.
    """
    at = line.find('{"')
    if at <= 0:
        return [line]
    try:
        json.loads(line[at:])
    except ValueError:
        return [line]
    return [line[:at], line[at:]]
