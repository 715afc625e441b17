"""CQL type texts, such as `frozen<map<text, int>>`, taken apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class CqlType:
    """A type's name and what stands between its angle brackets."""

    name: str
    parameters: tuple[CqlType, ...] = ()


@lru_cache(4096)
def parse(text: str) -> CqlType:
    """The type that `system_schema` writes as `text`. Raises ValueError."""
    name, bracket, inner = text.strip().partition("<")
    if not bracket:
        return CqlType(name)
    if not inner.endswith(">"):
        raise ValueError(f"{text} is no CQL type")
    return CqlType(name, tuple(parse(part) for part in _split(inner[:-1])))


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for at, character in enumerate(text):
        depth += (character == "<") - (character == ">")
        if character == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]
