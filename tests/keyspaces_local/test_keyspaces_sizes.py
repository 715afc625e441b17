"""The published arithmetic of sizes, the limits that rest on it, and the short cut past it."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_local import encoding, limits, rules
from keyspaces_local.cql import classify
from keyspaces_local.meters import ReadMeter, write_units
from keyspaces_local.pieces import Piece
from keyspaces_local.policy import WRITE_LEVELS, Plan
from keyspaces_local.properties import TableSettings
from keyspaces_local.protocol import INT, SHORT, value
from keyspaces_local.rules import Refusal, Rule
from keyspaces_local.schema import Column, ColumnKind, TableSchema, arguments, schemas, udts
from keyspaces_local.shape import Sizes, WriteShape

P, C, S, R = ColumnKind.PARTITION, ColumnKind.CLUSTERING, ColumnKind.STATIC, ColumnKind.REGULAR
ON = {"status": "enabled"}


def table(columns: dict[str, tuple[ColumnKind, str]], **switches: bool) -> TableSettings:
    found = {name: Column(name, kind, type_) for name, (kind, type_) in columns.items()}
    keys = [tuple(n for n, c in found.items() if c.kind is kind) for kind in (P, C)]
    properties = {name: ON for name, on in switches.items() if on}
    return TableSettings(
        "ks", "t", properties=properties, schema=TableSchema(found, keys[0], keys[1])
    )


def piece(settings: TableSettings, text: str, *values: bytes | None) -> Piece:
    assert settings.schema is not None
    statement = classify(text)
    shape = WriteShape(statement, settings, settings.schema)
    return Piece(Plan(statement, "ks", WRITE_LEVELS, True, settings, shape=shape), list(values))


def sizes_of(found: Piece) -> Sizes:
    assert found.plan.shape is not None
    return found.plan.shape.sizes(found.values)


INTS = table({"a": (P, "int"), "b": (P, "int"), "c": (C, "int"), "d": (C, "int"), "r": (R, "int")})
INSERT_INTS = "INSERT INTO t (a, b, c, d, r) VALUES (?, ?, ?, ?, ?)"


def test_the_row_of_the_developer_guide_has_its_size() -> None:
    found = piece(INTS, INSERT_INTS, *(INT.pack(n) for n in range(1, 6)))
    assert sizes_of(found).row + encoding.ROW_METADATA == 131


def test_the_same_row_as_text_has_the_same_size() -> None:
    found = piece(INTS, "INSERT INTO t (a, b, c, d, r) VALUES (1, 2, 3, 4, 5)")
    assert sizes_of(found).row == 31


@pytest.mark.parametrize(
    ("number", "size"),
    [(0, 2), (5, 2), (-99, 2), (100, 2), (123, 3), (10**9, 2), (2**31 - 1, 6), (10**37 + 1, 20)],
)
def test_numbers_take_half_a_byte_a_digit(number: int, size: int) -> None:
    assert encoding.number_size(number.to_bytes(17, "big", signed=True)) == size


@pytest.mark.parametrize(("columns", "size"), [(1, 1), (62, 1), (63, 2), (124, 2), (125, 3)])
def test_a_column_id_grows_with_the_table(columns: int, size: int) -> None:
    assert encoding.column_id_size(columns) == size


def packed(*parts: bytes) -> bytes:
    return b"".join(value(part) for part in parts)


def test_collections_take_their_elements() -> None:
    two = INT.pack(2) + packed(b"abc", b"de")
    assert encoding.sizer("list<text>", False)(two) == 3 + (3 + 1) + (2 + 1)
    assert encoding.sizer("set<text>", True)(two) == 3 + (3 + 1 + 8) + (2 + 1 + 8)
    pair = INT.pack(1) + packed(b"key", INT.pack(7))
    assert encoding.sizer("map<text, int>", False)(pair) == 3 + 3 + 2 + 1
    assert encoding.sizer("frozen<map<text, int>>", False)(pair) == len(pair)
    assert encoding.sizer("list<text>", False)(INT.pack(0)) == 3


def test_types_within_types_are_parted() -> None:
    found = arguments("map<frozen<map<int, text>>, frozen<tuple<int, int>>>")
    assert found == ("frozen<map<int, text>>", "frozen<tuple<int, int>>")
    assert arguments("tuple<int, list<text>, map<int, int>>") == (
        "int",
        "list<text>",
        "map<int, int>",
    )


def test_switches_add_to_each_column() -> None:
    columns = {"p": (P, "int"), "a": (R, "text"), "b": (R, "blob"), "l": (R, "list<int>")}
    text = "INSERT INTO t (p, a, b, l) VALUES (?, ?, ?, ?)"
    values = (INT.pack(1), b"aa", b"bbb", INT.pack(0))
    plain = sizes_of(piece(table(columns), text, *values)).row
    timed = sizes_of(piece(table(columns, client_side_timestamps=True), text, *values)).row
    expiring = sizes_of(piece(table(columns, ttl=True), text, *values)).row
    assert plain == 8 + (2 + 1) + (3 + 1) + (3 + 1)
    assert timed == plain + 3 * encoding.TIMESTAMP_METADATA
    assert expiring == plain + 8 + 2 * 8


def test_static_data_is_measured_and_metered_apart() -> None:
    settings = table({"p": (P, "int"), "c": (C, "int"), "s": (S, "blob"), "r": (R, "blob")})
    both = piece(
        settings, "INSERT INTO t (p, c, s, r) VALUES (?, ?, ?, ?)",
        INT.pack(1), INT.pack(2), bytes(1500), bytes(3000),
    )  # fmt: skip
    _, _, row, static = sizes_of(both)
    assert (row, static) == (8 + 6 + 3001, 8 + 1500 + 104)
    assert both.measure() == 2 + 3
    alone = piece(settings, "INSERT INTO t (p, s) VALUES (?, ?)", INT.pack(1), b"x")
    assert alone.measure() == 1


def test_units_round_up() -> None:
    assert [write_units(size) for size in (0, 1, 1024, 1025, 4096)] == [1, 1, 1, 2, 4]
    meter = ReadMeter()
    for size in (10, 4096, 4097):
        meter.add(size)
    assert (meter.requests, meter.units) == (3, 4)


# --- limits

WIDE = table({"p": (P, "blob"), "c": (C, "blob"), "s": (S, "blob"), "r": (R, "blob")})
INSERT_WIDE = "INSERT INTO t (p, c, s, r) VALUES (?, ?, ?, ?)"


@pytest.mark.parametrize(
    ("sizes", "rule"),
    [
        ((2048, 850, 0, 0), None),
        ((2049, 850, 0, 0), rules.PARTITION_KEY_SIZE),
        ((1, 851, 0, 0), rules.CLUSTERING_KEY_SIZE),
        ((1, 1, 0, 1_048_000), None),
        ((1, 1, 0, 1_048_576), rules.ROW_SIZE),
        ((1, 1, 1_048_000, 1_000_000), None),
        ((1, 1, 1_048_576, 0), rules.STATIC_SIZE),
    ],
)
def test_sizes_have_limits(sizes: tuple[int, ...], rule: Rule | None) -> None:
    assert refused(piece(WIDE, INSERT_WIDE, *map(bytes, sizes))) is rule


def test_a_row_as_text_has_the_same_limits() -> None:
    big = "a" * 2_100_000
    text = f"INSERT INTO t (p, c, r) VALUES (0x00, 0x00, 0x{big})"
    assert refused(piece(WIDE, text)) is rules.ROW_SIZE


def refused(found: Piece) -> Rule | None:
    try:
        found.measure()
    except Refusal as refusal:
        return refusal.rule
    return None


@pytest.mark.parametrize(
    ("count", "ttl", "allowed"), [(225, False, True), (226, False, False), (166, True, True),
                                  (167, True, False)],
)  # fmt: skip
def test_the_number_of_columns_is_limited(count: int, ttl: bool, allowed: bool) -> None:
    names = [f"r{n}" for n in range(count)]
    settings = table({"p": (P, "int"), **dict.fromkeys(names, (R, "int"))}, ttl=ttl)
    markers = ", ".join("?" for _ in range(count + 1))
    insert = f"INSERT INTO t (p, {', '.join(names)}) VALUES ({markers})"
    update = f"UPDATE t SET {', '.join(f'{name} = ?' for name in names)} WHERE p = ?"
    for text in (insert, update):
        found = refused(piece(settings, text, *([INT.pack(1)] * (count + 1))))
        assert found is (None if allowed else rules.COLUMN_COUNT)


@pytest.mark.parametrize(
    ("text", "lists", "allowed"),
    [
        (f"SELECT * FROM t WHERE p IN ({', '.join('1' * 100)})", (), True),
        (f"SELECT * FROM t WHERE p IN ({', '.join('1' * 101)})", (), False),
        ("SELECT * FROM t WHERE p IN ? AND c IN ?", (10, 10), True),
        ("SELECT * FROM t WHERE p IN ? AND c IN ?", (10, 11), False),
        ("SELECT * FROM t WHERE p IN (?, ?) LIMIT 5", (500, 500), True),
        (f"SELECT * FROM t WHERE p = 1 AND (c, d) IN ({', '.join(['(1, 2)'] * 100)})", (), True),
        (f"SELECT * FROM t WHERE p = 1 AND (c, d) IN ({', '.join(['(1, 2)'] * 101)})", (), False),
        ("SELECT * FROM t WHERE p = 1 AND (c, d) IN ?", (101,), False),
    ],
)
def test_an_in_stands_for_so_many_reads(text: str, lists: tuple[int, ...], allowed: bool) -> None:
    values: list[bytes | None] = [INT.pack(length) for length in lists]
    if allowed:
        limits.check_subqueries(classify(text), values)
    else:
        with pytest.raises(Refusal) as caught:
            limits.check_subqueries(classify(text), values)
        assert caught.value.rule is rules.SUBQUERIES


# --- the short cut: a frame so short that its values need no look

_WIDTHS = {"int": 4, "bigint": 8, "smallint": 2, "tinyint": 1, "boolean": 1, "uuid": 16}
_TYPES = st.sampled_from([*_WIDTHS, "text", "blob", "list<int>", "map<text, int>", "set<text>"])
_KEYS = st.sampled_from([*_WIDTHS, "text", "blob"])


def wire(type_: str) -> st.SearchStrategy[bytes | None]:
    if type_ in _WIDTHS:
        return st.none() | st.binary(min_size=_WIDTHS[type_], max_size=_WIDTHS[type_])
    if type_ in ("text", "blob"):
        return st.none() | st.binary(max_size=700)
    element = st.binary(min_size=4, max_size=4) if type_ == "list<int>" else st.binary(max_size=9)
    pair = st.tuples(st.binary(max_size=9), st.binary(min_size=4, max_size=4))
    parts = st.lists(pair if type_.startswith("map") else st.tuples(element), max_size=60)
    return parts.map(lambda found: INT.pack(len(found)) + b"".join(packed(*p) for p in found))


@given(st.data(), st.booleans(), st.booleans())
def test_a_short_frame_proves_one_unit(data: st.DataObject, ttl: bool, timed: bool) -> None:
    columns = {
        "p": (P, data.draw(_KEYS)),
        "c": (C, data.draw(_KEYS)),
        "s": (S, data.draw(_TYPES)),
        **{f"r{n}": (R, data.draw(_TYPES)) for n in range(data.draw(st.integers(1, 8)))},
    }
    settings = table(columns, ttl=ttl, client_side_timestamps=timed)
    names = [n for n in columns if n in "pc" or data.draw(st.booleans())]
    text = f"INSERT INTO t ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    values = [data.draw(wire(columns[name][1])) for name in names]
    found = piece(settings, text, *values)
    body = SHORT.pack(16) + bytes(16 + 3) + SHORT.pack(len(values)) + b"".join(map(value, values))
    shape = found.plan.shape
    assert shape is not None
    if 9 + len(body) <= shape.one_unit_frame:
        assert found.measure() == shape.base_units


def fill(element: bytes) -> Callable[[int], bytes]:
    """Makes a collection of so many bytes at most, of equal elements."""

    def make(room: int) -> bytes:
        count = (room - INT.size) // (INT.size + len(element))
        return INT.pack(count) + value(element) * count

    return make


@pytest.mark.parametrize(
    ("kind", "type_", "ttl", "make"),
    [
        (P, "text", False, lambda room: bytes(room)),
        (C, "text", False, lambda room: bytes(room)),
        (R, "text", True, lambda room: bytes(room)),
        (S, "text", False, lambda room: bytes(room)),
        (R, "list<text>", True, fill(b"")),
        (R, "list<tinyint>", True, fill(b"\x7f")),
        (R, "set<int>", False, fill(b"\x7f\xff\xff\xff")),
        (R, "set<bigint>", False, fill(b"\x7f" + b"\xff" * 7)),
    ],
)
def test_the_longest_short_frame_still_is_one_unit(
    kind: ColumnKind, type_: str, ttl: bool, make: Callable[[int], bytes]
) -> None:
    others = {name: (k, "int") for name, k in (("p", P), ("c", C)) if k is not kind}
    settings = table({**others, "x": (kind, type_)}, ttl=ttl)
    names = [*others, "x"]
    text = f"INSERT INTO t ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    shape = piece(settings, text).plan.shape
    assert shape is not None
    room = shape.one_unit_frame - 32 - 4 - 8 * len(others)
    assert room > 200
    widest = b"\x7f\xff\xff\xff"
    found = piece(settings, text, *([widest] * len(others)), make(room))
    assert found.measure() == shape.base_units


def test_most_writes_are_short_enough() -> None:
    columns = {"p": (P, "int"), "c": (C, "int"), **{f"v{n}": (R, "text") for n in range(10)}}
    settings = table(columns, client_side_timestamps=True)
    marks = ", ".join("?" * len(columns))
    found = piece(settings, f"INSERT INTO t ({', '.join(columns)}) VALUES ({marks})")
    assert found.plan.shape is not None
    assert found.plan.shape.one_unit_frame > 500


def test_a_shape_follows_its_table() -> None:
    settings = table({"p": (P, "int"), "v": (R, "varint")})
    found = piece(settings, "INSERT INTO t (p, v) VALUES (?, ?)", INT.pack(1), b"\1")
    assert found.plan.shape is not None
    assert found.plan.shape.one_unit_frame == 0
    other = table({"p": (P, "int"), "v": (R, "int")})
    settings.schema, settings.version = other.schema, 1
    assert found.plan.shape.current().one_unit_frame > 0


def test_schemas_are_read_from_the_rows_of_the_server_behind() -> None:
    def row(*cells: object) -> list[bytes | None]:
        position = INT.pack(int(str(cells[2])))
        return [b"ks", b"t", str(cells[0]).encode(), str(cells[1]).encode(), position,
                str(cells[3]).encode()]  # fmt: skip

    found = schemas(
        [
            row("b", "partition_key", 1, "int"),
            row("a", "partition_key", 0, "text"),
            row("c", "clustering", 0, "text"),
            row("s", "static", -1, "int"),
            row("r", "regular", -1, "list<int>"),
        ]
    )["ks", "t"]
    types = INT.pack(2) + value(b"int") + value(b"frozen<list<int>>")
    assert udts([[b"ks", b"u", types]]) == {"ks": {"u": ("int", "frozen<list<int>>")}}
    assert (found.partition, found.clustering) == (("a", "b"), ("c",))
    assert (found.is_static("s"), found.is_regular("r"), found.is_regular("s")) == (
        True,
        True,
        False,
    )
