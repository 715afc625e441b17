"""Commands that go on running until they are interrupted, and what they leave."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.parts.launch import tied
from tools.places import ROOT

_READY_S, _ENDS_S = 150.0, 60.0


class Command:
    """A running `python -m`; `seen` is what it has printed up to now."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.seen = ""

    def read_until(self, text: str) -> None:
        assert self._process.stdout is not None
        end = time.monotonic() + _READY_S
        while text not in self.seen:
            line = self._process.stdout.readline()
            assert line, self.seen
            assert time.monotonic() < end, self.seen
            self.seen += line

    def interrupt(self) -> int:
        """As Ctrl-C does; gives the exit status."""
        self._process.send_signal(signal.SIGINT)
        rest, _ = self._process.communicate(timeout=_ENDS_S)
        self.seen += rest
        return self._process.returncode


@contextmanager
def running(*command: str) -> Iterator[Command]:
    with subprocess.Popen(
        tied(sys.executable, "-m", *command),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            yield Command(process)
        finally:
            if process.poll() is None:
                process.kill()


def processes_of(output: str) -> list[str]:
    """Commands that still run at the addresses of the sandbox which printed `output`."""
    block = re.search(r"Kafka (127\.77\.\d+\.)1\n", output)
    assert block, output
    commands = [
        path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        for path in Path("/proc").glob("[0-9]*/cmdline")
    ]
    return [command for command in commands if block[1] in command]
