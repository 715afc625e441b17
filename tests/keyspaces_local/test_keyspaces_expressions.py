"""Test what a statement writes by other ways than whole bound values: size and varints."""

from dataclasses import replace

import pytest

from keyspaces_local import rules
from keyspaces_local.cql import classify
from keyspaces_local.pieces import Piece
from keyspaces_local.protocol import INT
from keyspaces_local.shape import partition_terms
from tests.keyspaces_local.test_keyspaces_sizes import (
    P,
    R,
    packed,
    piece,
    refused,
    sizes_of,
    table,
)

MIXED = table(
    {"p": (P, "int"), "m": (R, "map<int, blob>"), "l": (R, "list<blob>"), "t": (R, "text"),
     "b": (R, "blob"), "k": (R, "text")},
)  # fmt: skip
ONE, BIG = INT.pack(1), b"x" * 3_000_000
PARTIAL: list[tuple[str, tuple[bytes, ...]]] = [
    ("UPDATE t SET m = m + ? WHERE p = ?", (BIG, ONE)),
    ("UPDATE t SET m = m + {1: ?} WHERE p = ?", (BIG, ONE)),
    ("UPDATE t SET m[?] = ? WHERE p = ?", (ONE, BIG, ONE)),
    ("UPDATE t SET m[1] = ? WHERE p = ?", (BIG, ONE)),
    ("UPDATE t SET l = ? + l WHERE p = ?", (BIG, ONE)),
    ("UPDATE t SET l = l + [?] WHERE p = ?", (BIG, ONE)),
    ("UPDATE t SET l[?] = ? WHERE p = ?", (ONE, BIG, ONE)),
    ("UPDATE t SET t = blobAsText(?) WHERE p = ?", (BIG, ONE)),
    ("INSERT INTO t (p, l) VALUES (?, [?, ?])", (ONE, BIG, ONE)),
    ("INSERT INTO t (p, m) VALUES (?, fromJson(?))", (ONE, BIG)),
]


@pytest.mark.parametrize(("text", "values"), PARTIAL)
def test_what_a_partial_update_writes_counts(text: str, values: tuple[bytes, ...]) -> None:
    assert refused(piece(MIXED, text, *values)) is rules.ROW_SIZE
    found = piece(MIXED, text, *(part[:5000] for part in values))
    assert found.measure() == 5
    assert found.plan.shape is not None
    assert found.plan.shape.one_unit_frame < 5000


def test_markers_within_expressions_have_their_names_too() -> None:
    found = piece(MIXED, "UPDATE t SET m[:k] = :v, b = textAsBlob(?) WHERE p = :p")
    values: dict[str, bytes | None] = {"k": ONE, "v": bytes(500), "other": bytes(600), "p": ONE}
    assert found.plan.shape is not None
    row = found.plan.shape.sizes(values).row
    assert row > 500 + 4 + sum(len(wire or b"") for wire in values.values())


def test_a_key_within_a_function_has_its_limit_and_its_partition() -> None:
    settings = table({"p": (P, "text"), "v": (R, "int")})
    text = "UPDATE t SET v = 1 WHERE p = blobAsText(?)"
    assert refused(piece(settings, text, bytes(2049))) is rules.PARTITION_KEY_SIZE
    assert settings.schema is not None
    terms = partition_terms(classify(text), settings.schema)
    plan = replace(piece(settings, text).plan, partition=terms)
    assert Piece(plan, [b"a"]).partition != Piece(plan, [b"b"]).partition


@pytest.mark.parametrize("text", ["INSERT INTO t JSON ?", "INSERT INTO t JSON :j DEFAULT UNSET"])
def test_json_is_measured_by_its_columns(text: str) -> None:
    def of(json: str) -> Piece:
        return piece(MIXED, text, json.encode())

    plain = piece(MIXED, "INSERT INTO t (p, t) VALUES (1, 'abc')")
    found = of('{"p": 1, "T": "abc"}')
    assert found.plan.shape is not None
    assert found.plan.shape.of(found.values).sizes([]) == sizes_of(plain)
    assert found.plan.shape.one_unit_frame == 0
    assert of(f'{{"p": 1, "t": "{"x" * 5000}"}}').measure() == 5
    assert refused(of(f'{{"p": 1, "t": "{"x" * 3_000_000}"}}')) is rules.ROW_SIZE
    assert refused(of(f'{{"p": 1, "m": {{"1": "0x{"00" * 3_000_000}"}}}}')) is rules.ROW_SIZE
    assert of(f'{{"p": 1, "b": "0x{"00" * 1000}"}}').measure() == 1
    for broken in ("[]", "{", "7"):
        assert refused(of(broken)) is rules.JSON_VALUE


def test_json_as_text_is_measured_too() -> None:
    for size, rule in ((5000, None), (3_000_000, rules.ROW_SIZE)):
        json = f'{{"p": 1, "t": "{"x" * size}\'\'", "l": [null, true]}}'
        assert refused(piece(MIXED, f"INSERT INTO t JSON '{json}'")) is rule


@pytest.mark.parametrize(
    ("number", "allowed"),
    [(10**38 - 1, True), (-(10**38) + 1, True), (10**38, False), (-(10**38), False),
     (10**40, False), (10**4000, False)],
    ids=["largest", "smallest", "too large", "too small", "rounded", "huge"],
)  # fmt: skip
def test_a_varint_has_38_digits(number: int, allowed: bool) -> None:
    settings = table({"p": (P, "int"), "v": (R, "varint")})
    wire, digits = varint(number), str(number)
    for found in (
        piece(settings, "INSERT INTO t (p, v) VALUES (?, ?)", INT.pack(1), wire),
        piece(settings, "INSERT INTO t (p, v) VALUES (?, blobAsVarint(?))", INT.pack(1), wire),
        piece(settings, f"INSERT INTO t (p, v) VALUES (1, {digits})"),
        piece(settings, "INSERT INTO t JSON ?", b'{"p": 1, "v": %s}' % digits.encode()),
        piece(settings, "INSERT INTO t (p, v) VALUES (1, fromJson(?))", digits.encode()),
    ):
        assert refused(found) is (None if allowed else rules.VARINT_DIGITS)


def varint(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)


def listed(*parts: bytes) -> bytes:
    return INT.pack(len(parts)) + packed(*parts)


UDTS = {"pair": ("text", "frozen<list<varint>>"), "flat": ("int", "text")}
LONG = varint(10**40)
NESTED: list[tuple[str, str, tuple[bytes, ...]]] = [
    ("list<varint>", "SET v = ?", (listed(b"\1", LONG),)),
    ("list<varint>", "SET v = v + ?", (listed(LONG),)),
    ("list<varint>", "SET v = [1, ?]", (LONG,)),
    ("list<varint>", "SET v[?] = ?", (INT.pack(1), LONG)),
    ("map<varint, text>", "SET v = ?", (listed(LONG)[:3] + b"\1" + packed(LONG, b"a"),)),
    ("map<varint, text>", "SET v = v - ?", (listed(b"\1", LONG),)),
    ("map<varint, text>", "SET v[?] = ?", (LONG, b"a")),
    ("map<varint, text>", "SET v = v + {?: 'a'}", (LONG,)),
    ("map<text, varint>", "SET v = {?: ?}", (b"a", LONG)),
    ("map<text, varint>", "SET v = {:k: :v}", (b"a", LONG)),
    ("frozen<map<int, frozen<set<varint>>>>", "SET v = ?",
     (INT.pack(1) + packed(INT.pack(1), listed(LONG)),)),
    ("frozen<tuple<int, varint>>", "SET v = ?", (packed(INT.pack(1), LONG),)),
    ("frozen<pair>", "SET v = ?", (packed(b"a", listed(b"\1", LONG)),)),
    ("list<varint>", f"SET v = [1, {10**40}]", ()),
    ("frozen<pair>", f"SET v = {{a: 'x', b: [{10**40}]}}", ()),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "change", "values"), NESTED)
def test_a_varint_within_a_value_has_them_too(
    type_: str, change: str, values: tuple[bytes, ...]
) -> None:
    settings = table({"p": (P, "int"), "v": (R, type_)})
    assert settings.schema is not None
    settings.schema = replace(settings.schema, udts=UDTS)
    found = piece(settings, f"UPDATE t {change} WHERE p = 1", *values)
    assert refused(found) is rules.VARINT_DIGITS
    short = [part.replace(LONG, bytes(len(LONG))) for part in values]
    found = piece(settings, f"UPDATE t {change.replace(str(10**40), '5')} WHERE p = 1", *short)
    assert refused(found) is None


@pytest.mark.parametrize(
    ("type_", "change", "wire"),
    [
        ("frozen<flat>", "v = ?", packed(INT.pack(1), b"9" * 50)),
        ("map<text, varint>", "v = {?: 1}", b"9" * 50),
        ("frozen<tuple<varint, uuid>>", "v = (1, ?)", b"9" * 16),
    ],
)
def test_what_is_no_varint_may_be_long(type_: str, change: str, wire: bytes) -> None:
    settings = table({"p": (P, "int"), "v": (R, type_)})
    assert settings.schema is not None
    settings.schema = replace(settings.schema, udts=UDTS)
    assert refused(piece(settings, f"UPDATE t SET {change} WHERE p = 1", wire)) is None
