"""Every file of `events/`, recorded from the real chain, opens and decodes to what it is named."""

import json
from pathlib import Path

import pytest

from hintferry.adapters.aws.kafka_event import open_event
from hintferry.adapters.records.decoder import HintDecoder
from hintferry.core.errors import Undecodable
from hintferry.core.hint import Bound, Hint, Scope, Slice
from hintferry.core.schema import Column, ColumnKind, Table, TableId

FOLDER = Path(__file__).parents[3] / "events"
ORDERS = Table(
    TableId("shop", "orders"),
    (Column("customer", "int", ColumnKind.PARTITION_KEY),),
    (Column("number", "int", ColumnKind.CLUSTERING),),
    (Column("note", "text", ColumnKind.STATIC),),
    (
        Column("items", "map<text, int>", ColumnKind.REGULAR),
        Column("state", "text", ColumnKind.REGULAR),
    ),
)
VISITS = Table(
    TableId("shop", "visits"),
    (Column("page", "text", ColumnKind.PARTITION_KEY),),
    regulars=(Column("hits", "counter", ColumnKind.REGULAR),),
)
CUSTOMER = ((7).to_bytes(4),)
NUMBER = ((1).to_bytes(4),)
AFTER_TWO = Slice(Bound(((2).to_bytes(4),), inclusive=False), Bound())
PARTITION = Hint(ORDERS.id, CUSTOMER, Scope.PARTITION, statics_due=True)
ROW = Hint(ORDERS.id, CUSTOMER, Scope.ROW, NUMBER)
ROW_AND_STATICS = Hint(ORDERS.id, CUSTOMER, Scope.ROW, NUMBER, statics_due=True)

EXPECTED = {
    "ours-insert": ROW,
    "ours-update": ROW,
    "ours-row-delete": ROW,
    "ours-static": Hint(ORDERS.id, CUSTOMER, Scope.STATIC, statics_due=True),
    "ours-range-delete": Hint(ORDERS.id, CUSTOMER, Scope.SLICE, slice=AFTER_TWO),
    "ours-partition-delete": PARTITION,
    "ours-counter": Hint(VISITS.id, (b"/",), Scope.ROW),
    # The stock connector does not show the static of an INSERT, nor bounds that all types survive.
    "stock-insert": ROW_AND_STATICS,
    "stock-update": ROW_AND_STATICS,
    "stock-row-delete": ROW,
    "stock-range-delete": PARTITION,
    "stock-partition-delete": PARTITION,
}


UNDECODABLE = "undecodable"


def test_there_is_a_file_of_each_kind_and_no_other() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {*EXPECTED, UNDECODABLE}


@pytest.mark.parametrize("name", [*EXPECTED, UNDECODABLE])
def test_a_recorded_event_decodes_to_what_it_is_named(name: str) -> None:
    (record,) = open_event(json.loads((FOLDER / f"{name}.json").read_text()))
    decode = HintDecoder(lambda table, _: {ORDERS.id: ORDERS, VISITS.id: VISITS}[table])
    assert record.appended_at_ms is not None
    if name == UNDECODABLE:
        with pytest.raises(Undecodable):
            decode(record)
    else:
        assert decode(record) == EXPECTED[name]
