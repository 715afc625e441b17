"""The gate of cutover: each condition alone keeps it shut, says why, and says what to type."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hintferry.adapters.source.marker_watch import DRAW_EVERY_S
from hintferry.core.capture import Gap, Witness, proof
from hintferry.core.limits import CUTOVER_WAIT_S
from hintferry.core.open_item import OpenItem
from hintferry.core.passes import PASS_HOLDS_S, Pass, Verb
from hintferry.core.schema import TableId
from hintferry.core.verdict import Verdict
from hintferry.core.watermark import Progress, Watermark
from hintferry.testing.captures import ADDRESSES, ScriptedCaptures, host_of
from hintferry_ops.cutover.gate import expected_downtime_s, gate
from hintferry_ops.cutover.gate.condition import Condition, ConditionState, comes_by_itself, is_open
from hintferry_ops.cutover.gate.facts import Confirmations, Estimate, Facts, Lag, NodeReport
from hintferry_ops.cutover.gate.passes import LATE_WRITES_S, losses_since
from hintferry_ops.cutover.gate.queues import IN_FLIGHT, LEFT_S, OVERDUE_S
from hintferry_ops.cutover.gate.writers import AFTER_STOP_S, LOG_SYNC_S, REPORTS_LATE_S

TABLE = TableId("shop", "orders")
NOW = 1_764_000_000.0
STOPPED = NOW - 300.0
FILLED = Pass(TABLE, Verb.BACKFILL, NOW - 9_000, NOW - 8_000, False, True, {"written": 9})
SEEN = ScriptedCaptures(lambda: NOW).witness(TABLE)
CLEAN = Pass(TABLE, Verb.VERIFY, NOW - 4_000, NOW - 3_900, True, True, {"equal": 9}, proof(SEEN))
REPORTS = [NodeReport(one, NOW - 20, STOPPED + LOG_SYNC_S, 0, None) for one in ADDRESSES]
ANSWERS = Confirmations(stopped_at=STOPPED, writers_at_quorum=True)

LOW = Watermark(7, STOPPED + 1, ADDRESSES[0])
PROGRESS = Progress(LOW, (), STOPPED + 1, 0.5)
ESTIMATE = Estimate(REPORTS, NOW - 200, Lag(0, NOW - 100), STOPPED + 1, 0.5)

OPEN = Facts(
    table=TABLE,
    now=NOW,
    has_unhinted=False,
    capture=SEEN,
    arrival=PROGRESS,
    parked={},
    given_up=0,
    open_items=(),
    passes=[CLEAN, FILLED],
    switches={},
    confirmations=ANSWERS,
)

STOCK_SAID = ScriptedCaptures(lambda: NOW)
STOCK_SAID.stock = True
STOCK = replace(OPEN, capture=STOCK_SAID.witness(TABLE), arrival=ESTIMATE)
"""The same table with the stock connector, of which there are only samples."""


def sampled(**changes: Any) -> dict[str, Any]:
    return {"arrival": replace(ESTIMATE, **changes)}


def progress(**changes: Any) -> dict[str, Any]:
    return {"arrival": replace(PROGRESS, **changes)}


def node(**changes: Any) -> list[NodeReport]:
    return [*REPORTS[:2], replace(REPORTS[2], **changes)]


def third(**changes: Any) -> Witness:
    """The third node answers otherwise."""
    return replace(SEEN, nodes=[*SEEN.nodes[:2], replace(SEEN.nodes[2], **changes)])


def passes(**changes: Any) -> list[Pass]:
    return [replace(CLEAN, **changes), FILLED]


def shut(facts: Facts) -> Condition:
    """The one condition that does not hold."""
    found = [one for one in gate(facts) if one.state is not ConditionState.HOLDS]
    assert len(found) == 1, found
    return found[0]


def test_the_gate_is_open_when_every_condition_holds() -> None:
    named = [
        "writers stopped",
        "not paused",
        "captured on every node",
        "all changes have arrived",
        "nothing parked",
        "on-failure bucket empty",
        "nothing left for later",
        "clean verify pass",
        "no uncaptured writes",
    ]
    for facts, arrival in (
        (OPEN, ["all changes have arrived"]),
        (STOCK, ["capture has caught up", "topic settled", "marker row on the target"]),
    ):
        conditions = gate(facts)
        assert is_open(conditions)
        assert [one.name for one in conditions] == [*named[:3], *arrival, *named[4:]]


def item(reason: str, due: float) -> OpenItem:
    return OpenItem(str(TABLE), b"i", due, reason)


THIRD = Gap("10.0.3.11", "2 segments are set aside", "give them back")
BY_ITSELF: list[tuple[Facts, dict[str, Any], str, str]] = [
    (OPEN, progress(reached_at=None), "all changes", "no marker was drawn"),
    (OPEN, progress(reached_at=STOPPED - 1), "all changes", "no marker was drawn"),
    (
        OPEN,
        progress(reached_at=None, behind=[THIRD]),
        "all changes",
        "10.0.3.11: 2 segments are set aside",
    ),
    (
        OPEN,
        progress(reached_at=STOPPED - 1, behind=[THIRD, THIRD]),
        "all changes",
        "10.0.3.11: 2 segments are set aside, and 1 more node",
    ),
    (
        OPEN,
        {"open_items": [item("repair", NOW + 9), item("second_look", NOW - OVERDUE_S)]},
        "nothing left",
        "2 open items: repair 1, second_look 1",
    ),
    (STOCK, sampled(reports=node(hinted_upto=STOPPED + LOG_SYNC_S - 1)), "capture", "10.0.3.11"),
    (STOCK, sampled(reports=node(hinted_upto=None)), "capture has", "10.0.3.11"),
    (STOCK, sampled(lag=Lag(1, NOW)), "topic", "1 record not yet applied"),
    (STOCK, sampled(lag=Lag(0, NOW - 201)), "topic", "before capture caught up"),
    (STOCK, sampled(hinted_since=None), "topic", "before capture caught up"),
    (STOCK, sampled(marker_at=None), "marker", "no marker row"),
    (STOCK, sampled(marker_at=STOPPED - 1), "marker", "no marker row"),
]


@pytest.mark.parametrize(("base", "changes", "name", "says"), BY_ITSELF)
def test_what_comes_about_by_itself_is_waited_for(
    base: Facts, changes: dict[str, Any], name: str, says: str
) -> None:
    facts = replace(base, **changes)
    condition = shut(facts)
    assert condition.state is ConditionState.WAITS
    assert condition.name.startswith(name)
    assert says in condition.reason
    assert comes_by_itself(gate(facts))


VERIFY = "hintferry verify shop.orders --consistency all"
REPAIR = f"run `hintferry verify shop.orders --repair`, then run `{VERIFY}`"
FAILING: list[tuple[Facts, dict[str, Any], str, str, str]] = [
    (STOCK, sampled(reports=REPORTS[:2]), "capture has", "10.0.3.11: no report of", "cdcguard"),
    (STOCK, sampled(reports=node(at=NOW - 301)), "capture has", "10.0.3.11: no", "cdcguard"),
    # The guard of a machine that was decommissioned stands in for none (C5d).
    (STOCK, sampled(reports=node(host_id="another")), "capture has", "10.0.3.11: no", "cdcguard"),
    (STOCK, sampled(reports=node(node="10.0.4.11")), "capture has", "10.0.3.11: no", "cdcguard"),
    (STOCK, sampled(reports=node(set_aside=4)), "capture has", "4 unread commit log", "give-back"),
    (STOCK, sampled(lag=None), "topic", "no consumer lag", "event source mapping"),
    (OPEN, {"parked": {"schema": 2, "stuck": 1}}, "nothing parked", "3 records", "replay"),
    (
        OPEN,
        {"open_items": [item("parked", NOW - 9)]},
        "nothing left",
        "1 open item: parked 1",
        "hintferry replay shop.orders",
    ),
    (
        OPEN,
        {"open_items": [item("second_look", NOW - OVERDUE_S - 1), item("parked", NOW)]},
        "nothing left",
        "the oldest was due 2025-11-24 14:59:59Z",
        "hintferry verify shop.orders --repair",
    ),
    (OPEN, {"given_up": 1}, "on-failure bucket empty", "1 payload", "--reason given_up"),
    (STOCK, sampled(reports=node(lost_at=NOW - 3_000)), "no uncaptured", "10.0.3.11 lost", VERIFY),
    (
        OPEN,
        {"capture": third(truncated_at=NOW - 3_000)},
        "no uncaptured",
        "10.0.3.11 truncated the table",
        VERIFY,
    ),
    (STOCK, {"has_unhinted": True}, "no uncaptured", "static columns or counters", VERIFY),
]


@pytest.mark.parametrize(("base", "changes", "name", "says", "fix"), FAILING)
def test_what_stands_in_the_way_is_named_with_its_fix(
    base: Facts, changes: dict[str, Any], name: str, says: str, fix: str
) -> None:
    facts = replace(base, **changes)
    condition = shut(facts)
    assert condition.state is ConditionState.FAILS
    assert condition.name.startswith(name)
    assert says in condition.reason
    assert fix in condition.fix
    assert not comes_by_itself(gate(facts))


NO_PASS = [
    ([], "no backfill of the table is recorded", "hintferry backfill shop.orders"),
    ([CLEAN], "no backfill of the table is recorded", "hintferry backfill shop.orders"),
    ([CLEAN, replace(FILLED, is_clean=False)], "did not write every key", "hintferry backfill"),
    ([FILLED], "no verify pass since the backfill", VERIFY),
    (passes(began=FILLED.began + 1), "no verify pass since the backfill", VERIFY),
    (passes(began=FILLED.ended + LATE_WRITES_S), "before the last writes of the backfill", VERIFY),
    (passes(at_all=False), "read at a quorum", VERIFY),
    (passes(is_clean=False, sums={"equal": 7, "missing": 2}), "2 missing", REPAIR),
    (
        [Pass.of_divergence(CLEAN.table, NOW - 50, Verdict.MISSING), CLEAN, FILLED],
        "validation found a key that is not equal (1 missing)",
        REPAIR,
    ),
    # One that came later and was not clean takes the earlier one's word away.
    ([replace(CLEAN, began=NOW - 50, is_clean=False), CLEAN, FILLED], "found differences", REPAIR),
    # A backfill that came later does too.
    (
        [replace(FILLED, began=NOW - 99, ended=NOW - 9), CLEAN, FILLED],
        "no verify pass since",
        VERIFY,
    ),
]


@pytest.mark.parametrize(("found", "says", "fix"), NO_PASS)
def test_without_a_clean_pass_the_gate_stays_shut(found: list[Pass], says: str, fix: str) -> None:
    conditions = {one.name: one for one in gate(replace(OPEN, passes=found))}
    condition = conditions["clean verify pass"]
    assert condition.state is ConditionState.FAILS
    assert says in condition.reason
    assert fix in condition.fix
    assert conditions["no uncaptured writes"].state is ConditionState.FAILS


@pytest.mark.parametrize(
    ("parked", "state", "says"),
    [
        ({IN_FLIGHT: 2}, ConditionState.WAITS, "2 parked records in flight"),
        ({IN_FLIGHT: 2, "schema": 1}, ConditionState.FAILS, "in flight 2, schema 1"),
    ],
)
def test_a_replay_of_another_table_lets_the_gate_wait(
    parked: dict[str, int], state: ConditionState, says: str
) -> None:
    conditions = gate(replace(OPEN, parked=parked))
    condition = {one.name: one for one in conditions}["nothing parked"]
    assert condition.state is state
    assert says in condition.reason
    assert "hintferry replay" in condition.fix
    assert not is_open(conditions)


def test_the_question_of_quorum_names_the_datacenter_that_is_read() -> None:
    asked = shut(replace(OPEN, confirmations=replace(ANSWERS, writers_at_quorum=False)))
    assert "LOCAL_QUORUM, EACH_QUORUM or ALL in source.datacenter (QUORUM only" in asked.reason


def test_a_pass_of_long_ago_is_no_proof() -> None:
    old = NOW - PASS_HOLDS_S
    filled = replace(FILLED, began=old - 9_000, ended=old - 8_000)
    facts = replace(OPEN, passes=[replace(CLEAN, began=old, ended=old + 9), filled])
    assert "over 7 days ago" in {one.name: one for one in gate(facts)}["clean verify pass"].reason
    facts = replace(OPEN, passes=[replace(CLEAN, began=old + 1, ended=old + 9), filled])
    assert is_open(gate(facts))


@pytest.mark.parametrize(("repaired_at", "opens"), [(CLEAN.began - 1, True), (CLEAN.began, False)])
def test_a_full_repair_before_the_pass_serves_as_well_as_asking_every_replica(
    repaired_at: float, opens: bool
) -> None:
    confirmations = replace(ANSWERS, repaired_at=repaired_at)
    facts = replace(OPEN, passes=passes(at_all=False), confirmations=confirmations)
    assert is_open(gate(facts)) is opens


@pytest.mark.parametrize(
    ("confirmations", "name", "option"),
    [
        (replace(ANSWERS, stopped_at=None), "writers stopped", "--writes-stopped"),
        (replace(ANSWERS, writers_at_quorum=False), "no uncaptured", "--writers-at-quorum"),
    ],
)
def test_what_nobody_can_see_is_asked_and_not_taken_for_granted(
    confirmations: Confirmations, name: str, option: str
) -> None:
    facts = replace(OPEN, confirmations=confirmations, **progress(reached_at=NOW - 20))
    condition = shut(facts)
    assert condition.state is ConditionState.ASKS
    assert condition.name.startswith(name)
    assert condition.reason.endswith("?")
    assert option in condition.fix
    assert not comes_by_itself(gate(facts))


def test_a_stop_that_is_yet_to_come_is_no_stop() -> None:
    facts = replace(OPEN, confirmations=replace(ANSWERS, stopped_at=NOW + 1))
    assert gate(facts)[0].state is ConditionState.FAILS


def seen_write(at: float) -> Witness:
    said = ScriptedCaptures(lambda: NOW)
    said.newest = {host_of(ADDRESSES[1]): at, host_of(ADDRESSES[0]): STOPPED - 60}
    return said.witness(TABLE)


def test_a_stop_before_a_write_that_was_hinted_is_no_stop() -> None:
    """O3: somebody writes on, whatever is said."""
    assert is_open(gate(replace(OPEN, capture=seen_write(STOPPED + AFTER_STOP_S))))
    condition = shut(replace(OPEN, capture=seen_write(STOPPED + AFTER_STOP_S + 1)))
    assert condition.state is ConditionState.FAILS
    assert "10.0.2.11 captured a write of" in condition.reason
    assert "--writes-stopped now" in condition.fix


def test_a_stop_before_the_last_backfill_is_no_stop() -> None:
    for stopped_at, state in (
        (FILLED.began, ConditionState.HOLDS),
        (FILLED.began - 1, ConditionState.FAILS),
    ):
        found = gate(replace(OPEN, confirmations=replace(ANSWERS, stopped_at=stopped_at)))[0]
        assert (found.name, found.state) == ("writers stopped", state)


def test_a_report_is_matched_by_the_host_id_where_the_guard_knows_it() -> None:
    moved = node(node="10.0.9.9", host_id=host_of(ADDRESSES[2]))
    assert is_open(gate(replace(STOCK, **sampled(reports=moved))))


VOIDED = [
    (lambda said: said.since.update({host_of(ADDRESSES[2]): 2}), "lost its capture"),
    (lambda said: setattr(said, "shape", replace(said.shape, altered_us=2)), "was altered"),
]


@pytest.mark.parametrize(("change", "says"), VOIDED)
def test_a_pass_over_what_is_no_longer_the_same_does_not_count(change: Any, says: str) -> None:
    said = ScriptedCaptures(lambda: NOW)
    change(said)
    facts = replace(OPEN, capture=said.witness(TABLE))
    condition = {one.name: one for one in gate(facts)}["clean verify pass"]
    assert condition.state is ConditionState.FAILS
    assert says in condition.reason
    assert VERIFY in condition.fix


def test_a_table_that_a_node_does_not_capture_shuts_the_gate() -> None:
    said = ScriptedCaptures(lambda: NOW)
    said.captured_id.pop(host_of(ADDRESSES[2]))
    condition = shut(replace(OPEN, capture=said.witness(TABLE)))
    assert condition.state is ConditionState.FAILS
    assert condition.reason == "10.0.3.11: the table is not captured there: its cdc is off"
    said.age_s.clear()
    reason = gate(replace(OPEN, capture=said.witness(TABLE)))[2].reason
    assert reason == "10.0.1.11: its connector has told no state, and 2 more nodes"


def test_losses_are_looked_for_since_the_pass_that_counts_and_not_only_since_the_last() -> None:
    quorum = replace(CLEAN, began=NOW - 100, at_all=False)
    unclean = replace(CLEAN, began=NOW - 9_000, is_clean=False)
    older = replace(CLEAN, began=NOW - 9_500)
    found = [quorum, CLEAN, FILLED, unclean, older]
    assert losses_since(found, ANSWERS, NOW) == CLEAN.began
    # Which of two that may count does is not known here: the earlier one reaches further.
    later = replace(CLEAN, began=NOW - 50)
    assert losses_since([later, *found], ANSWERS, NOW) == CLEAN.began
    assert losses_since([quorum, FILLED], ANSWERS, NOW) == NOW
    repaired = replace(ANSWERS, repaired_at=NOW - 200)
    assert losses_since([quorum, FILLED], repaired, NOW) == quorum.began
    long_ago = replace(CLEAN, began=NOW - PASS_HOLDS_S - 9)
    assert losses_since([long_ago], ANSWERS, NOW) == NOW - PASS_HOLDS_S


def test_a_pass_of_a_clock_that_was_wrong_does_not_count() -> None:
    found = {one.name: one for one in gate(replace(OPEN, passes=passes(began=NOW + 9)))}
    assert "a clock was wrong" in found["clean verify pass"].reason


def test_a_pass_after_the_stop_answers_all_that_may_have_escaped() -> None:
    began = STOPPED + LATE_WRITES_S
    facts = replace(
        STOCK,
        has_unhinted=True,
        capture=replace(STOCK.capture, nodes=third(truncated_at=NOW - 10).nodes),
        **sampled(reports=node(lost_at=NOW - 10)),
        confirmations=Confirmations(stopped_at=STOPPED),
    )
    assert is_open(gate(replace(facts, passes=passes(began=began + 1, ended=NOW))))
    assert not is_open(gate(replace(facts, passes=passes(began=began, ended=NOW))))


def test_the_downtime_grows_by_a_pass_where_one_is_needed() -> None:
    took = CLEAN.ended - CLEAN.began
    with_pass = expected_downtime_s(replace(OPEN, has_unhinted=True))
    assert with_pass - expected_downtime_s(OPEN) == took + LATE_WRITES_S


def test_the_downtime_is_longer_with_the_stock_connector() -> None:
    arrives_s = DRAW_EVERY_S + 0.5
    assert expected_downtime_s(OPEN) == LOG_SYNC_S + arrives_s + LEFT_S + CUTOVER_WAIT_S
    assert expected_downtime_s(STOCK) - expected_downtime_s(OPEN) == REPORTS_LATE_S - arrives_s
    slow = replace(OPEN, **progress(took_s=60.0))
    assert expected_downtime_s(slow) - expected_downtime_s(OPEN) == 59.5


def test_what_a_later_clean_pass_has_compared_is_open_no_more() -> None:
    """A message that was lost, or deleted by hand, leaves its row."""
    counts = CLEAN.began - LATE_WRITES_S
    assert is_open(gate(replace(OPEN, open_items=[item("parked", counts - 1)])))
    assert not is_open(gate(replace(OPEN, open_items=[item("parked", counts)])))
    alone = replace(OPEN, open_items=[item("parked", counts - 1)], passes=[FILLED])
    condition = {one.name: one for one in gate(alone)}["nothing left for later"]
    assert condition.state is ConditionState.FAILS
