"""A cut-over: the gate is looked at until it opens, then the fence is set and waited out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hintferry.core.errors import ConfigurationError
from hintferry.core.facts import Answers, Facts
from hintferry.core.gate import (
    PASS_HOLDS_S,
    Condition,
    all_hinted,
    comes_by_itself,
    gate,
    is_open,
)
from hintferry.core.limits import CUT_OVER_WAIT_S
from hintferry.core.passes import Pass, Verb
from hintferry.core.schema import Table
from hintferry.ports import (
    Clock,
    FencePost,
    Markers,
    NodeReports,
    Passes,
    SourceNodes,
    Topics,
    Waiting,
)

LOOK_EVERY_S = 3.0
LONGEST_WATCH_S = 1800.0

MARKER_EVERY_S = 20.0
"""A node is known to have hinted what lies before the marker that it hints next."""

Look = tuple[Facts, list[Condition]]


@dataclass(slots=True)
class Gatekeeper:
    """Looks at everything that the gate of one table asks for, as often as it is told to."""

    table: Table
    answers: Answers
    stock: bool
    """Whether the stock connector captures it."""

    nodes: SourceNodes
    reports: NodeReports
    topics: Topics
    waiting: Waiting
    markers: Markers
    passes: Passes
    fences: FencePost
    clock: Clock
    _quiet_since: float | None = None
    _sent: tuple[bytes, float] | None = None
    _hinted_since: float | None = None
    _marker_at: float | None = None
    _marker_took_s: float | None = None

    def look(self) -> Look:
        """What is seen now, and how each condition stands. Raises HintferryError."""
        table, now = self.table.id, self.clock.now()
        self._watch_marker(now)
        waiting = self.waiting.replayed()
        if waiting:
            self._quiet_since = None
        elif self._quiet_since is None:
            self._quiet_since = now
        passes = self.passes.of(table)
        verified = (one.began for one in passes if one.verb is Verb.VERIFY)
        facts = Facts(
            table,
            now,
            self.stock and (self.table.is_counter or bool(self.table.statics)),
            self.nodes.states(table),
            self.reports.reports(max(next(verified, now), now - PASS_HOLDS_S)),
            self._hinted_since,
            self.topics.lag(table),
            self.waiting.parked(table),
            self.waiting.given_up(),
            waiting,
            self._quiet_since,
            self._marker_at,
            self._marker_took_s,
            passes,
            self.answers,
        )
        if not all_hinted(facts):
            self._hinted_since = None
        elif self._hinted_since is None:
            self._hinted_since = now
        facts = replace(facts, hinted_since=self._hinted_since)
        return facts, gate(facts)

    def watch(self) -> Iterator[Look]:
        """Look until the gate is open or waiting does not help; for half an hour at most."""
        end = self.clock.now() + LONGEST_WATCH_S
        while True:
            facts, conditions = self.look()
            yield facts, conditions
            is_over = is_open(conditions) or not comes_by_itself(conditions)
            if is_over or self.clock.now() > end:
                return
            self.clock.sleep(LOOK_EVERY_S)

    def hand_over(self) -> Iterator[float]:
        """Set the fence and wait until nothing older can still write; yields the seconds left."""
        self.fences.set(self.table.id)
        end = self.clock.now() + CUT_OVER_WAIT_S
        while (left := end - self.clock.now()) > 0:
            yield left
            self.clock.sleep(min(left, 1.0))

    def take_back(self) -> None:
        """Lift the fence. Raises ConfigurationError where there is none.

        What was skipped behind it has to be swept, so the table counts as not equal until then.
        """
        table, now = self.table.id, self.clock.now()
        if not self.fences.is_fenced(table):
            raise ConfigurationError(f"{table} is not cut over; there is nothing to take back")
        self.passes.enter(Pass(table, Verb.VERIFY, now, now, at_all=False, is_clean=False, sums={}))
        self.fences.lift(table)

    def _watch_marker(self, now: float) -> None:
        """One marker after the other, so that each node has one to hint; one at a time."""
        if self._sent is None:
            self._send(now)
        written, sent_at = self._sent or (b"", now)
        if self._marker_at == sent_at:
            if now - sent_at >= MARKER_EVERY_S:
                self._send(now)
        elif self.markers.has_arrived(self.table.id, written):
            self._marker_at, self._marker_took_s = sent_at, now - sent_at

    def _send(self, now: float) -> None:
        self._sent = self.markers.send(self.table.id), now
