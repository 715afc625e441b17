"""Test that the watermark stands still where something is wrong, and that the gate says what."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hintferry.adapters.config.places import PLACES, Queues
from hintferry.adapters.config.settings import migration_from
from hintferry.core.capture import proof
from hintferry.core.errors import SideFault
from hintferry.core.passes import Pass, Verb
from hintferry.core.schema import TableId
from hintferry_cli.gate import options
from hintferry_ops.cutover.gate.condition import Condition, ConditionState
from hintferry_ops.cutover.gate.facts import Confirmations, Facts
from hintferry_ops.cutover.gatekeeper import Gatekeeper
from hintferry_ops.wiring import Seat
from sandbox import tables
from sandbox.stack import Stack
from sandbox.workbench import Workbench, workbench
from tests.capture.marks import marks

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

KEYSPACE = "still"
COLUMNS = "(id int PRIMARY KEY, v text)"
TABLES = ("paused", "stuck", "switched", "forgotten", "late", "unseen")
ON = "cdc_enabled: true"
ROWS = 20
WITHIN_S, QUIET_S, BETWEEN_S = 120.0, 2.0, 0.2
ATTEMPTS, TOO_OLD_S, LEARNS_S = 3, 13.0, 20.0
ARRIVED, CAPTURED, CLEAN = (
    "all changes have arrived",
    "captured on every node",
    "clean verify pass",
)

Seen = dict[str, Condition]


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate of one table, whose writers stopped when this was made."""

    keeper: Gatekeeper

    def look(self) -> tuple[Facts, Seen]:
        facts, conditions = self.keeper.check()
        return facts, {one.name: one for one in conditions}

    def until(self, true: Callable[[Seen], bool], within_s: float = WITHIN_S) -> Seen:
        """Look until it is so; a side may fail to answer meanwhile."""
        end, seen, fault = time.monotonic() + within_s, Seen(), ""
        while time.monotonic() < end:
            try:
                _, seen = self.look()
            except SideFault as error:
                fault = str(error)
            else:
                if true(seen):
                    return seen
            time.sleep(BETWEEN_S)
        raise AssertionError((seen, fault))

    def until_arrived(self) -> Seen:
        return self.until(lambda seen: seen[ARRIVED].state is ConditionState.HOLDS)

    def until_said(self, name: str, *words: str, within_s: float = WITHIN_S) -> Condition:
        """Look until the condition does not hold, for a reason with these words."""

        def said(seen: Seen) -> bool:
            one = seen[name]
            fails = one.state in (ConditionState.WAITS, ConditionState.FAILS)
            return fails and all(word in one.reason for word in words)

        return self.until(said, within_s)[name]

    def assert_still(self) -> None:
        """The watermark does not move, and the gate does not open, for a while."""
        numbers = set()
        end = time.monotonic() + QUIET_S
        while time.monotonic() < end:
            try:
                facts, seen = self.look()
            except SideFault:
                continue
            assert seen[ARRIVED].state is ConditionState.WAITS, seen
            numbers.add(_number(facts))
        assert len(numbers) == 1, numbers

    def record_passes(self) -> None:
        """Record a backfill and a clean pass of now, as the verbs do."""
        table, now = self.keeper.table, time.time()
        proved = proof(self.keeper.captures.witness(table))
        assert proved is not None
        for verb, age_s in ((Verb.BACKFILL, 200.0), (Verb.VERIFY, 100.0)):
            began = now - age_s
            one = Pass(table, verb, began, began + 1, True, True, {"keys": ROWS}, proved)
            self.keeper.passes.enter(one)


def _number(facts: Facts) -> int | None:
    low = getattr(facts.arrival, "low", None)
    return None if low is None else int(low.number)


@dataclass(frozen=True, slots=True)
class Field:
    """The running chain of three nodes, and where its gates are watched from."""

    bench: Workbench
    seat: Seat

    @property
    def stack(self) -> Stack:
        return self.bench.stack

    def write(self, name: str) -> None:
        insert = f"INSERT INTO {KEYSPACE}.{name} (id, v) VALUES ({{}}, 'v')"
        self.elsewhere(*(insert.format(row) for row in range(ROWS)))

    def elsewhere(self, *statements: str) -> None:
        """Run statements on the first node: the others may stand still."""
        with tables.session(self.stack.source) as cql:
            for statement in statements:
                cql.execute(statement)

    def stopped(self, name: str) -> Gate:
        said = Confirmations(stopped_at=time.time(), writers_at_quorum=True)
        return Gate(self.seat.keeper(TableId(KEYSPACE, name), said))


@pytest.fixture(scope="module")
def field(chaos_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    home = tmp_path_factory.mktemp("still")
    made = dict.fromkeys(TABLES, COLUMNS)
    with (
        workbench(chaos_stack, KEYSPACE, made, home, unheard=["stuck"]) as bench,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in bench.environment.items():
            patch.setenv(name, value)
        migration = migration_from(Path(bench.environment["HINTFERRY_CONFIG"]))
        where = Queues(*(bench.environment[place.variable] for place in PLACES))
        names = [TableId(KEYSPACE, name) for name in TABLES]
        with options.seat(migration, names, where) as seat:
            yield Field(bench, seat)


@pytest.mark.soak
def test_a_node_that_stands_still_is_named_and_the_rest_comes_when_it_goes_on(
    field: Field,
) -> None:
    field.write("paused")
    field.stopped("paused").until_arrived()
    node = field.stack.source_nodes[2]
    node.pause()
    try:
        field.write("paused")
        gate = field.stopped("paused")
        gate.until_said(CAPTURED, f"{node.host}: does not answer")
        gate.until_said(ARRIVED, f"{node.host}: has not settled marker")
        gate.assert_still()
    finally:
        node.resume()
    gate.until_arrived()
    gate.until(lambda seen: seen[CAPTURED].state is ConditionState.HOLDS)


def test_a_partition_that_is_stuck_at_the_broker_is_named_with_its_group(field: Field) -> None:
    with marks(field.stack, f"{KEYSPACE}.stuck") as table:
        field.write("stuck")
        # A hint from each node.
        ends = table.wait_hinted(ROWS * len(field.stack.source_nodes))
        stuck, end = max(ends.items())
        table.commit({part: end for part, end in ends.items() if part != stuck})
        gate = field.stopped("stuck")
        group = f"group hintferry-{table.name}-v1 has committed"
        where = f"nothing of {end} in partition {stuck} of topic {table.topic}"
        said = gate.until_said(ARRIVED, group, where, "and 2 more nodes")
        assert said.reason.startswith(tuple(field.stack.source.hosts)), said
        gate.assert_still()
        table.commit({stuck: end})
        gate.until_arrived()


def test_a_table_whose_cdc_was_off_for_a_while_needs_a_pass(field: Field) -> None:
    field.write("switched")
    gate = field.stopped("switched")
    seen = gate.until_arrived()
    gate.record_passes()
    gate.until(lambda seen: seen[CLEAN].state is ConditionState.HOLDS)
    alter = f"ALTER TABLE {KEYSPACE}.switched WITH cdc = "
    field.bench.source.execute(alter + "false")
    gate = field.stopped("switched")
    said = gate.until_said(CAPTURED, "its cdc is off")
    assert said.reason.startswith(tuple(field.stack.source.hosts)), said
    field.write("switched")
    gate.assert_still()
    field.bench.source.execute(alter + "true")
    gate.until(lambda seen: seen[CAPTURED].state is ConditionState.HOLDS)
    seen = gate.until_arrived()
    assert seen[CLEAN].state is ConditionState.FAILS
    assert "the table was altered since" in seen[CLEAN].reason
    gate.record_passes()
    gate.until(lambda seen: seen[CLEAN].state is ConditionState.HOLDS)


def test_a_connector_that_lost_its_state_holds_the_watermark_and_then_needs_a_pass(
    field: Field,
) -> None:
    field.write("forgotten")
    gate = field.stopped("forgotten")
    gate.until_arrived()
    gate.record_passes()
    capture, node = field.stack.captures[1], field.stack.source_nodes[1]
    capture.kill()
    field.write("forgotten")
    gate = field.stopped("forgotten")
    gate.until_said(ARRIVED, f"{node.host}: has not settled marker")
    gate.assert_still()
    (capture.log.parent / "offsets" / "capture_state.json").unlink()
    capture.start()
    seen = gate.until_arrived()
    assert seen[CLEAN].state is ConditionState.FAILS
    assert f"{node.host} lost its capture of the table for a time since" in seen[CLEAN].reason


def test_a_node_that_missed_a_change_of_the_schema_is_named(field: Field) -> None:
    """It stands still until what the others sent it is too old, and asks for it later."""
    field.write("late")
    field.stopped("late").until_arrived()
    node = field.stack.source_nodes[2]
    for attempt in range(ATTEMPTS):
        node.pause()
        try:
            field.elsewhere(f"ALTER TABLE {KEYSPACE}.late WITH comment = '{attempt}'")
            gate = field.stopped("late")
            time.sleep(TOO_OLD_S)
        finally:
            node.resume()
        try:
            late = f"{node.host}: it does not have the same version of the schema"
            gate.until_said(CAPTURED, late, within_s=LEARNS_S)
            break
        except AssertionError:
            assert attempt + 1 < ATTEMPTS
    gate.until_arrived()
    gate.until(lambda seen: seen[CAPTURED].state is ConditionState.HOLDS)


@pytest.mark.soak
def test_a_node_that_logs_no_changes_for_a_while_is_named_and_then_needs_a_pass(
    field: Field,
) -> None:
    """`cdc_enabled` is a setting of the node: the schema says `cdc = true` all the while."""
    field.write("unseen")
    gate = field.stopped("unseen")
    gate.until_arrived()
    gate.record_passes()
    node = field.stack.source_nodes[2]
    text = node.yaml.read_text()
    assert ON in text
    try:
        node.yaml.write_text(text.replace(ON, "cdc_enabled: false"))
        node.restart()
        field.write("unseen")
        gate = field.stopped("unseen")
        gate.until_said(CAPTURED, node.host, "cdc_enabled is not true on its node")
        gate.assert_still()
    finally:
        node.yaml.write_text(text)
        node.restart()
    seen = gate.until_arrived()
    assert seen[CLEAN].state is ConditionState.FAILS
    assert f"{node.host} lost its capture of the table for a time since" in seen[CLEAN].reason
