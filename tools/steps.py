"""Provide the parts of a set-up step: a stamp, a lock, a command whose failure is a sentence."""

import fcntl
import hashlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools import places

_LONGEST_SECONDS = 1800
_LAST_LINES = 12


class SetupError(Exception):
    """Set-up cannot go on; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Step:
    """Done while the hash of `inputs` and `also` is in its stamp and all of `makes` exists."""

    name: str
    label: str
    inputs: Sequence[Path]
    makes: Sequence[Path]
    action: Callable[[], None]
    also: str = ""

    def done(self) -> bool:
        stamp = self._stamp()
        made = all(path.exists() for path in self.makes)
        return made and stamp.exists() and stamp.read_text() == self._state()

    def bring_up_to_date(self) -> None:
        if self.done():
            return
        print(f"set-up: {self.label} ...", flush=True)
        began = time.monotonic()
        self.action()
        self._stamp().parent.mkdir(parents=True, exist_ok=True)
        self._stamp().write_text(self._state())
        print(f"set-up: {self.label}: {time.monotonic() - began:.0f} s", flush=True)

    def _stamp(self) -> Path:
        return places.STAMPS / self.name

    def _state(self) -> str:
        state = hashlib.sha256(self.also.encode())
        for path in self.inputs:
            state.update(path.read_bytes())
        return state.hexdigest()


@contextmanager
def setup_lock() -> Iterator[None]:
    """One set-up at a time for all checkouts that share the cache."""
    places.cache().mkdir(parents=True, exist_ok=True)
    with (places.cache() / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("set-up: waiting for another set-up of this user ...", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Run a command from the top of the checkout; SetupError with its last lines when it fails."""
    try:
        done = subprocess.run(
            command,
            cwd=places.ROOT,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_LONGEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SetupError(f"`{command[0]}` took longer than {_LONGEST_SECONDS} s.") from error
    if done.returncode != 0:
        last = "\n  ".join(done.stdout.splitlines()[-_LAST_LINES:])
        raise SetupError(f"`{' '.join(command[:4])} ...` failed:\n  {last}")
