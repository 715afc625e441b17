"""Key values from the stock connector's JSON: the same bytes as the driver's own serialisers."""

from __future__ import annotations

import ipaddress
import json
import math
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from operator import attrgetter
from typing import Any
from uuid import UUID

import pytest
from cassandra import cqltypes
from cassandra.util import Date, Time
from hypothesis import given
from hypothesis import strategies as st

from hintferry.adapters.records.key_codec import from_json
from hintferry.core.errors import Undecodable
from hintferry.core.schema import Column, ColumnKind
from tests.unit.strategies import JSON


def integers(bits: int) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
NANOSECONDS = st.integers(0, 86_400 * 10**9 - 1)


def identity(value: Any) -> Any:
    return value


def exploded(address: str) -> str:
    """As Java writes an address, with a slash before it."""
    return f"/{ipaddress.ip_address(address).exploded}"


# For each type: the driver's class, its values, and how the connector's JSON shows one.
CASES: dict[str, tuple[Any, st.SearchStrategy[Any], Callable[[Any], Any]]] = {
    "ascii": (cqltypes.AsciiType, st.text(st.characters(max_codepoint=127)), identity),
    "bigint": (cqltypes.LongType, integers(64), identity),
    "blob": (cqltypes.BytesType, st.binary(), lambda value: b64encode(value).decode()),
    "boolean": (cqltypes.BooleanType, st.booleans(), identity),
    "date": (cqltypes.SimpleDateType, integers(32).map(Date), attrgetter("days_from_epoch")),
    "decimal": (cqltypes.DecimalType, DECIMALS, str),
    "double": (cqltypes.DoubleType, st.floats(allow_nan=False), identity),
    "float": (cqltypes.FloatType, st.floats(width=32, allow_nan=False), identity),
    "inet": (cqltypes.InetAddressType, st.ip_addresses().map(str), exploded),
    "int": (cqltypes.Int32Type, integers(32), identity),
    "smallint": (cqltypes.ShortType, integers(16), identity),
    "text": (cqltypes.UTF8Type, st.text(), identity),
    "time": (cqltypes.TimeType, NANOSECONDS.map(Time), attrgetter("nanosecond_time")),
    "timestamp": (cqltypes.DateType, integers(64), identity),
    "timeuuid": (cqltypes.TimeUUIDType, st.uuids(version=1), str),
    "tinyint": (cqltypes.ByteType, integers(8), identity),
    "uuid": (cqltypes.UUIDType, st.uuids(), str),
    "varchar": (cqltypes.UTF8Type, st.text(), identity),
    "varint": (cqltypes.IntegerType, st.integers(-(2**600), 2**600), str),
}


def column(cql_type: str) -> Column:
    return Column("k", cql_type, ColumnKind.PARTITION_KEY)


@pytest.mark.parametrize("cql_type", sorted(CASES))
@given(data=st.data())
def test_each_scalar_type_matches_the_drivers_serialiser(
    cql_type: str, data: st.DataObject
) -> None:
    of_driver, values, to_json = CASES[cql_type]
    value = data.draw(values)
    shown = json.loads(json.dumps(to_json(value)))
    assert of_driver.serialize(value, 4) == from_json(column(cql_type), shown)


@given(st.lists(st.integers(-(2**31), 2**31 - 1)))
def test_frozen_lists_match_the_drivers_serialiser(values: list[int]) -> None:
    of_driver = cqltypes.ListType.apply_parameters([cqltypes.Int32Type])
    assert of_driver.serialize(values, 4) == from_json(column("frozen<list<int>>"), values)


@given(st.dictionaries(st.text(), st.integers(-(2**63), 2**63 - 1)))
def test_frozen_maps_match_the_drivers_serialiser(values: dict[str, int]) -> None:
    """A map of texts is an object; of other keys an array of pairs."""
    of_driver = cqltypes.MapType.apply_parameters([cqltypes.UTF8Type, cqltypes.LongType])
    pairs = [[key, value] for key, value in values.items()]
    expected = of_driver.serialize(values, 4)
    assert expected == from_json(column("frozen<map<text, bigint>>"), values)
    assert expected == from_json(column("frozen<map<text, bigint>>"), pairs)


@given(st.none() | st.integers(-128, 127), st.none() | st.text())
def test_tuples_match_the_drivers_serialiser(number: int | None, text: str | None) -> None:
    of_driver = cqltypes.TupleType.apply_parameters([cqltypes.ByteType, cqltypes.UTF8Type])
    shown = {"field1": number, "field2": text}
    cql_type = "frozen<tuple<tinyint, text>>"
    assert of_driver.serialize((number, text), 4) == from_json(column(cql_type), shown)


@given(st.lists(st.lists(st.uuids(), max_size=3), max_size=3))
def test_nested_types_match_the_drivers_serialiser(values: list[list[UUID]]) -> None:
    inner = cqltypes.ListType.apply_parameters([cqltypes.UUIDType])
    of_driver = cqltypes.ListType.apply_parameters([cqltypes.FrozenType.apply_parameters([inner])])
    shown = [[str(one) for one in some] for some in values]
    cql_type = "frozen<list<frozen<list<uuid>>>>"
    assert of_driver.serialize(values, 4) == from_json(column(cql_type), shown)


@pytest.mark.parametrize("shown", ["NaN", math.nan])
def test_not_a_number_is_a_double(shown: object) -> None:
    assert math.isnan(cqltypes.DoubleType.deserialize(from_json(column("double"), shown), 4))


@pytest.mark.parametrize("text", ["1E+3", "-0", "0.00", "-1.50", "9e-40"])
def test_a_decimal_keeps_its_scale(text: str) -> None:
    """1000 and 1E+3 are different keys."""
    assert cqltypes.DecimalType.serialize(Decimal(text), 4) == from_json(column("decimal"), text)


@given(
    st.sampled_from([*CASES, "frozen<list<int>>", "frozen<map<uuid, text>>", "vector<float, 2>"]),
    JSON,
)
def test_any_json_is_a_value_or_undecodable(cql_type: str, shown: object) -> None:
    with suppress(Undecodable):
        assert isinstance(from_json(column(cql_type), shown), bytes)


@pytest.mark.parametrize(
    ("cql_type", "shown"),
    [
        ("int", 2**31),
        ("tinyint", 1.5),
        ("uuid", "no"),
        ("inet", "/300.1.1.1"),
        ("blob", "not base64"),
        ("decimal", "Infinity"),
        ("varint", "9" * 5000),
        ("text", 7),
        ("text", "\ud800"),
        ("duration", 1),
        ("frozen<tuple<int>>", {"field2": 1}),
    ],
)
def test_what_is_no_value_of_the_type_is_undecodable(cql_type: str, shown: object) -> None:
    with pytest.raises(Undecodable):
        from_json(column(cql_type), shown)
