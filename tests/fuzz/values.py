"""Values of any CQL type as literals, from a random number generator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from random import Random
from uuid import UUID

from hintferry.core.cql_text import quoted
from hintferry.core.cql_type import CqlType, TypeKind
from tests.fuzz.case import OneType

_TEXTS = ("", "a", "red", "it's", '"', "émigré", "限定", "𝄞", " ", "\\", "\t", "%s ?", "x" * 300)
_LONGEST_MS = 253_402_300_799_999
"""The end of the year 9999: the driver decodes no later time."""

_MAY_BE_EMPTY = (
    "bigint", "boolean", "decimal", "double", "float", "inet", "int", "timestamp", "timeuuid",
    "uuid", "varint",
)  # fmt: skip
_FUNCTIONS = {name: f"blobAs{name.capitalize()}" for name in _MAY_BE_EMPTY}


def _whole(bits: int) -> Callable[[Random], str]:
    """Return what draws whole numbers of so many bits, their ends among them."""
    most = 2 ** (bits - 1)
    return lambda random: str(
        random.choice((0, 1, -1, most - 1, -most, random.randrange(-most, most)))
    )


def _fraction(biggest: str) -> Callable[[Random], str]:
    odd = ("NaN", "Infinity", "-Infinity", "0.0", "-0.0", "1.0", biggest, f"-{biggest}")
    return lambda random: random.choice((*odd, f"{random.uniform(-1000, 1000):.4f}"))


def _text(random: Random) -> str:
    return _string(random.choice((*_TEXTS, f"w{random.getrandbits(24):x}")))


def _ascii(random: Random) -> str:
    return _string(random.choice(("", "a", "it's", "~" * 60, f"w{random.getrandbits(24):x}")))


def _string(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _date(random: Random) -> str:
    extreme = ("0", "4294967295", "2147483648", "'1969-12-31'")
    day = date(1600, 1, 1) + timedelta(random.randrange(300_000))
    return random.choice((*extreme, f"'{day}'"))


def _time(random: Random) -> str:
    odd = ("0", "86399999999999", "'08:12:54.123456789'")
    return random.choice((*odd, str(random.getrandbits(46))))


def _decimal(random: Random) -> str:
    odd = ("0", "0.00", "1.0", "1.00", "-0.5", "1E+10", "1E-10", "123456789012345678901234567890")
    return random.choice((*odd, f"{random.randrange(-(10**6), 10**6)}E-2"))


def _varint(random: Random) -> str:
    return random.choice(("0", "-1", "127", "128", "255", "256", str(10**30), str(-(10**37))))


def _inet(random: Random) -> str:
    return random.choice(("'0.0.0.0'", "'::'", "'10.0.0.1'", "'2001:db8::1'", "'255.255.255.255'"))


def _uuid(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


def _timeuuid(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=1))


def _timestamp(random: Random) -> str:
    return random.choice(("0", "-1", str(_LONGEST_MS), str(random.randrange(2 * 10**12))))


def _duration(random: Random) -> str:
    return random.choice(("1y2mo3d4h5m6s7ms8us9ns", "-1d", "P1Y", "12h"))


_NATIVE: Mapping[str, Callable[[Random], str]] = {
    "ascii": _ascii,
    "bigint": _whole(64),
    "blob": lambda random: "0x" + random.randbytes(random.choice((0, 1, 8, 200))).hex(),
    "boolean": lambda random: random.choice(("true", "false")),
    "date": _date,
    "decimal": _decimal,
    "double": _fraction("1.7e308"),
    "duration": _duration,
    "float": _fraction("3.4e38"),
    "inet": _inet,
    "int": _whole(32),
    "smallint": _whole(16),
    "text": _text,
    "time": _time,
    "timestamp": _timestamp,
    "timeuuid": _timeuuid,
    "tinyint": _whole(8),
    "uuid": _uuid,
    "varint": _varint,
}


def literal(kind: CqlType, random: Random, types: Mapping[str, OneType]) -> str:
    """Return a value of this type; `types` are the user types of the keyspace."""
    one = kind.inner
    if one.kind is TypeKind.NATIVE:
        return _NATIVE[one.name](random)
    if one.kind is TypeKind.USER:
        return _of_user_type(types[one.name], random, types)
    if one.kind is TypeKind.TUPLE:
        parts = [_or_null(part, random, types) for part in one.parameters]
        return f"({', '.join(parts)})"
    if one.kind is TypeKind.VECTOR:
        return _listed("[]", [literal(one.parameters[0], random, types)] * one.dimension)
    count = random.choice((0, 1, 1, 2, 3))
    elements = [[literal(p, random, types) for p in one.parameters] for _ in range(count)]
    return _listed("[]" if one.kind is TypeKind.LIST else "{}", map(": ".join, elements))


def element(kind: CqlType, random: Random, types: Mapping[str, OneType]) -> str:
    """Return a collection of this type that holds one element."""
    parts = [literal(part, random, types) for part in kind.parameters]
    return _listed("[]" if kind.kind is TypeKind.LIST else "{}", [": ".join(parts)])


def maybe_empty(kind: CqlType, random: Random, types: Mapping[str, OneType]) -> str:
    """Return a value as `literal` does, at times the empty one that is not null."""
    if kind.name in _FUNCTIONS and random.random() < 0.06:
        return f"{_FUNCTIONS[kind.name]}(0x)"
    return literal(kind, random, types)


def _of_user_type(one: OneType, random: Random, types: Mapping[str, OneType]) -> str:
    fields = [f"{quoted(name)}: {_or_null(kind, random, types)}" for name, kind in one.fields]
    return _listed("{}", fields)


def _or_null(kind: CqlType, random: Random, types: Mapping[str, OneType]) -> str:
    return "null" if random.random() < 0.1 else literal(kind, random, types)


def _listed(brackets: str, parts: Iterable[str]) -> str:
    return f"{brackets[0]}{', '.join(parts)}{brackets[1]}"
