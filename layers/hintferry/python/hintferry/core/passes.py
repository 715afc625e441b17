"""What is remembered of a finished pass over a whole table: the gate of cut-over asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from hintferry.core.schema import TableId
from hintferry.core.verdict import Filled, Tally


class Verb(Enum):
    """The two kinds of pass."""

    VERIFY = "verify"
    BACKFILL = "backfill"

    @property
    def sums(self) -> Tally | Filled:
        """Where the results of its ranges are added up."""
        return Tally() if self is Verb.VERIFY else Filled()


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass in which no range was left out. `began` and `ended`: epoch seconds."""

    table: TableId
    verb: Verb
    began: float
    ended: float
    at_all: bool
    """Whether every replica of the source was asked."""

    is_clean: bool
    """Whether every key was equal, or was written."""

    sums: Mapping[str, int]
    """Its Tally or Filled by name."""
