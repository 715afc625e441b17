"""A side that is away, throttles or refuses: its records wait, and nothing of them is parked."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from hintferry.core.limits import REQUEST_TIMEOUT_S
from keyspaces_local.faults import ErrorAnswer, Fault, FaultAction, Operation
from sandbox.stack import Stack
from tests.failure.bench import POISON, WAIT_S, Bench, bench, keep
from tests.machine import slowness

pytestmark = pytest.mark.stack

INVOCATIONS = 20
AHEAD, EXPIRED = (Path(__file__).parent / name for name in ("ahead", "expired"))


@pytest.fixture(scope="module")
def sides(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench("sides", stack, tmp_path_factory.mktemp("sides")) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_is_parked(sides: Bench) -> Iterator[None]:
    """Whatever happens here is a side's fault, so no record may leave its topic for it."""
    yield
    sides.stack.keyspaces.control.reset()
    assert sides.parked() == []
    assert sides.given_up() == []
    assert sides.chain.counters.dropped == 0


def test_a_target_that_is_away_is_waited_for_over_twenty_invocations(sides: Bench) -> None:
    sides.insert(range(1))
    sides.wait_until_equal()
    sides.stack.keyspaces.kill()
    sides.spent_s.clear()
    try:
        sides.insert(range(1, 40))
        until(lambda: len(sides.spent_s) > INVOCATIONS)
        spent = sides.gb_s / len(sides.spent_s)
    finally:
        sides.stack.keyspaces.start()
    sides.wait_until_equal()
    keep(f"target away: {len(sides.spent_s)} invocations, {spent:.2f} GB-s each")


def test_a_target_that_answers_nothing_is_waited_for(sides: Bench) -> None:
    """The target's connections stand, so every request takes its full time."""
    sides.stack.keyspaces.pause()
    try:
        sides.insert(range(40, 50))
        time.sleep(2 * REQUEST_TIMEOUT_S)
    finally:
        sides.stack.keyspaces.resume()
    sides.wait_until_equal()


def test_a_source_that_answers_nothing_is_waited_for(sides: Bench) -> None:
    (node,) = sides.stack.source_nodes
    sides.insert(range(50, 60))
    sides.wait_until_equal()
    returned = sides.figures()["HintsReturned"]
    node.pause()
    try:
        sides.hint(range(60))
        sides.producer.flush(10)
        until(lambda: sides.figures()["HintsReturned"] > returned)
    finally:
        node.resume()
    sides.drain()
    sides.wait_until_equal()


@pytest.mark.parametrize(("share", "lasts_s"), [(0.1, WAIT_S), (0.9, 10.0)])
def test_a_target_that_throttles_a_share_of_all_writes_gets_them_all_in_the_end(
    share: float, lasts_s: float, sides: Bench
) -> None:
    """One in ten goes by meanwhile; of nine in ten most have to wait until it is over."""
    control = sides.stack.keyspaces.control
    sides.refuse(share, ErrorAnswer.THROTTLED, seed=7)
    first = 100 if share < 0.5 else 200
    began = time.monotonic()
    sides.insert(range(first, first + 100), "throttled")
    while sides.is_behind() and time.monotonic() - began < lasts_s:
        time.sleep(0.1)
    (count,) = control.faults()
    control.clear_faults()
    sides.wait_until_equal()
    assert count.fired > 0
    took = time.monotonic() - began
    keep(f"throttled at {share:.0%}: {count.fired} refusals, 100 rows in {took:.1f} s")


def test_a_connection_that_is_cut_at_every_tenth_write_loses_none(sides: Bench) -> None:
    control = sides.stack.keyspaces.control
    control.add_fault(
        Fault(FaultAction.CUT, share=0.1, table=sides.table, operation=Operation.WRITE, seed=5)
    )
    sides.insert(range(300, 400), "cut")
    sides.wait_until_equal(2 * WAIT_S)
    (count,) = control.faults()
    assert count.fired > 0


def test_under_a_hard_throttle_nearly_all_of_it_is_used(sides: Bench) -> None:
    """200 units a second, or a quarter of what this machine can do without a throttle.

    We also send less where answers are slow for want of CPU: `test_rate_limit.py` holds the exact
    figure, this one that a throttle is known as one.
    """
    free, _ = served(sides, range(1_000, 3_000))
    rate, slow = min(200.0, free / 4), slowness()
    sides.stack.keyspaces.control.set_capacity(sides.table, write=rate)
    accepted, throttled = served(sides, range(3_000, 3_000 + int(28 * rate)), settling_s=12.0)
    slow = max(slow, slowness())
    keep(f"throttle of {rate:.0f}/s of {free:.0f}/s: {accepted:.0f}/s, {throttled:.1%} throttled")
    assert accepted >= 0.9 * rate / slow
    assert throttled < 0.05


def served(sides: Bench, keys: range, settling_s: float = 0.0) -> tuple[float, float]:
    """Hint the keys and wait until they are served: how many a second, and the share throttled.

    From the end of the first batch after `settling_s` to the end of the last.
    """
    told = len(sides.batches())
    sides.hint(keys)
    sides.drain()
    until(lambda: sum(one["HintsApplied"] for _, one in sides.batches()[told:]) >= len(keys))
    ends = [(at, one) for at, one in sides.batches()[told:] if one["HintsApplied"]]
    (began, _), *rest = [(at, one) for at, one in ends if at >= ends[0][0] + settling_s]
    figures = sum((one for _, one in rest), Counter[str]())
    applied, throttled = figures["HintsApplied"], figures["Throttles"]
    return applied / (rest[-1][0] - began), throttled / (applied + throttled)


@pytest.mark.parametrize("ahead_s", [0.3, 600.0])
def test_a_clock_that_is_ahead_is_a_fault_and_never_poison(
    ahead_s: float, stack: Stack, tmp_path: Path
) -> None:
    """The records wait until the clock is set right: by then the same process goes on."""
    (tmp_path / "ahead").write_text(str(ahead_s))
    with bench(f"ahead{ahead_s:.0f}", stack, tmp_path, task_root=AHEAD) as made:
        made.insert(range(5))
        until(lambda: made.figures()["HintsReturned"] > 5)
        assert list(made.behind.execute(f"SELECT a FROM {made.table}")) == []
        # A refusal of the window would have been the service's.
        assert "ahead of that of the target" in "".join(made.said)
        assert made.figures()["ClockOffsetTarget"] > 900 * ahead_s
        (tmp_path / "ahead").unlink()
        made.wait_until_equal()
        assert made.parked() == []


def test_what_a_clock_is_ahead_within_the_margin_is_taken_off(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "ahead").write_text("0.045")
    with bench("ahead_little", stack, tmp_path, task_root=AHEAD) as made:
        made.insert(range(50))
        made.wait_until_equal()
        rows = list(made.behind.execute(f"SELECT WRITETIME(v) AS start FROM {made.table}"))
        assert len(rows) == 50
        # The last row was written a moment ago; its read start is not ahead of what came after.
        assert max(row.start for row in rows) < time.time_ns() // 1000
        assert made.figures()["HintsReturned"] == 0


def test_credentials_that_expired_are_waited_for_and_fetched_again(
    stack: Stack, tmp_path: Path
) -> None:
    """The same process goes on with new ones: each connection asks for them."""
    (tmp_path / "expired").touch()
    with bench("expired", stack, tmp_path, task_root=EXPIRED) as made:
        made.insert(range(5))
        until(lambda: made.figures()["HintsReturned"] >= 5)
        (tmp_path / "expired").unlink()
        made.wait_until_equal()
        assert made.parked() == []


def test_a_poison_record_among_ten_thousand_is_the_only_one_parked(sides: Bench) -> None:
    """The records behind it in its partition wait for no more than its batch."""
    before = sides.figures()
    keys = range(100, 200)
    for number in range(100):
        sides.hint(keys)
        if number == 50:
            sides.send(POISON)
    sides.drain()
    sides.producer.flush(10)
    until(lambda: sides.figures()["HintsReceived"] - before["HintsReceived"] >= 10_001)
    after = sides.figures()
    # A copy of a hint whose key was written since it came needs no more.
    ends = ("HintsApplied", "HintsSkipped")
    assert sum(after[end] - before[end] for end in ends) == 10_000
    (message,) = sides.parked()
    assert message["reason"] == "undecodable"
    assert after["HintsReturned"] == before["HintsReturned"]


def until(condition: object) -> None:
    """Wait for something to come about."""
    end = time.monotonic() + WAIT_S
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)
