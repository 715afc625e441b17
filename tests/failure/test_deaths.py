"""The processor killed at each point of a batch, and queues that take nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.stack import Stack
from tests.failure.bench import POISON, WAIT_S, Bench, bench

pytestmark = pytest.mark.stack

DYING = Path(__file__).parent / "dying"
POINTS = (
    "decoded",
    "read",
    "planned",
    "written",
    "before parking",
    "parked",
    "before the answer",
)


@dataclass(frozen=True, slots=True)
class Mortal:
    bench: Bench
    order: Path
    """a file: at which point to die next"""


@pytest.fixture(scope="module")
def mortal(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mortal]:
    folder = tmp_path_factory.mktemp("deaths")
    with bench("deaths", stack, folder, task_root=DYING) as made:
        yield Mortal(made, folder / "die")


@pytest.mark.parametrize("point", POINTS)
def test_what_was_not_answered_comes_again(point: str, mortal: Mortal) -> None:
    made, first = mortal.bench, 10 * POINTS.index(point)
    made.insert(range(first, first + 10))
    made.wait_until_equal()
    # The rows' own hints are settled: what follows is one batch of ours.
    made.drain()
    made.behind.execute(f"DELETE FROM {made.table} WHERE a = {first}")
    mortal.order.write_text(point)
    made.hint(range(first, first + 10))
    made.send(POISON)
    made.producer.flush(10)
    end = time.monotonic() + WAIT_S
    while mortal.order.exists():
        assert time.monotonic() < end, f"it never came to {point}"
        time.sleep(0.02)
    made.wait_until_equal()
    made.drain()
    messages = made.parked()
    # Killed behind the parking it parks once more: twice is harmless, never is not.
    assert len(messages) == (2 if point in ("parked", "before the answer") else 1)
    assert {message["reason"] for message in messages} == {"undecodable"}


def test_with_the_queue_away_poison_is_returned_until_it_can_be_parked(
    stack: Stack, tmp_path: Path
) -> None:
    with bench("queueless", stack, tmp_path) as made:
        made.insert(range(1))
        made.wait_until_equal()
        stack.aws_server.kill()
        try:
            made.send(POISON)
            made.insert(range(1, 5))
            made.wait_until_equal()
            end = time.monotonic() + WAIT_S
            while not made.figures()["HintsReturned"]:
                assert time.monotonic() < end
                time.sleep(0.1)
        finally:
            stack.aws_server.start()
        made.drain()
        assert len(made.parked()) == 1
