"""Test that the demo waits for hinted handoff as long as it changes, and no longer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, repeat

from sandbox.demo.one_mind import Held, kept_for_good

A, B = ("node a", frozenset({"a batch"})), ("node b", frozenset({"hints", "a batch"}))


class World:
    """Time passes only where it is slept through."""

    def __init__(self, *looks: Iterable[Held]) -> None:
        self.now = 0.0
        self._looks: Iterator[Held] = chain(*looks)

    def kept(self) -> Held:
        return kept_for_good(lambda: next(self._looks), self._sleep, lambda: self.now)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


def held(*entries: object) -> Held:
    return dict(entries)  # type: ignore[arg-type]


def test_nothing_is_known_before_a_node_must_have_written_its_hints() -> None:
    world = World([held()])
    assert world.kept() == {}
    assert world.now > 10


def test_what_goes_is_waited_for_and_each_change_gives_more_time() -> None:
    world = World(repeat(held(A, B), 25), repeat(held(A), 25), [held()])
    assert world.kept() == {}


def test_what_stays_the_same_is_kept_for_good() -> None:
    world = World([held(B)], repeat(held(A)))
    assert world.kept() == held(A)
    assert 40 <= world.now <= 50


def test_what_never_ends_is_not_waited_for_either() -> None:
    world = World(held(("node a", frozenset({str(number)}))) for number in range(10_000))
    assert len(world.kept()) == 1
    assert world.now < 700
