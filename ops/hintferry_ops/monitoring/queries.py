"""Cut what an alarm selects into queries that CloudWatch takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

VALUES_A_QUERY = 25
"""So many values of the longest kind fit the 2,048 characters of an alarm's query."""


def in_queries(values: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the values of each query, with what its alarm's name ends with: "", "2", "3", ..."""
    for first in range(0, len(values), VALUES_A_QUERY):
        number = first // VALUES_A_QUERY + 1
        yield "" if number == 1 else str(number), tuple(values[first : first + VALUES_A_QUERY])
