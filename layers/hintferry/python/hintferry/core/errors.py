"""Describe what can go wrong with a key, one class per decision that follows.

HintferryError
├── Unprocessable          this record can never succeed as it is: park it
│   ├── Undecodable            its bytes make no hint
│   ├── UnknownTable           it names a table that the source does not have
│   ├── SchemaMismatch         the two sides do not agree about its table
│   ├── Unrepresentable        a side refuses this key or row for what it is
│   └── Stuck                  it makes no progress although both sides serve
├── SideFault              a whole side cannot serve now: back off, then return the records
│   ├── Unavailable            down, or too slow
│   │   ├── Unreachable            no connection to it can be made
│   │   └── Troubled               it failed at this and does not say whose fault that is
│   │       └── InDoubt                counters that may have been written: wait for their lease
│   ├── Masked                 it shows other values than it stores
│   └── Throttled              asked for less
├── Overwhelmed            a side says that this is too much to read: ask for less, or park it
├── Fenced                 its table was cut over: skip the record
├── Paused                 an operator paused its table: return the records
├── LeaseLost              another worker counts this partition now: return the records
├── StaleRead              too much time passed between read and write: read again
├── LateAnswer             it answered too late to count a TTL by: do it once more
├── NoTimeLeft             the invocation ends soon: return the records
├── ClockFault             the machine's clock cannot be used now: return the records
└── ConfigurationError     the deployment is wrong: say what to fix and fail
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar


class ParkReason(Enum):
    """The reasons why a record lies in the parked queue; part of the message format."""

    UNDECODABLE = "undecodable"
    UNKNOWN_TABLE = "unknown_table"
    SCHEMA = "schema"
    UNREPRESENTABLE = "unrepresentable"
    STUCK = "stuck"


class Side(Enum):
    """The two databases."""

    SOURCE = "source"
    TARGET = "target"


class HintferryError(Exception):
    """Base of everything that Hintferry raises on purpose."""


class Unprocessable(HintferryError):
    """This record can never succeed as it is."""

    reason: ClassVar[ParkReason]


class Undecodable(Unprocessable):
    """The record's bytes make no hint."""

    reason = ParkReason.UNDECODABLE


class UnknownTable(Unprocessable):
    """The record names a table that the source does not have."""

    reason = ParkReason.UNKNOWN_TABLE


class SchemaMismatch(Unprocessable):
    """The two sides do not agree about a table."""

    reason = ParkReason.SCHEMA


class Unrepresentable(Unprocessable):
    """A side refuses this key or row for what it is."""

    reason = ParkReason.UNREPRESENTABLE


class Stuck(Unprocessable):
    """It makes no progress although both sides serve."""

    reason = ParkReason.STUCK


class SideFault(HintferryError):
    """A whole side cannot serve now."""

    def __init__(self, side: Side, text: str) -> None:
        super().__init__(f"{side.value}: {text}")
        self.side, self.text = side, text


class Unavailable(SideFault):
    """The side is down, or too slow."""


class Unreachable(Unavailable):
    """No connection to the side can be made."""


class Troubled(Unavailable):
    """The side failed at this key or slice, and does not say whose fault that is.

    Handled as the side's own, until minutes have shown that it is the key's: see
    `hintferry.live.timeout_streaks`.
    """


class InDoubt(Troubled):
    """Counters that may have been written: nothing more of them until their lease has run out."""


class Masked(SideFault):
    """The source shows our login other values of a table than it stores."""


class Throttled(SideFault):
    """The side asked for less."""


class Overwhelmed(HintferryError):
    """A side says that this key or slice is too much to read."""


class Fenced(HintferryError):
    """The table was cut over: Hintferry may not write it any more."""


class Paused(HintferryError):
    """An operator paused the table: nothing is done for it until it goes on."""


class LeaseLost(HintferryError):
    """Another worker counts this partition now."""


class StaleRead(HintferryError):
    """Too much time passed between a read and its write."""


class LateAnswer(HintferryError):
    """A read or a write was done, but too slowly to count a TTL by."""


class NoTimeLeft(HintferryError):
    """The invocation ends before this work could be done."""


class ClockFault(HintferryError):
    """The machine's clock cannot be used now."""


class ConfigurationError(HintferryError):
    """The deployment is wrong; the text says what to fix."""
