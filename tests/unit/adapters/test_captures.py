"""States of connectors as they lie in the source, and the shape of a table."""

from __future__ import annotations

import json
from struct import pack
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from cassandra import InvalidRequest, OperationTimedOut, Unauthorized
from cassandra.cluster import NoHostAvailable

from hintferry.adapters.clocks.cached_answer import CACHED_S
from hintferry.adapters.driver import cql
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.source import captures
from hintferry.adapters.source.captures import CqlCaptures, as_tree, from_tree, settled
from hintferry.core.capture import gaps, proof, void
from hintferry.core.errors import ConfigurationError, Side, UnknownTable
from hintferry.core.schema import TableId
from hintferry.testing.captures import ScriptedCaptures
from hintferry.testing.clock import ScriptedClock, SimulatedTime

ORDERS = TableId("shop", "orders")
HOSTS = [UUID(int=n) for n in (1, 2)]
FAR = UUID(int=9)
TABLE, SCHEMA = UUID(int=70), UUID(int=80)
ALTERED_US = 1_764_000_000_000_000


class Source:
    """The source's session: two nodes here, one in another datacenter."""

    side = Side.SOURCE

    def __init__(self, now_ms: int) -> None:
        self.down: set[UUID] = set()
        self.unconnected: dict[UUID, int] = {}
        """How often each node is asked before a connection to it is there."""
        self.is_refused = False
        self.rows: dict[str, list[tuple[Any, ...]]] = {
            cql.TABLE_NOW: [(TABLE.bytes, pack(">q", ALTERED_US))],
            cql.CAPTURES: [(host.bytes, state_of(host, now_ms)) for host in HOSTS],
        }
        names = [(HOSTS[0], "dc1"), (HOSTS[1], "dc1"), (FAR, "dc2")]
        hosts = [
            SimpleNamespace(host_id=host, datacenter=name, address=f"10.0.0.{host.int}")
            for host, name in names
        ]
        self.cluster = SimpleNamespace(metadata=SimpleNamespace(all_hosts=lambda: hosts))

    def bind(self, text: str, values: Any) -> str:
        return text

    def current(self) -> Source:
        return self

    def execute(self, text: str) -> Any:
        if self.is_refused and text == cql.CAPTURES:
            raise Unauthorized("no SELECT permission")
        if text not in self.rows:
            raise InvalidRequest("unconfigured table")
        return SimpleNamespace(all=lambda: self.rows[text])

    def execute_async(self, statement: Any, timeout: float, host: Any) -> Any:
        left = self.unconnected.get(host.host_id, 0)
        self.unconnected[host.host_id] = left - 1

        def result() -> Any:
            if left > 0:
                raise NoHostAvailable("no connection", {})
            if host.host_id in self.down:
                raise OperationTimedOut()
            return SimpleNamespace(all=lambda: [(host.host_id.bytes, SCHEMA.bytes, None)])

        return SimpleNamespace(result=result)

    def doubt(self, error: Exception) -> None:
        pass


def state_of(host: UUID, now_ms: int, **changes: Any) -> bytes:
    """As the connector writes it."""
    table = {"keyspace": "shop", "table": "orders", "id": str(TABLE), "since": 5, "altered_us": 1}
    table["topic"] = "p.shop.orders"
    state = {
        "version": 1,
        "host_id": str(host),
        "node": "10.0.0.1",
        "at_ms": now_ms,
        "schema_version": str(SCHEMA),
        "acknowledged": None,
        "tables": [table | changes],
    }
    return json.dumps(state).encode()


@pytest.fixture
def clock() -> ScriptedClock:
    return ScriptedClock(SimulatedTime())


@pytest.fixture
def source(clock: ScriptedClock) -> Source:
    return Source(int(clock.now() * 1000))


@pytest.fixture
def seen_by(source: Source, clock: ScriptedClock) -> CqlCaptures:
    return CqlCaptures(cast(CqlSession, source), "dc1", False, clock, lambda table: f"p.{table}")


def test_states_are_read_for_each_node_of_the_datacenter(seen_by: CqlCaptures) -> None:
    seen = seen_by.witness(ORDERS)
    assert [node.node for node in seen.nodes] == ["10.0.0.1", "10.0.0.2"]
    assert gaps(seen) == []
    proved = proof(seen)
    assert proved is not None
    assert (proved.shape.table_id, proved.since) == (str(TABLE), {str(host): 5 for host in HOSTS})
    assert from_tree(json.loads(json.dumps(as_tree(proved)))) == proved
    assert from_tree(as_tree(None)) is None


def test_a_node_to_which_a_new_session_connects_last_is_waited_for(
    source: Source, seen_by: CqlCaptures
) -> None:
    source.unconnected[HOSTS[1]] = 3
    assert gaps(seen_by.witness(ORDERS)) == []


def test_a_node_that_is_never_connected_counts_as_silent_soon(
    source: Source, seen_by: CqlCaptures, clock: ScriptedClock
) -> None:
    began, source.unconnected[HOSTS[1]] = clock.now(), 1_000_000
    (gap,) = gaps(seen_by.witness(ORDERS))
    assert (gap.node, gap.why) == ("10.0.0.2", "does not answer")
    assert clock.now() - began < captures.NODE_TIMEOUT_S + 1


def test_a_connector_from_before_watermarks_is_known_by_its_state(
    source: Source, seen_by: CqlCaptures, clock: ScriptedClock
) -> None:
    told = state_of(HOSTS[1], int(clock.now() * 1000), watermark={"number": 7})
    source.rows[cql.CAPTURES][1] = HOSTS[1].bytes, told
    seen = seen_by.witness(ORDERS)
    said = [seen.said(node) for node in seen.nodes]
    assert [one is not None and one.knows_markers for one in said] == [False, True]


@pytest.mark.parametrize(("since", "settled"), [(5, 7), (4, None), (None, None)])
def test_a_state_tells_the_marker_that_this_capture_settled(
    since: int | None,
    settled: int | None,
    source: Source,
    seen_by: CqlCaptures,
    clock: ScriptedClock,
) -> None:
    mark = {"number": 7, "since": since}
    told = state_of(HOSTS[1], int(clock.now() * 1000), watermark=mark)
    source.rows[cql.CAPTURES][1] = HOSTS[1].bytes, told
    seen = seen_by.witness(ORDERS)
    said = [seen.said(node) for node in seen.nodes]
    assert [one and one.settled for one in said] == [None, settled]


def test_a_table_that_is_not_there_is_unknown(source: Source, seen_by: CqlCaptures) -> None:
    source.rows[cql.TABLE_NOW] = []
    with pytest.raises(UnknownTable):
        seen_by.witness(ORDERS)


def test_a_login_that_may_not_read_the_states_is_told_the_grant(
    source: Source, seen_by: CqlCaptures
) -> None:
    source.is_refused = True
    with pytest.raises(ConfigurationError, match="GRANT SELECT ON TABLE hintferry"):
        seen_by.witness(ORDERS)


def test_a_node_that_is_down_counts_as_one_that_does_not_capture(
    source: Source, seen_by: CqlCaptures
) -> None:
    source.down.add(HOSTS[1])
    (gap,) = gaps(seen_by.witness(ORDERS))
    assert str(gap) == "10.0.0.2: does not answer"


@pytest.mark.parametrize("what", ["no table", "no row", "another version", "why"])
def test_what_is_not_said_in_so_many_words_is_no_capture(
    source: Source, seen_by: CqlCaptures, clock: ScriptedClock, what: str
) -> None:
    now_ms = int(clock.now() * 1000)
    first, host = source.rows[cql.CAPTURES][0], HOSTS[1]
    rows = {
        "no row": [first],
        "another version": [first, (host.bytes, b'{"version": 2}')],
        "why": [first, (host.bytes, state_of(host, now_ms, since=None, why="column c: its type"))],
    }
    source.rows[cql.CAPTURES] = rows.get(what, [])
    if what == "no table":
        del source.rows[cql.CAPTURES]
    found = gaps(seen_by.witness(ORDERS))
    assert len(found) == (2 if what == "no table" else 1)
    assert ("column c: its type" in found[-1].why) is (what == "why")


@pytest.mark.parametrize("sent_to", ["q.shop.orders", "p.shop-orders"])
def test_hints_that_go_to_a_topic_that_nobody_reads_are_no_capture(
    source: Source, seen_by: CqlCaptures, clock: ScriptedClock, sent_to: str
) -> None:
    now_ms = int(clock.now() * 1000)
    told = state_of(HOSTS[1], now_ms, topic=sent_to)
    source.rows[cql.CAPTURES][1] = HOSTS[1].bytes, told
    (gap,) = gaps(seen_by.witness(ORDERS))
    assert f"its hints go to the topic {sent_to}, not to p.shop.orders" in gap.why
    early = told.replace(b'"topic"', b'"other"')
    source.rows[cql.CAPTURES][1] = HOSTS[1].bytes, early
    clock.sleep(5)
    (gap,) = gaps(seen_by.witness(ORDERS))
    assert "of an earlier release" in gap.why


def test_a_table_that_was_altered_is_not_what_a_pass_walked(
    source: Source, seen_by: CqlCaptures
) -> None:
    """C6: after DROP and ADD the columns are as before, and the target shows what is forgotten."""
    proved = proof(seen_by.witness(ORDERS))
    source.rows[cql.TABLE_NOW] = [(TABLE.bytes, pack(">q", ALTERED_US + 1))]
    assert "was altered" in str(void(proved, seen_by.witness(ORDERS)))


def test_a_table_that_was_dropped_and_created_again_is_another(
    source: Source, seen_by: CqlCaptures
) -> None:
    proved = proof(seen_by.witness(ORDERS))
    source.rows[cql.TABLE_NOW] = [(UUID(int=71).bytes, pack(">q", ALTERED_US))]
    assert "created again" in str(void(proved, seen_by.witness(ORDERS)))


def test_many_tables_that_ask_in_one_moment_ask_once(
    source: Source, seen_by: CqlCaptures, clock: ScriptedClock
) -> None:
    assert gaps(seen_by.witness(ORDERS)) == []
    source.rows[cql.CAPTURES] = []
    assert gaps(seen_by.witness(ORDERS)) == []
    clock.sleep(CACHED_S)
    assert len(gaps(seen_by.witness(ORDERS))) == 2


@pytest.mark.parametrize(("longest_s", "waits"), [(captures.SETTLES_S, False), (120.0, True)])
def test_only_a_backfill_waits_for_connectors_that_may_be_starting(
    clock: ScriptedClock, longest_s: float, waits: bool
) -> None:
    said = ScriptedCaptures(clock.now)
    said.age_s.clear()
    began = clock.now()
    assert len(gaps(settled(said, ORDERS, clock, longest_s))) == 3
    assert (clock.now() - began > longest_s) is waits


def test_nobody_waits_for_a_table_whose_cdc_is_off(clock: ScriptedClock) -> None:
    said = ScriptedCaptures(clock.now)
    said.captured_id.clear()
    began = clock.now()
    assert len(gaps(settled(said, ORDERS, clock, 120.0))) == 3
    assert clock.now() == began


def test_a_change_of_the_schema_is_waited_for(clock: ScriptedClock) -> None:
    said = ScriptedCaptures(clock.now)
    began = clock.now()

    class Settling(ScriptedCaptures):
        def witness(self, table: TableId) -> Any:
            is_old = clock.now() - began < 3
            said.version = dict.fromkeys(said.version, "old" if is_old else "schema 1")
            return said.witness(table)

    assert gaps(settled(Settling(clock.now), ORDERS, clock, captures.SETTLES_S)) == []
    assert 3 <= clock.now() - began < 5
