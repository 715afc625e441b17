"""Read what `fqltool dump` prints of a full-query log, as a stream.

A record is a few lines: `Type`, `Query start time`, then `Query` and `Values`. A query may have
several lines. Values are hexadecimal dumps; fqltool prints 1,024 bytes of each, and nothing of an
empty one. So values are known only where as many are there as the statement has markers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hintferry.core.errors import ConfigurationError
from hintferry_ops.statements.collection import Collection

SIGN = "Type: "
"""What each record begins with, and so each log."""

_DUMP = re.compile(r"^([0-9a-f]{8})((?: {1,2}[0-9A-F]{2})+)")
_SEPARATOR, _TRUNCATED = "-----", "... truncated"
_PLACE_EVERY = 1 << 20
"""Bytes between two calls of `progress`."""


@dataclass(slots=True)
class Record:
    """One call as the log has it; `queries` are several in a batch.

    `values` are those of each query; None where the log does not have them whole.
    """

    line: int
    kind: str
    at_ms: int = 0
    batch: str = ""
    queries: list[str] = field(default_factory=list)
    values: list[list[bytes] | None] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Return the statement; a batch of the protocol as CQL writes it."""
        if self.kind != "batch":
            return self.queries[0]
        kind = "" if self.batch.lower() == "logged" else f"{self.batch.upper()} "
        parts = " ".join(f"{one.strip().rstrip(';')};" for one in self.queries)
        return f"BEGIN {kind}BATCH {parts} APPLY BATCH"

    @property
    def bound(self) -> Sequence[Sequence[bytes]] | None:
        """Return the values of all queries; None where one of them is not known."""
        whole = [one for one in self.values if one is not None]
        return whole if len(whole) == len(self.queries) else None


def read_log(path: Path, into: Collection, progress: Callable[[int], None]) -> int:
    """Count every call of the log; give their number. `progress` gets the bytes read so far.

    A last record without its end is left out and remarked. Raises ConfigurationError for a file
    that cannot be read, or is no such log.
    """
    calls = 0
    try:
        with path.open("rb") as file:
            for record in records(_lines(file, progress), lambda why: _cut(path, why, into)):
                origin = f"{path.name}:{record.line}"
                one = into.add(record.text, origin)
                into.timed(one, record.at_ms, record.bound)
                calls += 1
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    if not calls:
        raise ConfigurationError(
            f"{path} has no record of a full-query log; print one with `fqltool dump FOLDER`"
        )
    return calls


def records(lines: Iterable[str], cut: Callable[[str], None]) -> Iterator[Record]:
    """Yield the records; `cut` hears of each that has no end."""
    record: Record | None = None
    state = _State()
    for number, line in enumerate(lines, 1):
        if line.startswith(SIGN):
            if record is not None:
                cut(f"the record at line {record.line} has no end")
            record, state = Record(number, line[len(SIGN) :].strip()), _State()
        elif record is not None:
            if not line and state.in_values and _is_whole(record, state):
                state.close(record)
                yield record
                record = None
            else:
                state.take(record, line)
    if record is not None:
        cut(f"it ends within the record at line {record.line}")


@dataclass
class _State:
    """The place within a record: what the next line belongs to."""

    in_query: bool = False
    in_values: bool = False
    values: list[bytes] = field(default_factory=list)
    partial: bool = False
    offset: int = -1

    def take(self, record: Record, line: str) -> None:
        """Take one line into the record."""
        name, colon, rest = line.partition(":")
        if self.in_values and self._value(line):
            return
        if colon and name == "Query":
            self.close(record)
            record.queries.append(rest.strip())
            self.in_query, self.in_values = True, False
        elif colon and name == "Values" and not rest.strip():
            self.in_query, self.in_values = False, True
        elif self.in_query:
            record.queries[-1] += f"\n{line}"
        elif name == "Query start time" and rest.strip().isdigit():
            record.at_ms = int(rest)
        elif name == "Batch type":
            record.batch = rest.strip()

    def _value(self, line: str) -> bool:
        """Take a line of a value; return whether it was one."""
        found = _DUMP.match(line)
        if found:
            offset, part = int(found[1], 16), bytes.fromhex(found[2])
            if offset <= self.offset or self.offset < 0:
                self.values.append(b"")
            self.values[-1] += part
            self.offset = offset
        elif line == _SEPARATOR:
            self.offset = -1
        elif line == _TRUNCATED or line.startswith("...."):
            self.partial = True
        else:
            return False
        return True

    def close(self, record: Record) -> None:
        """Give the record the values of its last query."""
        if record.queries and len(record.values) < len(record.queries):
            record.values.append(None if self.partial else self.values)
        self.values, self.partial, self.offset = [], False, -1


def _is_whole(record: Record, state: _State) -> bool:
    known = record.kind in ("single-query", "batch") and bool(record.queries)
    return known and not state.in_query


def _lines(file: Iterable[bytes], progress: Callable[[int], None]) -> Iterator[str]:
    read, told = 0, 0
    for line in file:
        read += len(line)
        if read - told >= _PLACE_EVERY:
            told = read
            progress(read)
        yield line.decode("utf-8", "replace").rstrip("\r\n")
    progress(read)


def _cut(path: Path, why: str, into: Collection) -> None:
    into.remarks.append(f"{path}: {why}, so that call is not counted; all others are")
