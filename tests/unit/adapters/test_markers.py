"""Numbers that are drawn on the source by a condition, and what nodes wrote of them."""

from __future__ import annotations

from dataclasses import replace
from struct import pack
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from cassandra import (
    ConsistencyLevel,
    InvalidRequest,
    OperationTimedOut,
    Unauthorized,
    Unavailable,
    WriteTimeout,
    WriteType,
)

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.source.capture_check import WAIT_S, check_capture, check_stock_capture
from hintferry.adapters.source.marker_row import MarkerRows
from hintferry.adapters.source.marker_watch import DRAW_EVERY_S, MarkerWatch
from hintferry.adapters.source.markers import DRAWS, CqlMarkers
from hintferry.core.capture import proof
from hintferry.core.errors import ConfigurationError, Side, SideFault
from hintferry.core.schema import TableId
from hintferry.core.watermark import NodeMark
from hintferry.testing.captures import ADDRESSES, SHAPE, VERSION, ScriptedCaptures, host_of
from hintferry.testing.clock import ScriptedClock, SimulatedTime
from hintferry.testing.markers import MemoryMarkers
from hintferry_ops.testing.cutover import ScriptedSurroundings

ORDERS = TableId("shop", "orders")
HOST = UUID(int=5)


class Source:
    """The source's session, with one row of markers; `races` and `errors` come first."""

    side = Side.SOURCE

    def __init__(self) -> None:
        self.number: int | None = None
        self.races = 0
        self.errors: list[Exception] = []
        self.rows: list[tuple[bytes | None, ...]] = []
        self.tried: list[int] = []

    def bind(self, text: str, values: Any) -> Any:
        return SimpleNamespace(text=text, values=values, serial_consistency_level=None)

    def current(self) -> Source:
        return self

    def execute(self, bound: Any) -> Any:
        assert bound.serial_consistency_level == ConsistencyLevel.LOCAL_SERIAL
        rows = {
            cql.NUMBER: self._number,
            cql.MARKS: lambda _: self.rows,
            cql.DRAW_NUMBER: self._cas,
        }
        answer = rows[bound.text](bound.values)
        return SimpleNamespace(all=lambda: answer)

    def doubt(self, error: Exception) -> None:
        pass

    def _number(self, _: Any) -> list[tuple[bytes | None, ...]]:
        return [] if self.number is None else [(pack(">q", self.number),)]

    def _cas(self, values: list[bytes]) -> list[tuple[bytes | None, ...]]:
        number, written, drawn_at, name, before = values
        assert (len(written), len(drawn_at), name) == (16, 8, b"shop.orders")
        self.tried.append(int.from_bytes(number, "big"))
        if self.errors:
            raise self.errors.pop()
        if self.races:
            self.races -= 1
            self.number = (self.number or 0) + 1
        now = None if self.number is None else pack(">q", self.number)
        if before != now:
            return [(b"\x00", now)]
        self.number = self.tried[-1]
        return [(b"\x01",)]


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def clock() -> ScriptedClock:
    return ScriptedClock(SimulatedTime())


@pytest.fixture
def markers(source: Source, clock: ScriptedClock) -> CqlMarkers:
    return CqlMarkers(cast(CqlSession, source), clock)


def test_numbers_grow_from_one_on(markers: CqlMarkers) -> None:
    assert [markers.draw(ORDERS) for _ in range(3)] == [1, 2, 3]


def test_a_lost_race_draws_again(source: Source, markers: CqlMarkers) -> None:
    source.races = 2
    assert markers.draw(ORDERS) == 3
    assert source.tried == [1, 2, 3]


def settled(host: UUID, number: int) -> tuple[bytes | None, ...]:
    """The row of a node that has settled this number, in its first capture."""
    return (host.bytes, pack(">q", number), pack(">q", 1), pack(">q", 1_764_000_000_500), None)


def test_where_the_markers_were_emptied_a_number_is_above_all_that_is_settled(
    source: Source, markers: CqlMarkers
) -> None:
    source.rows = [settled(UUID(int=4), 6), settled(HOST, 7), (UUID(int=6).bytes, *[None] * 4)]
    assert [markers.draw(ORDERS) for _ in range(2)] == [8, 9]
    source.number = 3
    assert markers.draw(ORDERS) == 8, "an older state of the table was restored"


@pytest.mark.parametrize(
    "error", [WriteTimeout("cas", write_type=WriteType.CAS), OperationTimedOut()]
)
def test_a_number_in_doubt_is_never_told(
    error: Exception, source: Source, markers: CqlMarkers
) -> None:
    """Nobody knows whether another got it: its own condition decides the next."""
    source.number, source.errors = 4, [error]
    assert markers.draw(ORDERS) == 5
    assert source.tried == [5, 5]


def test_where_every_draw_is_in_doubt_the_source_is_away(
    source: Source, markers: CqlMarkers
) -> None:
    source.errors = [WriteTimeout("cas", write_type=WriteType.CAS) for _ in range(99)]
    with pytest.raises(SideFault, match=r"no number of shop\.orders could be drawn"):
        markers.draw(ORDERS)
    assert len(source.tried) == DRAWS


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (InvalidRequest("Undefined column name number"), "hintferry preflight --only source"),
        (Unauthorized("no MODIFY permission"), "GRANT MODIFY, SELECT ON TABLE hintferry.markers"),
    ],
)
def test_what_the_source_lacks_is_said_with_the_fix(
    error: Exception, says: str, source: Source, markers: CqlMarkers
) -> None:
    source.errors = [error]
    with pytest.raises(ConfigurationError, match=says):
        markers.draw(ORDERS)


def test_a_side_that_is_away_is_a_fault(source: Source, markers: CqlMarkers) -> None:
    source.errors = [Unavailable("two of three")]
    with pytest.raises(SideFault):
        markers.draw(ORDERS)


def test_what_a_node_wrote_is_read_as_it_is(source: Source, markers: CqlMarkers) -> None:
    number, since, drawn_at = (pack(">q", one) for one in (7, 3, 1_764_000_000_500))
    source.rows = [(HOST.bytes, number, since, drawn_at, None)]
    assert markers.marks(ORDERS) == {str(HOST): NodeMark(7, 3, 1_764_000_000.5, None)}
    source.rows = [(HOST.bytes, None, None, None, b"1 segment is set aside")]
    assert markers.marks(ORDERS) == {
        str(HOST): NodeMark(None, None, None, "1 segment is set aside")
    }


@pytest.fixture
def said(clock: ScriptedClock) -> ScriptedCaptures:
    return ScriptedCaptures(clock.now)


@pytest.fixture
def watch(clock: ScriptedClock, said: ScriptedCaptures) -> MarkerWatch:
    return MarkerWatch(ORDERS, MemoryMarkers(lambda: said.since, clock.now), clock)


def memory(watch: MarkerWatch) -> MemoryMarkers:
    return cast(MemoryMarkers, watch.markers)


def test_a_backfill_begins_when_every_node_has_settled_a_marker(
    watch: MarkerWatch, said: ScriptedCaptures
) -> None:
    memory(watch).takes_s = 3.0
    began = watch.clock.now()
    assert check_capture(watch, said) == proof(said.witness(ORDERS))
    assert 3.0 <= watch.clock.now() - began < 4.0
    assert memory(watch).drawn[ORDERS] == [began]


def test_a_backfill_counts_no_number_from_before_the_markers_were_emptied(
    source: Source, markers: CqlMarkers, clock: ScriptedClock
) -> None:
    host = str(HOST)
    said = ScriptedCaptures(clock.now, ADDRESSES[:1])
    said.nodes = [replace(said.nodes[0], host_id=host)]
    said.since, said.age_s = {host: 1}, {host: 1.0}
    said.version, said.captured_id = {host: VERSION}, {host: SHAPE.table_id}
    source.rows = [settled(HOST, 7)]
    with pytest.raises(ConfigurationError, match="has not settled marker 8 yet"):
        check_capture(MarkerWatch(ORDERS, markers, clock), said)


def test_a_backfill_waits_for_a_node_that_missed_the_first_marker(
    watch: MarkerWatch, said: ScriptedCaptures
) -> None:
    host = host_of(ADDRESSES[1])
    markers = memory(watch)
    markers.away = {host}
    sleep = watch.clock.sleep
    began = watch.clock.now()

    def sleeping(seconds: float) -> None:
        sleep(seconds)
        if watch.clock.now() - began > DRAW_EVERY_S / 2:
            markers.away.clear()

    watch.clock.sleep = sleeping  # type: ignore[method-assign]
    check_capture(watch, said)
    assert DRAW_EVERY_S <= watch.clock.now() - began < DRAW_EVERY_S + 1
    assert len(markers.drawn[ORDERS]) == 2


def test_a_node_that_leaves_the_ring_voids_the_marker_that_is_waited_for(
    watch: MarkerWatch, said: ScriptedCaptures
) -> None:
    """The others log what it streams to them only after the marker that they settle."""
    markers, gone = memory(watch), host_of(ADDRESSES[2])
    markers.away = {gone}
    watch.look(said.witness(ORDERS), 0.0)
    said.nodes.pop()
    markers.takes_s = 1.0
    assert watch.look(said.witness(ORDERS), 0.0).reached_at is None
    assert len(markers.drawn[ORDERS]) == 2, "a new one is drawn at once"
    left_at = watch.clock.now()
    assert check_capture(watch, said).since.keys() == {host_of(one) for one in ADDRESSES[:2]}
    assert watch.clock.now() - left_at >= 1.0
    assert len(markers.drawn[ORDERS]) == 2, "and waited for as any other"


def test_a_backfill_names_the_node_whose_marker_does_not_settle(
    watch: MarkerWatch, said: ScriptedCaptures
) -> None:
    memory(watch).waits[host_of(ADDRESSES[2])] = "partition 2 of the topic is at 5 of 9"
    began = watch.clock.now()
    with pytest.raises(ConfigurationError, match=r"10\.0\.3\.11: partition 2 of the topic"):
        check_capture(watch, said)
    assert WAIT_S <= watch.clock.now() - began < WAIT_S + 1


def test_a_backfill_ends_at_once_where_cdc_is_off(
    watch: MarkerWatch, said: ScriptedCaptures
) -> None:
    said.captured_id.pop(host_of(ADDRESSES[0]))
    with pytest.raises(ConfigurationError, match=r"10\.0\.1\.11: .* its cdc is off"):
        check_capture(watch, said)
    assert memory(watch).drawn == {}


def test_with_the_stock_connector_a_backfill_waits_for_the_marker_row(
    said: ScriptedCaptures, clock: ScriptedClock
) -> None:
    said.stock, around = True, ScriptedSurroundings()
    rows = cast(MarkerRows, around)
    assert check_stock_capture(ORDERS, said, rows, clock) == proof(said.witness(ORDERS))
    around.markers_arrive = False
    with pytest.raises(ConfigurationError, match="did not come through capture within 120 s"):
        check_stock_capture(ORDERS, said, rows, clock)
