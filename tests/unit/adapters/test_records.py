"""Records become hints, or are Undecodable; nothing that a topic can hold raises anything else."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import suppress
from dataclasses import replace
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hintferry.adapters.records import decoder as decoder_module
from hintferry.adapters.records import hint_record
from hintferry.adapters.records.decoder import HintDecoder
from hintferry.core.errors import Side, Unavailable, Undecodable, UnknownTable
from hintferry.core.hint import Hint, Nothing, Scope
from hintferry.core.schema import Column, ColumnKind, Table, TableId
from tests.unit.strategies import JSON, hints, record, tables

TABLE = Table(
    TableId("shop", "orders"),
    (Column("pk", "int", ColumnKind.PARTITION_KEY),),
    (Column("c1", "text", ColumnKind.CLUSTERING), Column("c2", "int", ColumnKind.CLUSTERING, 1)),
    (Column("s", "text", ColumnKind.STATIC),),
)


def lookup(table: TableId, _altered_us: int) -> Table:
    """A source with one table."""
    if table != TABLE.id:
        raise UnknownTable(f"the source has no table {table}")
    return TABLE


def decode(value: object) -> Hint | Nothing:
    """Return what the decoder makes of a value, given as JSON or as bytes."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return HintDecoder(lookup)(record(body))


OURS: dict[str, Any] = {
    "hint": 1,
    "scope": "row",
    "op": "i",
    "keyspace": "shop",
    "table": "orders",
    "pk": [b64encode(bytes(4)).decode()],
    "ck": ["YQ==", b64encode(bytes(4)).decode()],
    "start": None,
    "end": None,
    "ts_us": 1,
}
STOCK: dict[str, Any] = {
    "op": "i",
    "source": {"keyspace": "shop", "table": "orders"},
    "after": {"pk": {"value": 0}, "c1": {"value": "a"}, "c2": {"value": 0}},
}
BOUND = {"values": [], "inclusive": True}
ROW = Hint(TABLE.id, (bytes(4),), Scope.ROW, (b"a", bytes(4)))


@given(st.data(), tables())
def test_what_is_encoded_decodes_to_the_same_hint(data: st.DataObject, table: Table) -> None:
    hint = data.draw(hints(table))
    body = json.dumps(hint_record.encode(hint)).encode()
    decoded = HintDecoder(lambda *_: table)(record(body))
    assert hint == decoded
    assert isinstance(decoded, Hint)
    assert hint.altered_us == decoded.altered_us


def test_a_hint_record_and_a_stock_record_of_one_row_name_the_same_key() -> None:
    stock = decode(STOCK)
    assert decode(OURS) == ROW
    assert isinstance(stock, Hint)
    assert (ROW.partition, ROW.clustering) == (stock.partition, stock.clustering)


def captured(**changed: Any) -> bytes:
    """A record as capture writes it: no blanks, and at its end when and where it was read."""
    origin = {"node": "10.0.0.1", "file": "CommitLog-7-1.log", "pos": 1}
    return json.dumps(OURS | origin | changed, separators=(",", ":")).encode()


def test_copies_of_a_change_are_one_hint_and_other_changes_are_others() -> None:
    decoder = HintDecoder(lookup)
    first = decoder(record(captured()))
    copy = decoder(record(captured(ts_us=2, node="10.0.0.2", pos=77)))
    assert first == ROW
    assert first is copy
    for changed in ({"pk": ["AAAAAQ=="]}, {"ck": ["Yg==", "AAAAAA=="]}, {"scope": "partition"}):
        assert decoder(record(captured(**changed))) == decode(OURS | changed) != ROW


def test_a_copy_is_decoded_again_once_the_table_is_another() -> None:
    tables = [TABLE, replace(TABLE, statics=())]
    decoder = HintDecoder(lambda *_: tables[0])
    with_statics = decoder(record(captured(scope="partition")))
    tables.pop(0)
    without = decoder(record(captured(scope="partition")))
    assert isinstance(with_statics, Hint)
    assert isinstance(without, Hint)
    assert (with_statics.statics_due, without.statics_due) == (True, False)


def test_a_hint_is_kept_with_the_table_by_which_it_was_decoded() -> None:
    now = iter([replace(TABLE, statics=()), *[TABLE] * 9])
    decoder = HintDecoder(lambda *_: next(now))
    decoder(record(captured(scope="partition")))
    copy = decoder(record(captured(scope="partition", pos=2)))
    assert isinstance(copy, Hint)
    assert copy.statics_due


def test_a_fault_of_the_source_is_told_of_copies_too() -> None:
    answers: list[Table] = [TABLE]

    def lookup_once(_table: TableId, _altered_us: int) -> Table:
        if not answers:
            raise Unavailable(Side.SOURCE, "down")
        return answers.pop()

    decoder = HintDecoder(lookup_once)
    assert decoder(record(captured())) == ROW
    with pytest.raises(Unavailable):
        decoder(record(captured(pos=2)))


def test_no_more_hints_are_kept_than_copies_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_module, "KNOWN", 3)
    decoder = HintDecoder(lookup)
    keys = [b64encode(pack(">i", number)).decode() for number in range(10)]
    hints = [decoder(record(captured(pk=[key]))) for key in keys]
    again = [decoder(record(captured(pk=[key], pos=2))) for key in keys]
    assert hints == again
    assert hints[0] is not again[0]


def test_copies_of_different_alters_are_equal_but_each_says_its_own() -> None:
    """Nodes may know a table by different ALTERs; the cache does not lose which one that is."""
    decoder = HintDecoder(lookup)
    by_alter = [decoder(record(captured_as(altered))) for altered in (None, 0, 5, 9, 5)]
    assert [hint.altered_us for hint in by_alter if isinstance(hint, Hint)] == [0, 0, 5, 9, 5]
    assert all(hint == ROW for hint in by_alter)
    assert by_alter[2] is by_alter[4]


def captured_as(altered_us: int | None) -> bytes:
    """A record as capture writes it, of a table last altered at this time."""
    before, origin = captured().split(decoder_module.ORIGIN)
    return (
        before
        + b',"altered_us":%s' % json.dumps(altered_us).encode()
        + decoder_module.ORIGIN
        + origin
    )


@pytest.mark.parametrize("altered", [-1, "5", 1.5, True, [5]])
def test_a_time_of_alter_that_is_none_is_undecodable(altered: object) -> None:
    with pytest.raises(Undecodable, match="altered_us"):
        decode(OURS | {"altered_us": altered})


def test_what_looks_like_ours_without_its_fields_is_undecodable_by_name() -> None:
    body = json.dumps({"hint": 1, "scope": "row", "ts_us": 1}, separators=(",", ":")).encode()
    with pytest.raises(Undecodable, match="keyspace"):
        decode(body)
    whole = json.dumps({"hint": 1, "ts_us": 1} | OURS, separators=(",", ":")).encode()
    assert decode(whole) == ROW


def test_a_stock_record_is_never_taken_for_the_copy_of_another() -> None:
    decoder = HintDecoder(lookup)
    source = {"ts_ms": 1, "ts_us": 1000, "keyspace": "shop", "table": "orders"}
    for number in (0, 7):
        after = {**STOCK["after"], "pk": {"value": number}}
        body = json.dumps({"op": "i", "source": source, "after": after}, separators=(",", ":"))
        hint = decoder(record(body.encode()))
        assert isinstance(hint, Hint)
        assert hint.partition == (pack(">i", number),)


def test_a_record_without_a_value_says_nothing() -> None:
    assert Nothing() == HintDecoder(lookup)(record(None))


@pytest.mark.parametrize("operation", ["i", "u", "d"])
def test_a_stock_row_is_due_its_statics_unless_it_is_deleted(operation: str) -> None:
    hint = decode(STOCK | {"op": operation})
    assert isinstance(hint, Hint)
    assert (Scope.ROW, operation != "d") == (hint.scope, hint.statics_due)


@pytest.mark.parametrize(
    "changed",
    [
        {"op": "r"},
        {"op": "d", "after": {"pk": {"value": 0}, "c1": None, "c2": None}},
        {"op": "d", "after": {"pk": {"value": 0}, "c1": {"value": "a"}, "c2": {"value": None}}},
    ],
)
def test_a_stock_record_without_a_whole_key_means_the_partition(changed: dict[str, Any]) -> None:
    expected = Hint(TABLE.id, (bytes(4),), Scope.PARTITION, statics_due=True)
    assert expected == decode(STOCK | changed)


def test_an_open_end_is_open_whatever_it_says_of_itself() -> None:
    bound = {"values": [], "inclusive": False}
    hint = decode(OURS | {"scope": "slice", "start": bound, "end": bound})
    assert Hint(TABLE.id, (bytes(4),), Scope.SLICE) == hint


def test_a_fault_of_the_source_is_not_taken_for_poison() -> None:
    def unavailable(_table: TableId, _altered_us: int) -> Table:
        raise Unavailable(Side.SOURCE, "down")

    with pytest.raises(Unavailable):
        HintDecoder(unavailable)(record(json.dumps(OURS).encode()))


def test_the_table_of_a_hint_is_asked_for_as_its_node_knew_it() -> None:
    asked: list[int] = []

    def lookup(_table: TableId, altered_us: int) -> Table:
        asked.append(altered_us)
        return TABLE

    for told in (OURS | {"altered_us": 77}, OURS, STOCK):
        HintDecoder(lookup)(record(json.dumps(told).encode()))
    assert asked == [77, 0, 0]


@pytest.mark.parametrize("name", ["scope", "keyspace", "table", "pk", "ck"])
def test_a_hint_record_without_a_field_is_undecodable_by_name(name: str) -> None:
    with pytest.raises(Undecodable, match=name):
        decode({key: value for key, value in OURS.items() if key != name})


@pytest.mark.parametrize(
    "changed",
    [
        {"hint": 2},
        {"hint": None},
        {"scope": "rows"},
        {"scope": ["row"]},
        {"pk": []},
        {"pk": ["AAAA"]},
        {"pk": "AAAAAA=="},
        {"pk": [None]},
        {"pk": ["\u00e9"]},
        {"ck": ["YQ=="]},
        {"ck": ["YQ==", "AA"]},
        {"ck": ["YQ==", "AAAAAA==", "YQ=="]},
        {"keyspace": None},
        {"scope": "slice"},
        {"scope": "slice", "start": {"values": []}, "end": {"values": ["YQ=="]}},
        {"scope": "slice", "start": {"values": ["YQ=="], "inclusive": 1}, "end": []},
        {"scope": "slice", "start": {"values": []}, "end": {"values": []}, "errand": "nowhere"},
    ],
)
def test_a_malformed_hint_record_is_undecodable(changed: dict[str, Any]) -> None:
    with pytest.raises(Undecodable):
        decode(OURS | changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"op": "t"},
        {"op": None},
        {"source": None},
        {"after": None},
        {"after": {}},
        {"after": {"pk": None}},
        {"after": {"pk": {"value": "x"}}},
        {"after": {"pk": {"value": 2**40}, "c1": {"value": "a"}, "c2": {"value": 0}}},
    ],
)
def test_a_malformed_stock_record_is_undecodable(changed: dict[str, Any]) -> None:
    with pytest.raises(Undecodable):
        decode(STOCK | changed)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[1]", b"null", b"7", b'"hint"', b"\xff\xfe", b"\0\0\0\0\1avro", b"9" * 5000],
)
def test_bytes_that_are_no_object_are_undecodable(body: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(body)


@given(st.binary(max_size=40))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(body)


@pytest.mark.parametrize("opening", [b"[", b'{"op":'])
def test_nesting_without_end_is_undecodable(opening: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(opening * 100_000)


@pytest.mark.parametrize("base", [OURS, STOCK], ids=["ours", "stock"])
@given(data=st.data())
def test_no_change_of_a_field_raises_anything_else(
    base: dict[str, Any], data: st.DataObject
) -> None:
    """Any field of a good record replaced by anything, one level deep or two."""
    value = json.loads(json.dumps(base))
    at = data.draw(st.sampled_from(sorted(value)))
    if isinstance(value[at], dict) and value[at] and data.draw(st.booleans()):
        value[at][data.draw(st.sampled_from(sorted(value[at])))] = data.draw(JSON)
    else:
        value[at] = data.draw(JSON)
    with suppress(Undecodable, UnknownTable):
        assert isinstance(decode(value), Hint)


@given(st.dictionaries(st.sampled_from(sorted({*OURS, *STOCK, "errand", "statics"})), JSON))
def test_no_object_raises_anything_else(value: dict[str, object]) -> None:
    with suppress(Undecodable, UnknownTable):
        assert isinstance(decode(value), Hint)


COMPOSITE = Table(
    TABLE.id,
    (
        Column("x", "blob", ColumnKind.PARTITION_KEY),
        Column("y", "int", ColumnKind.PARTITION_KEY, 1),
        Column("z", "blob", ColumnKind.PARTITION_KEY, 2),
    ),
)


def composite(*components: bytes) -> bytes:
    """A composite partition key as Cassandra keeps it, and as the stock connector shows a blob."""
    return b"".join(len(one).to_bytes(2) + one + b"\0" for one in components)


@pytest.mark.parametrize("key", [(b"", bytes(4), b"\0"), (b"a:b", b"\0\0\0\7", b"\0\3abc\0")])
def test_the_stock_connectors_blobs_are_cut_out_of_the_whole_key(key: tuple[bytes, ...]) -> None:
    whole = b64encode(composite(*key)).decode()
    number = int.from_bytes(key[1])
    after = {"x": {"value": whole}, "y": {"value": number}, "z": {"value": whole}}
    body = json.dumps(STOCK | {"after": after}).encode()
    decoded = HintDecoder(lambda *_: COMPOSITE)(record(body))
    assert decoded == Hint(TABLE.id, key, Scope.ROW)


def test_a_lone_blob_that_looks_like_a_composite_is_left_as_it_is() -> None:
    table = Table(TABLE.id, (Column("x", "blob", ColumnKind.PARTITION_KEY),))
    value = composite(b"a", b"b")
    after = {"x": {"value": b64encode(value).decode()}}
    body = json.dumps(STOCK | {"after": after}).encode()
    assert HintDecoder(lambda *_: table)(record(body)) == Hint(TABLE.id, (value,), Scope.ROW)


def test_an_error_quotes_a_wrong_value_shortly() -> None:
    for wrong in ({"hint": "x" * 10_000}, {"scope": "x" * 10_000}, {"errand": "x" * 10_000}):
        with pytest.raises(Undecodable) as raised:
            decode(OURS | {"scope": "slice", "start": BOUND, "end": BOUND} | wrong)
        assert len(str(raised.value)) < 200
