"""Work that a message of a queue stands for: known exactly, though a queue only estimates its size.

A row is there before the message is sent, and goes when what the message asks for is settled.
"""

from __future__ import annotations

from dataclasses import dataclass

PARKED = "parked"
"""The reason of an item that waits for a person."""

ANY_TABLE = "*"
"""The name of an item whose record names no table that is known: it may be of any.

A partition key must not be empty."""


@dataclass(frozen=True, slots=True)
class OpenItem:
    """One message of the replay queue or of the parked one, by the name of its table and its id.

    `due`: when it is to be taken up, or when it was parked (epoch seconds).
    """

    name: str
    id: bytes
    due: float
    reason: str
