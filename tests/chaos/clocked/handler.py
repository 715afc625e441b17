"""The shipped processor in a process whose clock is never quite right, and now and then wrong.

It is always off by less than the margin, each process by as much as it draws; and by as much more
as a file says, in every second process.
"""

from __future__ import annotations

import os
import random
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from hintferry.core.limits import CLOCK_MARGIN_S

WRONG = Path(os.environ["HINTFERRY_CONFIG"]).parent / "wrong_clock"
SHIPPED = Path(__file__).parents[3] / "functions" / "processor" / "handler.py"

_LOOK_EVERY_S = 0.02
_always_ns = int(random.uniform(-0.8, 0.8) * CLOCK_MARGIN_S * 1e9)
_wrong_ns, _look_at = 0, 0.0
_true_time_ns = time.time_ns


def _time_ns() -> int:
    global _wrong_ns, _look_at
    if (now := time.monotonic()) >= _look_at:
        _wrong_ns, _look_at = _said(), now + _LOOK_EVERY_S
    return _true_time_ns() + _always_ns + _wrong_ns


def _said() -> int:
    """The file holds which half of the processes, and by how many nanoseconds."""
    try:
        half, wrong_ns = map(int, WRONG.read_text().split())
    except FileNotFoundError:
        return 0
    return wrong_ns if os.getpid() % 2 == half else 0


time.time_ns = _time_ns
time.time = lambda: _time_ns() / 1e9

# Behind the change of the clock.
spec = spec_from_file_location("shipped", SHIPPED)
assert spec is not None
assert spec.loader is not None
shipped = module_from_spec(spec)
spec.loader.exec_module(shipped)
lambda_handler = shipped.lambda_handler
