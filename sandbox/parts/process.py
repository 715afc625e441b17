"""One child process of the sandbox: start, wait until ready, harm, restart, stop.

Knows processes and log files; knows nothing of what a part is.
"""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sandbox.parts.errors import PartFailed, SandboxError
from sandbox.parts.launch import tied
from sandbox.parts.reasons import reason

# One thread forks every child: their death signal follows the thread, so it must never end early.
_forker = ThreadPoolExecutor(1, thread_name_prefix="sandbox-fork")
_UNWANTED = ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH")
_POLL = 0.03
_LAST_LINES = 15


class Part:
    """A handle on one child. Its log is kept over restarts; `ready` is a pattern in that log.

    One that dies is noticed at once; `patience` is for a machine that is busy with other things.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        ready: str,
        patience: float = 300.0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._command = tuple(command)
        self._ready = re.compile(ready)
        self._patience = patience
        self._environment = {**_inherited(), **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        """The process id; PartFailed when it was never started."""
        if self._process is None:
            raise PartFailed(f"{self.name} is not running.")
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def spawn(self) -> None:
        """Start without waiting; `wait_ready` does."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        command = tied(*self._command)
        self._process = _forker.submit(_fork, command, self.log, self._environment).result()

    def wait_ready(self) -> None:
        """Block until the ready line is in this run's log; PartFailed after `patience` seconds."""
        self.wait_for(self._ready, self._patience)

    def wait_for(self, pattern: re.Pattern[str], seconds: float) -> None:
        """Block until `pattern` is in this run's log; PartFailed when it dies or time runs out."""
        deadline = time.monotonic() + seconds
        while not pattern.search(self.output()):
            if not self.alive or time.monotonic() > deadline:
                # What it wrote between the search and its death counts too.
                if pattern.search(self.output()):
                    return
                raise self._failure(f"waiting for {pattern.pattern!r}")
            time.sleep(_POLL)

    def start(self) -> None:
        """Start and wait; SandboxError, and nothing left running, when it does not become ready."""
        self.spawn()
        try:
            self.wait_ready()
        except SandboxError:
            self.kill()
            raise

    def output(self) -> str:
        """Return the output of this run so far."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def pause(self) -> None:
        """Freeze it (SIGSTOP): its sockets stay open, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it at once (SIGKILL), as a power cut would."""
        self._end(signal.SIGKILL, 10)

    def stop(self, seconds: float = 30) -> None:
        """Ask it to end (SIGTERM), then kill it."""
        if self.alive:
            self.resume()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._end(signal.SIGTERM, seconds)
        self.kill()

    def restart(self) -> None:
        """End it in order if it runs, and start it again on the same data."""
        self.stop()
        self.start()

    def memory(self) -> int:
        """Resident bytes; 0 when it is not running."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        except (PartFailed, OSError):
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def _end(self, how: signal.Signals, seconds: float) -> None:
        if self._process is not None and self.alive:
            self._process.send_signal(how)
            self._process.wait(seconds)

    def _failure(self, doing: str) -> PartFailed:
        code = None if self._process is None else self._process.poll()
        text = self.output()
        last = "\n".join(f"    {line}" for line in text.splitlines()[-_LAST_LINES:])
        return PartFailed(
            f"{self.name} failed while {doing}: {reason(text, code)}.\n"
            f"  The last lines of {self.log}:\n{last}"
        )


def _inherited() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k not in _UNWANTED}


def _fork(command: list[str], log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
            # Ctrl-C goes to us alone; we end the parts in order.
            start_new_session=True,
        )
