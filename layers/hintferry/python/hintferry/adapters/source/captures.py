"""Describe what is to be known of a table's capture: its nodes, their connectors' states, the
table itself.

Each node of the source's datacenter is asked by itself: what `system.local` keeps is its own. Each
connector writes its state, one JSON document, into `hintferry.captures` on the source.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from struct import unpack
from typing import Any
from uuid import UUID

from cassandra import ConsistencyLevel, InvalidRequest, Unauthorized
from cassandra.cluster import NoHostAvailable
from cassandra.cqltypes import BytesType, MapType, UUIDType
from cassandra.query import SimpleStatement

from hintferry.adapters.clocks.cached_answer import CachedAnswer
from hintferry.adapters.driver import cql
from hintferry.adapters.driver.catalog import execute_raw
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.session import DRIVER_ERRORS, CqlSession
from hintferry.core.capture import (
    CapturedTable,
    CaptureState,
    NodeState,
    Proof,
    TableVersion,
    Witness,
    gaps,
)
from hintferry.core.errors import ConfigurationError, UnknownTable
from hintferry.core.schema import TableId
from hintferry.ports import Captures, Clock

NODE_TIMEOUT_S = 3.0
CONNECTS_EVERY_S = 0.05
VERSION = 1
SETTLES_S = 15.0
"""After a change of the schema the nodes agree within this, and their connectors say so."""

LOOK_EVERY_S = 0.5

_TRUNCATIONS = MapType.apply_parameters([UUIDType, BytesType])


@dataclass(frozen=True, slots=True)
class _CaptureAnswer:
    """The answer of one node about its own capture; empty where it did not answer."""

    address: str
    host_id: str
    schema_version: str | None
    truncations: Mapping[UUID, bytes]


class CqlCaptures:
    """Asks through `session`, a session with the source.

    With `stock` no states are read: the stock connector tells none. A table whose hints go to
    another topic than `topic` says is not captured. However many tables ask in one moment, nodes
    and states are asked once.
    """

    def __init__(
        self,
        session: CqlSession,
        datacenter: str,
        stock: bool,
        clock: Clock,
        topic: Callable[[TableId], str],
    ) -> None:
        self._session, self._datacenter, self._stock = session, datacenter, stock
        self._clock, self._topic = clock, topic
        self._nodes = CachedAnswer(self._ask_nodes, clock.now)
        self._states = CachedAnswer(self._ask_states, clock.now)

    def witness(self, table: TableId) -> Witness:
        """Return how the table is captured now.

        Raises SideFault, UnknownTable, ConfigurationError.
        """
        # The nodes' versions first: of a table that changes in between more is known than is said.
        told = self._nodes.answer()
        states = None if self._stock else self._states.answer()
        shape = self._shape(table)
        nodes = [_node_state(one, UUID(shape.table_id)) for one in told]
        return Witness(table, self._clock.now(), nodes, states, shape)

    def forget(self) -> None:
        """Ask the nodes again at the next look, however soon that is."""
        self._nodes.forget()
        self._states.forget()

    def _ask_nodes(self) -> list[_CaptureAnswer]:
        session = self._session.current()
        hosts = session.cluster.metadata.all_hosts()
        here = [host for host in hosts if host.datacenter == self._datacenter]
        statement = SimpleStatement(cql.NODE_ITSELF, consistency_level=ConsistencyLevel.ONE)

        def ask(host: Any) -> Any:
            return session.execute_async(statement, timeout=NODE_TIMEOUT_S, host=host)

        end = self._clock.now() + NODE_TIMEOUT_S
        asked = [(host, ask(host)) for host in here]
        return [_told(host, self._answer(host, first, ask, end)) for host, first in asked]

    def _answer(
        self, host: Any, answer: Any, ask: Callable[[Any], Any], end: float
    ) -> tuple[Any, ...] | None:
        """Return the row that the node answers, or None. Without a connection to it, ask again: a
        new session is there with the first of its nodes.
        """
        while True:
            try:
                (row,) = answer.result().all()
            except NoHostAvailable:
                if self._clock.now() >= end:
                    return None
                self._clock.sleep(CONNECTS_EVERY_S)
                answer = ask(host)
            except DRIVER_ERRORS:
                return None
            else:
                found: tuple[Any, ...] = row
                return found

    def _ask_states(self) -> dict[str, CaptureState]:
        try:
            rows = self._execute(cql.CAPTURES, [])
        except InvalidRequest:
            # The table is not there, so nobody could tell anything.
            return {}
        except Unauthorized as error:
            raise ConfigurationError(
                "the login lacks SELECT on the source's hintferry.captures; run there: GRANT SELECT"
                " ON TABLE hintferry.captures TO its role"
            ) from error
        states = ((str(UUID(bytes=host)), self._state(text)) for host, text in rows)
        return {host: state for host, state in states if state is not None}

    def _state(self, text: bytes | None) -> CaptureState | None:
        """None for what this version of Hintferry does not read."""
        tree = json.loads(text) if text else {}
        if tree.get("version") != VERSION:
            return None
        named = ((TableId(one["keyspace"], one["table"]), one) for one in tree["tables"])
        tables = {table: _captured(one, self._topic(table)) for table, one in named}
        return CaptureState(tree["at_ms"] / 1000, tree["schema_version"], tables)

    def _shape(self, table: TableId) -> TableVersion:
        names = [table.keyspace.encode(), table.name.encode()]
        rows = self._execute(cql.TABLE_NOW, names)
        if not rows:
            raise UnknownTable(f"the source has no table {table}")
        ((ident, altered),) = rows
        return TableVersion(str(UUID(bytes=ident)), unpack(">q", altered)[0])

    def _execute(self, text: str, values: list[bytes]) -> list[tuple[bytes, ...]]:
        try:
            return execute_raw(self._session, text, values)
        except (InvalidRequest, Unauthorized):
            raise
        except Exception as error:
            self._session.doubt(error)
            raise translate(self._session, error) from error


def settled(captures: Captures, table: TableId, clock: Clock, longest_s: float) -> Witness:
    """Look until every node captures the table, for so long at most; the last look.

    What lasts is not waited for; a connector that is just starting only where `longest_s` is over
    SETTLES_S. Raises SideFault, UnknownTable, ConfigurationError.
    """
    end = clock.now() + longest_s
    while True:
        seen = captures.witness(table)
        open_gaps = gaps(seen)
        is_patient = longest_s > SETTLES_S
        waits = all(gap.passes or (is_patient and not gap.lasts) for gap in open_gaps)
        if not open_gaps or not waits or clock.now() > end:
            return seen
        clock.sleep(LOOK_EVERY_S)


def as_tree(proved: Proof | None) -> dict[str, Any] | None:
    """A proof as JSON holds it."""
    if proved is None:
        return None
    shape = proved.shape
    return {"id": shape.table_id, "altered_us": shape.altered_us, "since": dict(proved.since)}


def from_tree(tree: Mapping[str, Any] | None) -> Proof | None:
    """The proof that was written so."""
    if tree is None:
        return None
    return Proof(TableVersion(tree["id"], tree["altered_us"]), tree["since"])


def _told(host: Any, row: tuple[Any, ...] | None) -> _CaptureAnswer:
    address = str(host.address)
    if row is None:
        return _CaptureAnswer(address, str(host.host_id), None, {})
    host_id, version, raw = row
    truncations = _TRUNCATIONS.deserialize(raw, 4) if raw else {}
    return _CaptureAnswer(
        address, str(UUID(bytes=host_id)), str(UUID(bytes=version)), dict(truncations)
    )


def _node_state(told: _CaptureAnswer, table: UUID) -> NodeState:
    record = told.truncations.get(table)
    truncated_at = None if record is None else _truncated_at(record)
    return NodeState(told.address, told.host_id, told.schema_version, truncated_at)


def _truncated_at(record: bytes) -> float:
    """A position in the log (a number and an offset), and then the milliseconds."""
    return float(unpack(">q", record[-8:])[0]) / 1000


def _captured(one: Mapping[str, Any], topic: str) -> CapturedTable:
    newest_us = one.get("newest_us")
    newest = None if newest_us is None else newest_us / 1_000_000
    since, why = one.get("since"), one.get("why", "it does not say why")
    sent_to = one.get("topic", "one of an earlier release")
    if since is not None and sent_to != topic:
        since = None
        why = (
            f"its hints go to the topic {sent_to}, not to {topic}: upgrade the node, or run the"
            " document `configure`"
        )
    mark = one.get("watermark") or {}
    settled = mark.get("number") if mark.get("since") == since else None
    return CapturedTable(one["id"], since, why, newest, "watermark" in one, settled)
