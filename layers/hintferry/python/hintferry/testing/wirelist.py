"""A list as CQL carries it: count, then length and bytes of each element."""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack, unpack_from


def encode(elements: Sequence[bytes]) -> bytes:
    """The wire bytes of a list."""
    sized = (pack(">i", len(element)) + element for element in elements)
    return pack(">i", len(elements)) + b"".join(sized)


def decode(value: bytes) -> list[bytes]:
    """The elements of a list."""
    (count,) = unpack_from(">i", value)
    at, elements = 4, []
    for _ in range(count):
        (length,) = unpack_from(">i", value, at)
        elements.append(value[at + 4 : at + 4 + length])
        at += 4 + length
    return elements
