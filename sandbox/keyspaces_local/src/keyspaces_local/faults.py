"""Faults that a test asks for: which requests they meet, and what is done to those. Pure.

Draws come from a generator of the fault's own seed, one for each request that the fault could meet.
So the same requests in the same order meet the same fate.
"""

import random
from dataclasses import dataclass
from enum import Enum


class FaultAction(Enum):
    REFUSE = "refuse"
    """Answer an error; nothing is done."""
    DELAY = "delay"
    """Do it `seconds` later."""
    DROP_ANSWER = "drop-answer"
    """Do it and never answer."""
    CUT = "cut"
    """Reset the connection; the request is not done."""
    CUT_AFTER = "cut-after"
    """Do it and reset the connection in place of the answer."""


class Operation(Enum):
    ANY = "any"
    READ = "read"
    WRITE = "write"


class ErrorAnswer(Enum):
    """The answers that a refused request can get."""

    THROTTLED = "throttled"
    """The timeout with 0 responses that throttles look like."""
    SERVER_ERROR = "server-error"


@dataclass(frozen=True, slots=True)
class Fault:
    """`share` of the requests (0 to 1), of one table (`keyspace.table`) or of all."""

    action: FaultAction
    share: float = 1.0
    table: str | None = None
    operation: Operation = Operation.ANY
    seconds: float = 0.0
    answer: ErrorAnswer = ErrorAnswer.THROTTLED
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"the share of a fault is above 0 and at most 1, not {self.share}")
        if (self.action is FaultAction.DELAY) != (self.seconds > 0):
            raise ValueError("seconds above 0 belong to a delay, and to nothing else")


@dataclass(frozen=True, slots=True)
class FaultCount:
    """A fault under its number; `met` requests could have been hit, `fired` were."""

    number: int
    fault: Fault
    met: int
    fired: int


class ArmedFault:
    """A fault with its generator and its counts."""

    __slots__ = ("_random", "fault", "fired", "met", "number")

    def __init__(self, number: int, fault: Fault) -> None:
        self.number, self.fault = number, fault
        self.met = self.fired = 0
        self._random = random.Random(fault.seed)

    def meets(self, table: str, write: bool) -> bool:
        fault = self.fault
        if fault.table not in (None, table):
            return False
        return fault.operation is not (Operation.READ if write else Operation.WRITE)

    def fires(self) -> bool:
        """Draws for one request that it meets."""
        self.met += 1
        hit = self._random.random() < self.fault.share
        self.fired += hit
        return hit

    def count(self) -> FaultCount:
        return FaultCount(self.number, self.fault, self.met, self.fired)
