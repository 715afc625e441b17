"""Draws a schema and its writes from a seed: every name, type and place that CQL has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import TypeVar

from hintferry.core.cql_type import NATIVES, CqlType, TypeKind
from hintferry.core.schema import ColumnKind
from tests.fuzz.case import Beside, BesideKind, Case, OneColumn, OneTable, OneType, Write, WriteKind

T = TypeVar("T")

_WORDS = (
    "order", "select", "primary", "table", "token", "from", "where", "in", "batch", "index", "use",
    "set", "and", "null", "key", "static", "frozen", "list", "map", "tuple", "vector", "type",
    "timestamp", "ttl", "writetime", "counter", "values", "role", "is", "materialized", "default",
    "unset", "json", "distinct", "exists", "infinity", "nan", "add", "mask", "masked", "with",
)  # fmt: skip
"""of CQL, reserved in some version or in none"""
_TABLE_NAMES = ("events", "users", "Users", "USERS", "Order_Lines", "a1", "_x", "1st", "t" * 48)
_ODD_NAMES = (
    "two words", "dot.ted", "semi;colon", 'quo"te', "it's", "-- no comment", "/*", "é", "列",
    "Case", "CASE", "case", "$$", "x" * 48, "%s", "?", ":name", "[applied]", "a,b", "<int>", "{k}",
)  # fmt: skip
_TYPE_NAMES = ("Phone", "phone", "address", "list<int>", "org", "vector", "frozen", "T1", "t1")

_OF_KEYS = sorted(NATIVES - {"counter", "duration", "empty", "varchar"})
_ONE_FORM = sorted(set(_OF_KEYS) - {"boolean", "decimal", "double", "float", "varint"})
_CUSTOM = "org.apache.cassandra.db.marshal.LexicalUUIDType"
_DEEPEST, _WIDE = 3, 230
"""levels of a type, and columns that are too many for one statement of Keyspaces"""

_OPTIONS = (
    "comment = 'it''s; -- a /* comment'",
    "comment = 'WITH cdc = false AND x'",
    "gc_grace_seconds = 3600",
    "compaction = {'class': 'LeveledCompactionStrategy', 'sstable_size_in_mb': '120'}",
    "compression = {'enabled': 'false'}",
    "caching = {'keys': 'ALL', 'rows_per_partition': '10'}",
    "speculative_retry = '99p'",
    "bloom_filter_fp_chance = 0.1",
    "read_repair = 'NONE'",
)
_LONG_TTL_S, SHORT_TTL_S = 86_400, 4


class Drawer:
    """Draws from `random`; `vectors` and `masks` are of Cassandra 5 alone."""

    def __init__(self, random: Random, keyspace: str, *, vectors: bool, masks: bool) -> None:
        self._random, self._keyspace = random, keyspace
        self._vectors, self._masks = vectors, masks
        self._types: list[OneType] = []

    def types(self, most: int) -> list[OneType]:
        """Return user types, each of those before it."""
        names = list(dict.fromkeys([*_TYPE_NAMES, *_WORDS, *_ODD_NAMES]))
        for name in self._random.sample(names, self._random.randint(0, most)):
            self._types.append(self._type(name))
        if self._chance(0.04):
            self._types.append(self._type(self._one(["int", "text", "uuid"])))
        return list(self._types)

    def table(self, name: str) -> OneTable:
        """Return a table of these types, with what stands on it."""
        if self._chance(0.12):
            return self._counters(name)
        columns = list(self._columns())
        table = OneTable(self._keyspace, name, tuple(columns))
        expires = not table.of(ColumnKind.STATIC) and self._chance(0.3)
        return replace(
            table,
            options=tuple(self._options()),
            beside=tuple(self._beside(table)),
            default_ttl=_LONG_TTL_S * self._chance(0.15),
            expires=expires,
            is_captured=self._chance(0.8),
        )

    def _columns(self) -> Iterator[OneColumn]:
        names = self._names()
        for _ in range(self._one([1, 1, 1, 2, 3])):
            yield OneColumn(next(names), self._key_type(), ColumnKind.PARTITION_KEY)
        clustering = self._one([0, 1, 1, 2, 3])
        for _ in range(clustering):
            kind = self._key_type()
            yield OneColumn(next(names), kind, ColumnKind.CLUSTERING, self._chance(0.4))
        for _ in range(self._one([0, 0, 1, 2]) if clustering else 0):
            yield self._value(next(names), ColumnKind.STATIC)
        for _ in range(self._one([0, 1, 2, 3, 5])):
            yield self._value(next(names), ColumnKind.REGULAR)
        for number in range(_WIDE if self._chance(0.02) else 0):
            yield OneColumn(f"w{number}", self._native(_OF_KEYS), ColumnKind.REGULAR)

    def _value(self, name: str, kind: ColumnKind) -> OneColumn:
        masked = self._masks and self._chance(0.05)
        return OneColumn(name, self._column_type(), kind, masked=masked)

    def _counters(self, name: str) -> OneTable:
        names, value = self._names(), CqlType(TypeKind.NATIVE, "counter")
        columns = [OneColumn(next(names), self._key_type(), ColumnKind.PARTITION_KEY)]
        for _ in range(self._one([0, 1, 2])):
            of_key = self._native(_ONE_FORM if self._chance(0.9) else _OF_KEYS)
            columns.append(OneColumn(next(names), of_key, ColumnKind.CLUSTERING))
        if len(columns) > 1 and self._chance(0.1):
            columns.append(OneColumn(next(names), value, ColumnKind.STATIC))
        columns += [OneColumn(next(names), value) for _ in range(self._one([1, 1, 2, 3]))]
        return OneTable(self._keyspace, name, tuple(columns), is_captured=self._chance(0.8))

    def _options(self) -> Iterator[str]:
        chosen = self._random.sample(_OPTIONS, self._one([0, 0, 1, 2]))
        seen: set[str] = set()
        for option in chosen:
            if (name := option.partition(" ")[0]) not in seen:
                seen.add(name)
                yield option

    def _beside(self, table: OneTable) -> Iterator[Beside]:
        plain = [one for one in table.of(ColumnKind.REGULAR) if one.type.kind is TypeKind.NATIVE]
        plain = [one for one in plain if one.type.name in _OF_KEYS]
        if plain and self._chance(0.15):
            name = self._one(["", "By_Value", f"{table.name[:20]}_by"])
            yield Beside(BesideKind.INDEX, name, self._one(plain).name)
        if plain and not table.of(ColumnKind.STATIC) and self._chance(0.08):
            yield Beside(BesideKind.VIEW, f"{table.name[:20]}_view", self._one(plain).name)

    def _names(self) -> Iterator[str]:
        """Yield names of columns, none twice."""
        plain = [f"c{number}" for number in range(20)]
        odd = self._random.sample([*_ODD_NAMES, *_WORDS], 20)
        for name, other in zip(plain, odd, strict=True):
            yield other if self._chance(0.35) else name

    def _type(self, name: str) -> OneType:
        names = list(dict.fromkeys(["a", "b", "c", "n", *_ODD_NAMES, *_WORDS]))
        fields = self._random.sample(names, self._one([1, 2, 3]))
        return OneType(self._keyspace, name, tuple((field, self._field_type()) for field in fields))

    def _field_type(self) -> CqlType:
        if self._chance(0.15):
            return self._collection(_DEEPEST - 1)
        return self._rare() if self._chance(0.02) else self._nested(_DEEPEST - 1)

    def _key_type(self) -> CqlType:
        """Return a type that a component of a key may have."""
        if self._chance(0.7):
            return self._native(_OF_KEYS)
        return self._nested(_DEEPEST - 1)

    def _column_type(self) -> CqlType:
        if self._chance(0.3):
            return self._collection(_DEEPEST)
        if self._chance(0.15) and (usable := [one for one in self._types if _may_melt(one)]):
            return CqlType(TypeKind.USER, self._one(usable).name)
        if self._chance(0.02):
            return self._rare()
        return self._nested(_DEEPEST)

    def _rare(self) -> CqlType:
        """Return a type that Keyspaces has not."""
        choices = [CqlType(TypeKind.NATIVE, "duration"), CqlType(TypeKind.CUSTOM, _CUSTOM)]
        if self._vectors:
            inner = CqlType(TypeKind.NATIVE, "float")
            choices.append(CqlType(TypeKind.VECTOR, "", (inner,), 3))
        deep = CqlType(TypeKind.NATIVE, "int")
        for _ in range(9):
            deep = _frozen(CqlType(TypeKind.LIST, "", (deep,)))
        return self._one([*choices, deep])

    def _nested(self, depth: int) -> CqlType:
        """Return a type of one cell: native, or frozen."""
        if depth == 0 or self._chance(0.6):
            return self._native(_OF_KEYS)
        if self._types and self._chance(0.4):
            return _frozen(CqlType(TypeKind.USER, self._one(self._types).name))
        if self._chance(0.3):
            parts = [self._nested(depth - 1) for _ in range(self._one([1, 2, 3]))]
            return _frozen(CqlType(TypeKind.TUPLE, "", tuple(parts)))
        return _frozen(self._collection(depth))

    def _collection(self, depth: int) -> CqlType:
        """Return a collection, not frozen."""
        kind = self._one([TypeKind.LIST, TypeKind.SET, TypeKind.MAP])
        count = 2 if kind is TypeKind.MAP else 1
        return CqlType(kind, "", tuple(self._nested(depth - 1) for _ in range(count)))

    def _native(self, names: Sequence[str]) -> CqlType:
        return CqlType(TypeKind.NATIVE, self._one(names))

    def _one(self, choices: Sequence[T]) -> T:
        return self._random.choice(choices)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share


def _frozen(one: CqlType) -> CqlType:
    return CqlType(TypeKind.FROZEN, "", (one,))


def _may_melt(one: OneType) -> bool:
    """Return whether a column of it need not be frozen: no field is a collection that is not."""
    return not any(kind.multicell for _, kind in one.fields)


def draw_case(
    seed: str, keyspaces: Sequence[str], *, tables: int, writes: int, vectors: bool, masks: bool
) -> Case:
    """Return what this seed means: so many tables at most in each keyspace."""
    types: list[OneType] = []
    made: list[OneTable] = []
    for keyspace in keyspaces:
        random = Random(f"{seed}/{keyspace}")
        drawer = Drawer(random, keyspace, vectors=vectors, masks=masks)
        types += drawer.types(4)
        for name in random.sample(
            [*_TABLE_NAMES, *_WORDS[:12]], random.randint(tables // 2, tables)
        ):
            table = drawer.table(name)
            made.append(replace(table, writes=tuple(draw_writes(random, table, writes))))
    return Case(tuple(types), tuple(made))


def draw_keyspaces(random: Random, mark: str) -> list[str]:
    """Return one or two names that bear the mark: siblings, words of CQL, long ones."""
    names = [f"fz{mark}", f"Fz{mark}", f"{mark}_order", f"{'k' * 48}{mark}"[-48:], f"Select{mark}"]
    return random.sample(names, random.randint(1, 2))


def draw_writes(random: Random, table: OneTable, count: int) -> Iterator[Write]:
    """Yield writes that the table may take."""
    if table.is_counter:
        for _ in range(count):
            yield Write(WriteKind.COUNT, random.getrandbits(32))
        # What is added to a counter after its row was deleted is not defined.
        if random.random() < 0.5:
            yield Write(WriteKind.DELETE_ROW, random.getrandbits(32))
        return
    kinds = list(_kinds(table))
    for _ in range(count):
        kind = random.choice(kinds)
        parts: tuple[Write, ...] = ()
        if kind is WriteKind.BATCH:
            inner = [one for one in kinds if one not in _NOT_IN_BATCH]
            parts = tuple(
                Write(random.choice(inner), random.getrandbits(32))
                for _ in range(random.randint(2, 5))
            )
        yield Write(kind, random.getrandbits(32), parts)


_NOT_IN_BATCH = (WriteKind.BATCH, WriteKind.IF_NOT_EXISTS, WriteKind.IF_EXISTS)


def _kinds(table: OneTable) -> Iterator[WriteKind]:
    """The kinds of writes of a table; those that come more often stand more often."""
    yield from [WriteKind.INSERT] * 6
    yield from [WriteKind.JSON, WriteKind.IF_NOT_EXISTS, WriteKind.DELETE_ROW, WriteKind.BATCH] * 2
    yield WriteKind.DELETE_PARTITION
    values = table.of(ColumnKind.REGULAR, ColumnKind.STATIC)
    if table.of(ColumnKind.REGULAR):
        yield from [WriteKind.UPDATE] * 4
        yield from [WriteKind.IF_EXISTS, WriteKind.DELETE_CELLS] * 2
    if table.of(ColumnKind.STATIC):
        yield from [WriteKind.STATIC] * 3
    if any(column.type.multicell for column in values):
        yield from [WriteKind.ELEMENT] * 4
        yield from [WriteKind.DELETE_ELEMENT] * 2
    if table.of(ColumnKind.CLUSTERING):
        yield from [WriteKind.DELETE_RANGE] * 3
