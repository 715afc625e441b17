"""Waiting for something to become true, never without a bound."""

import time
from collections.abc import Callable

from sandbox.parts.errors import SandboxError


def until(true: Callable[[], bool], seconds: float, what: str, pause: float = 0.1) -> None:
    """Wait until `true()`; after `seconds` raise SandboxError naming `what`."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise SandboxError(f"After {seconds:.0f} s it is still not so that {what}.")
        time.sleep(pause)
