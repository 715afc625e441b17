"""Collect statements from any source, each counted under its normal form. Memory is bounded."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hintferry.core.cql_text import BadCql, tokens_of
from hintferry.core.schema import Table, TableId
from hintferry_ops.statements.hot import HotPartitions
from hintferry_ops.statements.normal import normal
from hintferry_ops.statements.shape import Kind, Shape, shape_of

MOST_STATEMENTS, MOST_ORIGINS, MOST_UNREAD = 20_000, 5, 1_000
"""Different statements, places of each, and texts that do not parse, which are kept."""

_QUOTING = re.compile(r'--|//|/\*|\$\$|"')
_HEX = "[0-9a-fA-F]"
_LITERALS = re.compile(
    rf"'(?:[^']|'')*'|\b{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}\b|\b0[xX]{_HEX}+\b|\b\d+(?:\.\d+)?\b"
)

KNOWN_TEXTS = 50_000
"""Texts that are known as they stand, so that a prepared statement is taken apart once."""


@dataclass(slots=True)
class Found:
    """One statement: how often it was found, and where; `example` is the widest as it was found.

    `keyspace`: that of its session, where the source tells it.
    """

    shape: Shape
    example: str
    literals: tuple[str, ...]
    keyspace: str
    count: int = 0
    origins: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Return the normal form."""
        return self.shape.text

    @property
    def width(self) -> int:
        """Return how wide it is at its widest: keys of IN lists, and statements of a batch."""
        return _width(self.shape)


@dataclass(frozen=True, slots=True)
class Unread:
    """A text that is no statement of CQL: where it stands, and why."""

    origin: str
    why: str


@dataclass
class Collection:
    """All statements that were found. `calls_tell_rate`: whether counts are calls in a time.

    `left_out` counts calls of statements beyond the first `MOST_STATEMENTS` different ones.
    """

    tables: Mapping[TableId, Table] = field(default_factory=dict)
    found: dict[tuple[str, str], Found] = field(default_factory=dict)
    unread: list[Unread] = field(default_factory=list)
    unread_count: int = 0
    left_out: int = 0
    first_ms: int = 0
    last_ms: int = 0
    """When the first and the last call of a log began (epoch ms); 0 where no source has times."""

    remarks: list[str] = field(default_factory=list)
    """What a source could not tell: a log that is cut off, code that builds statements."""

    hot: HotPartitions = field(default_factory=HotPartitions)
    _known: OrderedDict[tuple[str, str], Found | None] = field(default_factory=OrderedDict)

    @property
    def seconds(self) -> float:
        """Return the time that the calls took place in; 0 where it is not known."""
        return (self.last_ms - self.first_ms) / 1_000 if self.first_ms else 0.0

    @property
    def statements(self) -> list[Found]:
        """Return the statements, the most frequent first."""
        return sorted(self.found.values(), key=lambda one: (-one.count, one.text))

    def add(self, text: str, origin: str, keyspace: str = "", count: int = 1) -> Found | None:
        """Count a statement; None for what does not parse, which is kept with its reason."""
        known = (keyspace, _rough(text))
        if known in self._known:
            self._known.move_to_end(known)
            one = self._known[known]
        else:
            one = self._entered(text, origin, keyspace)
            self._known[known] = one
            if len(self._known) > KNOWN_TEXTS:
                self._known.popitem(last=False)
        if one is None:
            return None
        one.count += count
        if len(one.origins) < MOST_ORIGINS and origin not in one.origins:
            one.origins.append(origin)
        return one

    def timed(
        self, one: Found | None, at_ms: int, values: Sequence[Sequence[bytes]] | None
    ) -> None:
        """Note the time of a call, and its partitions where its values tell them.

        `values` has the bound values of each part; None where the log lacks some.
        """
        self.first_ms = min(self.first_ms or at_ms, at_ms)
        self.last_ms = max(self.last_ms, at_ms)
        if one is None or values is None or len(values) != len(one.shape.each):
            return
        for part, bound in zip(one.shape.each, values, strict=True):
            table = self.table_of(part, one.keyspace)
            if table is not None:
                self.hot.see(table, part, bound, at_ms)

    def table_of(self, shape: Shape, keyspace: str) -> Table | None:
        """Return the table of a statement, where the schema has it.

        A name without a keyspace is that of the session, or else the only one of that name.
        """
        named = shape.table
        if named is None:
            return None
        if named.keyspace or keyspace:
            return self.tables.get(TableId(named.keyspace or keyspace, named.name))
        alike = [table for one, table in self.tables.items() if one.name == named.name]
        return alike[0] if len(alike) == 1 else None

    def refuse(self, origin: str, why: str) -> None:
        """Keep a text that is no statement."""
        self.unread_count += 1
        if len(self.unread) < MOST_UNREAD:
            self.unread.append(Unread(origin, why))

    def _entered(self, text: str, origin: str, keyspace: str) -> Found | None:
        try:
            form = normal(text)
            shape = shape_of(form)
        except BadCql as error:
            self.refuse(origin, str(error))
            return None
        key = (keyspace, form.text)
        one = self.found.get(key)
        if one is None:
            if len(self.found) >= MOST_STATEMENTS:
                self.left_out += 1
                return None
            one = self.found[key] = Found(shape, text, form.literals, keyspace)
        elif _width(shape) > one.width:
            one.shape, one.example, one.literals = shape, text, form.literals
        return one


def split(text: str) -> Iterator[tuple[int, str]]:
    """Yield the statements of a file of CQL with their lines, from 1. Raises BadCql.

    A semicolon within BEGIN … APPLY BATCH parts nothing.
    """
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    begin: int | None = None
    first = 0
    words: list[str] = []
    for token in tokens_of(text):
        at = starts[token.line - 1] + token.column - 1
        if begin is None:
            begin, first, words = at, token.line, []
        words.append(token.text)
        in_batch = words[0] == "begin" and words[-3:-1] != ["apply", "batch"]
        if token.is_sign(";") and not in_batch:
            if len(words) > 1:
                yield first, text[begin:at]
            begin = None
    if begin is not None:
        yield first, text[begin:]


def _rough(text: str) -> str:
    """Return a key that texts share only if they differ in nothing but literals. It is quick.

    What may hold a quote that ends no string is its own key.
    """
    if _QUOTING.search(text):
        return text
    return _LITERALS.sub("?", text)


def _width(shape: Shape) -> int:
    lists = sum(max(1, one.values) for one in shape.where if one.operator == "in")
    return lists + len(shape.parts) if shape.kind in (Kind.SELECT, Kind.BATCH) else lists
