"""The application, which writes the target as soon as its table is cut over.

It goes straight to the store behind the target's proxy. So the meters of the proxy count the
writes of Hintferry alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cassandra.query import PreparedStatement

from sandbox.compare import Difference

_ROWS, _NEW_ROWS, _PAUSE_S = 60, 10, 0.03
_NEW = 900_000
"""The first number in keys that nothing else draws."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """The key columns of a table, and the column that the application writes, if there is one.

    A row with static columns is never deleted: what stays of its partition is no row.
    """

    keys: tuple[str, ...]
    column: str | None
    is_deleted: bool = False

    @property
    def where(self) -> str:
        return " AND ".join(f"{name} = ?" for name in self.keys)


_SHAPES = {
    "users": _Shape(("id",), "name", is_deleted=True),
    "items": _Shape(("shop", "day", "at", "n"), "state"),
    "events": _Shape(("pk", "seq"), "v"),
    "edges": _Shape(("a", "b"), None, is_deleted=True),
    "mortal": _Shape(("pk", "ck"), "base"),
    "counts": _Shape(("pk", "ck"), "hits"),
    "moving": _Shape(("pk", "ck"), "base", is_deleted=True),
}
_ADDED = 1_000_000
"""What the application adds to a counter, once a row."""

Key = tuple[Any, ...]


class Application:
    """Writes one table; `behind` is a session of the store behind the target."""

    def __init__(self, behind: Any, table: str) -> None:
        self._behind, self.table = behind, table
        self._shape = _SHAPES[table.partition(".")[2]]
        self._wanted: dict[Key, Any] = {}
        """What the written column of each row must hold; of a row that was deleted, nothing."""

    def __len__(self) -> int:
        return len(self._wanted)

    def write(self) -> None:
        """Change, delete and add rows, for some seconds. Raises what the driver raises."""
        shape = self._shape
        deleting = self._prepared(f"DELETE FROM {self.table} WHERE {shape.where}")
        for number, (key, value) in enumerate(self._present()):
            if shape.is_deleted and number % 3 == 0:
                self._behind.execute(deleting, key)
                self._wanted[key] = None
            elif shape.column is not None:
                self._write(key, value)
            time.sleep(_PAUSE_S)
        for number in range(_NEW, _NEW + _NEW_ROWS):
            self._write(self._new_key(number), None)
            time.sleep(_PAUSE_S)

    def lost(self) -> list[str]:
        """Return the writes that are not there any more."""
        column = self._shape.column or self._shape.keys[0]
        reading = self._prepared(f"SELECT {column} FROM {self.table} WHERE {self._shape.where}")
        return [
            f"{self.table} {key}: {found} in place of {wanted}"
            for key, wanted in self._wanted.items()
            if (found := self._found(reading, key)) != wanted
        ]

    def explains(self, difference: Difference) -> bool:
        """Return whether the application is why this row differs from the source's."""
        column = self._shape.column
        if difference.key not in {", ".join(map(repr, key)) for key in self._wanted}:
            return False
        return not difference.on_both or set(difference.columns) <= {column, f"ttl({column})"}

    def _present(self) -> Iterator[tuple[Key, Any]]:
        """Yield the keys of some rows, each with the value of the written column."""
        names = [*self._shape.keys, self._shape.column or self._shape.keys[0]]
        rows = self._behind.execute(f"SELECT {', '.join(names)} FROM {self.table} LIMIT {_ROWS}")
        for *key, value in rows.all():
            # A partition of static columns alone is no row.
            if None not in key:
                yield tuple(key), value

    def _write(self, key: Key, value: Any) -> None:
        column = self._shape.column
        if column is None:
            insert = f"INSERT INTO {self.table} (a, b) VALUES (?, ?)"
            self._behind.execute(self._prepared(insert), key)
            self._wanted[key] = key[0]
            return
        is_counter = column == "hits"
        sent: Any = _ADDED if is_counter else f"the application's {len(self._wanted)}"
        to = "hits + ?" if is_counter else "?"
        update = f"UPDATE {self.table} SET {column} = {to} WHERE {self._shape.where}"
        self._behind.execute(self._prepared(update), (sent, *key))
        self._wanted[key] = (value or 0) + sent if is_counter else sent

    def _new_key(self, number: int) -> Key:
        rest: Sequence[Any] = self._shape.keys[1:]
        first = "application" if self._shape.keys[0] == "shop" else number
        return (first, *(number for _ in rest))

    def _found(self, reading: PreparedStatement, key: Key) -> Any:
        row = self._behind.execute(reading, key).one()
        return None if row is None else row[0]

    def _prepared(self, text: str) -> PreparedStatement:
        # The driver's own cache would not spare the round trip, which takes a millisecond here.
        prepared: PreparedStatement = self._behind.prepare(text)
        return prepared
