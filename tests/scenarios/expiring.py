"""Note when both sides stop showing what expires: rows, values, elements of collections."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cassandra.util import SortedSet

LOOKS_EVERY_S = 0.1

Item = tuple[str, str]
"""The kind of a thing, and which one."""


@dataclass(slots=True)
class Expiring:
    """Both sides of one table, looked at again and again while nobody writes.

    `late_s`: of what went from both sides, how much later it went from the target.
    """

    source: Any
    target: Any
    table: str
    early: list[Item] = field(default_factory=list)
    late_s: dict[Item, float] = field(default_factory=dict)
    is_even: bool = False
    _source: set[Item] = field(default_factory=set)
    _gone: dict[Item, float] = field(default_factory=dict)

    @property
    def rows(self) -> set[Item]:
        """Return the rows that the source showed last."""
        return {one for one in self._source if one[0].startswith("row of ")}

    def look(self) -> None:
        """The target first: what the source still shows after that, it must not lack."""
        now = time.monotonic()
        target, source = _items(self.target, self.table), _items(self.source, self.table)
        self.early += [one for one in source if one not in target and one not in self.early]
        self._gone |= dict.fromkeys(self._source - source, now)
        over = (one for one in self._gone if one not in target and one not in self.late_s)
        self.late_s |= {one: now - self._gone[one] for one in over}
        self._source, self.is_even = source, source == target


def watch(tables: Sequence[Expiring], least_s: float, most_s: float) -> None:
    """Look at them, until both sides show the same."""
    began = time.monotonic()
    while tables:
        for one in tables:
            one.look()
        took_s = time.monotonic() - began
        if took_s > most_s or (took_s > least_s and all(one.is_even for one in tables)):
            break
        time.sleep(LOOKS_EVERY_S)


def _items(session: Any, table: str) -> set[Item]:
    rows = session.execute(f"SELECT * FROM {table}")
    names = rows.column_names
    return {item for row in rows for item in _of_row(table, dict(zip(names, row, strict=True)))}


def _of_row(table: str, row: Mapping[str, Any]) -> Iterator[Item]:
    """The key columns of the scenarios are `a` and `b`."""
    key = repr([row[name] for name in ("a", "b") if name in row])
    keyspace, _, name = table.partition(".")
    yield f"row of {keyspace}.{name}", key
    for column, value in row.items():
        if column not in ("a", "b") and value is not None:
            for element in _elements(value):
                yield f"{keyspace}.{name}.{column}", f"{key} {element}"


def _elements(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from (repr(pair) for pair in value.items())
    elif hasattr(value, "_asdict"):
        yield from (repr(pair) for pair in value._asdict().items() if pair[1] is not None)
    elif isinstance(value, list | SortedSet):
        yield from map(repr, value)
    else:
        yield repr(value)
