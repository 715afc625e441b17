"""A run of chaos ends with both sides equal; the same check fails where a rule is broken."""

from __future__ import annotations

import pytest

from sandbox.stack import Stack
from tests.chaos.control import Rule, control
from tests.chaos.plan import CHAOS, Lane, Pace
from tests.chaos.run import RATE, Options, run
from tests.chaos.verdict import Verdict
from tests.machine import slowness
from tools import places

pytestmark = [pytest.mark.stack, pytest.mark.timeout(2400)]

SEED = 20261123
STATEMENTS = 6_000
ATTEMPTS = 2
WITHOUT_DDL = {lane: pace for lane, pace in CHAOS.items() if lane is not Lane.SCHEMA}


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(WITHOUT_DDL, id="tables stay"),
        pytest.param(CHAOS, id="tables change", marks=pytest.mark.soak),
    ],
)
def test_whatever_is_paused_killed_or_replayed_both_sides_end_up_equal(
    chaos_stack: Stack, plan: dict[Lane, Pace]
) -> None:
    """A run that is unknown says nothing, as on a machine that is busy with other things: once
    more, then, in tables of its own. One that is divergent is never run again."""
    for attempt in range(ATTEMPTS):
        slow = slowness()
        options = Options(
            seed=SEED + attempt,
            seconds=60.0,
            rate=RATE / slow,
            keyspace=f"chaos_{attempt}",
            statements=int(STATEMENTS / slow),
            kills=10,
            plan=plan,
            last_slices=Lane.SCHEMA in plan,
        )
        report = run(options, chaos_stack, places.BUILD / "chaos", print)
        print(f"the machine is {slow:.1f} times slower than its figures ask for\n{report}")
        if report.verdict is not Verdict.UNKNOWN:
            break
    assert report.verdict is Verdict.EQUAL, str(report)


@pytest.mark.parametrize(
    "rule", [Rule.READ_START, pytest.param(Rule.SCHEMA, marks=pytest.mark.soak)]
)
def test_a_pipeline_with_a_broken_rule_is_caught(chaos_stack: Stack, rule: Rule) -> None:
    """Where no write met the wrong moment, the run found nothing: once more."""
    for attempt in range(ATTEMPTS):
        options = control(SEED + attempt, rule, slowness(), broken=True)
        report = run(options, chaos_stack, places.BUILD / "chaos-control", print)
        if report.verdict is Verdict.DIVERGENT:
            break
        print(report)
    assert report.verdict is Verdict.DIVERGENT, str(report)
    # All that is wrong with the run is what the broken rule did; a busy machine may skip a fault.
    others = [reason for reason in report.reasons[1:] if "never happened" not in reason]
    assert others == [], str(report)
