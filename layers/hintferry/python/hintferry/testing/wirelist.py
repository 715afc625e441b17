"""A list as CQL carries it: count, then length and bytes of each element."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import pack, unpack_from


def encode(elements: Sequence[bytes]) -> bytes:
    """The wire bytes of a list."""
    sized = (pack(">i", len(element)) + element for element in elements)
    return pack(">i", len(elements)) + b"".join(sized)


def decode(value: bytes) -> list[bytes]:
    """The elements of a list."""
    return [element or b"" for element in parts(value, 4)]


def parts(value: bytes, at: int) -> Iterator[bytes | None]:
    """Yield the values that stand there one after the other, each behind its length; None: null."""
    while at < len(value):
        (length,) = unpack_from(">i", value, at)
        at += 4
        yield None if length < 0 else value[at : at + length]
        at += max(0, length)
