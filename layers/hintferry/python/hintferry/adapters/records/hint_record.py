"""Our own record, version 1: a key as wire bytes in base64, and how much of it may have changed.

Written by the capture handler in `node/capture`, and by us where a hint waits in a queue; the
format is described in `docs/reference/records.md`.
"""

from __future__ import annotations

from base64 import b64encode
from binascii import Error as NotBase64
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from hintferry.core.errors import Undecodable
from hintferry.core.hint import WHOLE_PARTITION, Bound, Errand, Hint, Scope, Slice
from hintferry.core.schema import Column, Key, Table, TableId

VERSION = 1

SHOWN = 60
"""Characters of a wrong value that an error quotes."""

JsonObject = Mapping[str, Any]


Lookup = Callable[[TableId, int], Table]
"""The source's table of a name, altered no earlier than then (microseconds; 0: as it is known)."""


def decode(value: JsonObject, lookup: Lookup) -> Hint:
    """The hint in a record's value. Raises Undecodable, UnknownTable, SideFault."""
    if value["hint"] != VERSION:
        raise Undecodable(
            f"hint record version {_shown(value['hint'])} is not known, only {VERSION} is"
        )
    try:
        altered_us = _altered(value)
        table = lookup(TableId(_text(value["keyspace"]), _text(value["table"])), altered_us)
        return replace(_hint(value, table), altered_us=altered_us)
    except KeyError as error:
        raise Undecodable(f"the hint record lacks its field {error}") from error


def encode(hint: Hint) -> dict[str, Any]:
    """The value of a record that says the same as `hint`."""
    is_slice = hint.scope is Scope.SLICE
    return {
        "hint": VERSION,
        "scope": hint.scope.value,
        "keyspace": hint.table.keyspace,
        "table": hint.table.name,
        "pk": _encoded(hint.partition),
        "ck": _encoded(hint.clustering) if hint.scope is Scope.ROW else None,
        "start": _encoded_bound(hint.slice.start) if is_slice else None,
        "end": _encoded_bound(hint.slice.end) if is_slice else None,
        "statics": hint.statics_due,
        "errand": hint.errand.value,
        "altered_us": hint.altered_us,
    }


def _hint(value: JsonObject, table: Table) -> Hint:
    scope = _scope(value["scope"])
    partition = _key("pk", value["pk"], table.partition_key, whole=True)
    if scope is Scope.STATIC:
        return Hint(table.id, partition, scope, statics_due=True)
    if scope is Scope.ROW or not table.clustering:
        clustering = _key("ck", value["ck"] or [], table.clustering, whole=True)
        return Hint(
            table.id,
            partition,
            Scope.ROW,
            clustering,
            statics_due=_statics(value, table),
            errand=_errand(value),
        )
    if scope is Scope.SLICE:
        part = Slice(_bound("start", value["start"], table), _bound("end", value["end"], table))
        return Hint(table.id, partition, scope, slice=part, errand=_errand(value))
    return Hint(table.id, partition, scope, slice=WHOLE_PARTITION, statics_due=bool(table.statics))


def _altered(value: JsonObject) -> int:
    """Return when the table was last altered; 0 in a record that does not say."""
    altered = value.get("altered_us")
    if altered is None:
        return 0
    if type(altered) is not int or altered < 0:
        raise Undecodable(f"altered_us {_shown(altered)} is not a time in microseconds")
    return altered


def _errand(value: JsonObject) -> Errand:
    try:
        return Errand(value.get("errand", Errand.NEWS.value))
    except ValueError:
        raise Undecodable(f"errand {_shown(value['errand'])} is not known") from None


def _statics(value: JsonObject, table: Table) -> bool:
    """A stock record's row hint, put into a queue by us, may speak of the static columns too."""
    return bool(value.get("statics")) and bool(table.statics)


def _scope(value: Any) -> Scope:
    try:
        return Scope(value)
    except ValueError:
        raise Undecodable(f"scope {_shown(value)} is not known") from None


def _bound(name: str, value: Any, table: Table) -> Bound:
    if not isinstance(value, dict):
        raise Undecodable(f"{name} is not a bound")
    values = _key(name, value["values"], table.clustering, whole=False)
    return Bound(values, not values or bool(value["inclusive"]))


def _key(name: str, value: Any, columns: tuple[Column, ...], *, whole: bool) -> Key:
    if not isinstance(value, list) or len(value) > len(columns):
        raise Undecodable(f"{name} is not a list of at most {len(columns)} components")
    if whole and len(value) != len(columns):
        raise Undecodable(f"{name} has {len(value)} components where {len(columns)} are due")
    key = tuple(map(_component, value))
    for column, component in zip(columns, key, strict=False):
        if not column.accepts(component):
            raise Undecodable(f"{len(component)} bytes for {column.name} are no {column.cql_type}")
    return key


def _component(value: Any) -> bytes:
    try:
        return a2b_base64(value, strict_mode=True)
    except (NotBase64, TypeError, ValueError):
        raise Undecodable("a key component is not base64") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Undecodable("keyspace and table must be texts")
    return value


def _shown(value: Any) -> str:
    """Enough of it to know it by, whatever somebody put there."""
    return repr(value)[:SHOWN]


def _encoded(key: Key) -> list[str]:
    return [b64encode(component).decode() for component in key]


def _encoded_bound(bound: Bound) -> dict[str, Any]:
    return {"values": _encoded(bound.values), "inclusive": bound.inclusive}
