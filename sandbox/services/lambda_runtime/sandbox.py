"""An execution environment of a function, as Lambda keeps one: warm between events, replaced
after a crash or a timeout, frozen and thawed on demand.

Owns which process serves and when a new one is needed; knows nothing of where events come from.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.services.lambda_runtime.environment import (
    check_reserved,
    function_arn,
    function_environment,
)
from sandbox.services.lambda_runtime.process import FunctionProcess, Invocation, OnTimeout
from sandbox.services.lambda_runtime.runtime_api import MAX_PAYLOAD_BYTES


class PayloadTooLargeError(ValueError):
    """The event is over what a synchronous invocation may carry."""


class FunctionInitError(RuntimeError):
    """The function could not be started: import, handler name or code run at import failed."""


class LambdaSandbox:
    """Runs one invocation at a time in a separate process.

    `handler` is `module.function`, looked up in `task_root` and then in `layers`. `env` holds the
    function's own variables; the rest is what Lambda sets. `timeout_s` bounds an invocation. Every
    line the function prints goes to the file `log` and to `on_line`, which must not block. With
    `freeze_when_idle` the process runs only while it has an event. `runtime` is a folder with the
    runtime client; with it the function sees no package of this machine. Raises
    ReservedVariableError.
    """

    def __init__(
        self,
        *,
        handler: str,
        task_root: Path,
        env: Mapping[str, str],
        timeout_s: float = 60.0,
        memory_mb: int = 1769,
        layers: Sequence[Path] = (),
        runtime: Path | None = None,
        name: str = "processor",
        log: Path | None = None,
        on_line: Callable[[str], None] | None = None,
        on_timeout: OnTimeout = OnTimeout.KILL,
        freeze_when_idle: bool = False,
    ) -> None:
        check_reserved(env)
        self._handler, self._task_root, self._env = handler, task_root.resolve(), dict(env)
        self._timeout_s, self._memory_mb = timeout_s, memory_mb
        self._layers, self._name = [layer.resolve() for layer in layers], name
        self._bare = runtime is not None
        if runtime is not None:
            self._layers.append(runtime.resolve())
        self._log = log.open("a", buffering=1, encoding="utf-8") if log else None
        self._on_line = on_line
        self._on_timeout, self._freeze_when_idle = on_timeout, freeze_when_idle
        self._process: FunctionProcess | None = None
        self._zombies: list[FunctionProcess] = []
        self._one_at_a_time = threading.Lock()

    def start(self) -> None:
        """Begin the init phase now and wait for its end, so that the first event finds it done."""
        process = self._usable_process()
        if process.served == 0 and (failure := process.await_ready()):
            raise FunctionInitError(
                f"{self._handler} in {self._task_root} failed to start: "
                f"{failure.error_type}: {failure.message}"
            )

    def invoke(self, event: bytes) -> Invocation:
        """Run the handler on one JSON event; raises PayloadTooLargeError over 6 MB."""
        if len(event) > MAX_PAYLOAD_BYTES:
            raise PayloadTooLargeError(
                f"an event of {len(event)} bytes is over the limit of {MAX_PAYLOAD_BYTES}"
            )
        with self._one_at_a_time:
            outcome = self._usable_process().run(event)
            # None: the idle process died as the event was offered. A fresh one always answers.
            return outcome or self._fresh_outcome(event)

    @property
    def busy(self) -> bool:
        """Return whether an invocation is under way."""
        return self._one_at_a_time.locked()

    @property
    def zombies(self) -> int:
        """Processes that overran, were left running, and still run or are frozen."""
        return sum(zombie.alive for zombie in self._zombies)

    def pause(self) -> None:
        """Freeze the process where it stands, in the middle of an event too."""
        if self._process:
            self._process.freeze()

    def resume(self) -> None:
        """Thaw a frozen process, and those that have become zombies since."""
        for process in self._processes:
            process.signal(signal.SIGCONT)

    def kill(self) -> None:
        """Let the process die at once; the next event is a cold start."""
        if self._process:
            self._process.kill()

    def close(self) -> None:
        """Stop the process; its whole output has been seen when this returns."""
        processes, self._process, self._zombies = self._processes, None, []
        for process in processes:
            process.close()
        if self._log:
            self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _processes(self) -> list[FunctionProcess]:
        return [*self._zombies, *([self._process] if self._process else [])]

    def _fresh_outcome(self, event: bytes) -> Invocation:
        outcome = self._usable_process().run(event)
        assert outcome is not None
        return outcome

    def _usable_process(self) -> FunctionProcess:
        if self._process and self._process.usable:
            return self._process
        if self._process:
            self._replace(self._process)
        region = self._env.get("AWS_REGION", "us-east-1")
        self._process = FunctionProcess(
            handler=self._handler,
            task_root=self._task_root,
            environment=self._environment,
            arn=function_arn(self._name, region),
            timeout_s=self._timeout_s,
            on_line=self._line,
            on_timeout=self._on_timeout,
            freeze_when_idle=self._freeze_when_idle,
            bare=self._bare,
        )
        return self._process

    def _replace(self, process: FunctionProcess) -> None:
        """Keep a process that was left running; clear away whatever has ended."""
        kept = [*self._zombies, process]
        self._zombies = [one for one in kept if one.alive and self._on_timeout is OnTimeout.LEAVE]
        for one in kept:
            if one not in self._zombies:
                one.close()

    def _environment(self, runtime_api: str) -> dict[str, str]:
        return function_environment(
            name=self._name,
            handler=self._handler,
            task_root=self._task_root,
            layers=self._layers,
            memory_mb=self._memory_mb,
            runtime_api=runtime_api,
            user=self._env,
        )

    def _line(self, line: str) -> None:
        if self._log:
            self._log.write(line + "\n")
        if self._on_line:
            self._on_line(line)
