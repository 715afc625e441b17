"""Describe how much one request may ask of a side, learned from what the side says of one that
asked more.

Cassandra (4.1 and later) has guardrails for pages and for lists of keys. Each node has its own, and
an operator can change them while it runs; a refusal and a warning both name the threshold.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from hintferry.adapters.driver.raw_rows import RawProtocolHandler

PAGE_ROWS = 1000
"""An answer holds no more rows, whatever a side allows."""

SAY_EVERY_S = 60.0

VIOLATED = re.compile(
    r"guardrail (page_size|in_select_cartesian_product) violated: .* threshold of (\d+)", re.I
)
_DIGITS = re.compile(r"\d+")


class Guardrails:
    """The least thresholds of a side that were heard so far; a warning counts like a refusal."""

    def __init__(self) -> None:
        self.page_rows = PAGE_ROWS
        self.listed_keys = PAGE_ROWS

    @property
    def rows_by_key(self) -> int:
        """Return how many rows one request may ask for by their keys, to come in one page."""
        return min(self.page_rows, self.listed_keys)

    def hear(self, texts: Iterable[str]) -> None:
        """Keep to what these warnings or errors of the side name."""
        for name, threshold in (found.groups() for found in map(VIOLATED.search, texts) if found):
            most = max(1, int(threshold))
            if name.lower() == "page_size":
                self.page_rows = min(self.page_rows, most)
            else:
                self.listed_keys = min(self.listed_keys, most)


def listening(hear: Callable[[Iterable[str]], None]) -> type[RawProtocolHandler]:
    """Return the raw protocol handler that passes on what each answer warns of."""

    class Listening(RawProtocolHandler):
        @classmethod
        def decode_message(cls, *frame: Any) -> Any:
            message = super().decode_message(*frame)
            if message.warnings:
                hear(message.warnings)
            return message

    return Listening


class EachOnceAMinute(logging.Filter):
    """Lets one of many texts pass that differ in their numbers only: the driver logs a side's
    warning again at each answer."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind, now = _DIGITS.sub("#", record.getMessage()), time.monotonic()
        if now - self._said.get(kind, float("-inf")) < SAY_EVERY_S:
            return False
        self._said[kind] = now
        return True


logging.getLogger("cassandra.protocol").addFilter(EachOnceAMinute())
