"""Draws programs. Keys are few and values sometimes repeat, so that steps meet each other."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TypeVar

from hintferry.core.hint import Bound, Slice
from hintferry.core.limits import CUTOVER_WAIT_S, SECOND_LOOK_AFTER_S, VALIDATION_RETRY
from tests.model.profiles import Profile
from tests.model.program import (
    Alter,
    Batch,
    CutOver,
    Deafen,
    Fail,
    HandOver,
    Hear,
    Pause,
    Poison,
    Program,
    Recreate,
    Repair,
    Resume,
    SendAgain,
    SetBroker,
    SetCapture,
    SetClock,
    SourceWrite,
    Step,
    Stop,
    Switch,
    TakeBack,
    TakeDown,
    Tick,
    Validate,
    Verb,
    Verify,
)
from tests.model.tables import CLUSTERINGS, LATER, PARTITIONS, TABLES, TOO_LARGE
from tests.model.themes import THEMES
from tests.model.topic import FASTEST_CAPTURE_US

T = TypeVar("T")

WORKERS = 3
DEEPEST = 2


class Generator:
    """Draws one program from a source of chance."""

    def __init__(self, random: Random, profile: Profile, theme: str | None) -> None:
        self._random, self._profile = random, profile
        names = {name: weight for name, (_, weight) in THEMES.items()}
        self._theme = THEMES[theme or self._pick(names)][0]
        self._table = self._pick(self._theme.tables)
        self._partitions = PARTITIONS[: random.choice([1, 1, 1, 2])]
        self._verbs = self._some_of(self._theme.verbs[self._table])
        self._expiring = random.choice(self._theme.expiring)
        if TABLES[self._table].longest_ttl:
            self._expiring = 1.0
        if not TABLES[self._table].may_expire:
            self._expiring = 0.0
        self._key = random.choice(CLUSTERINGS[self._table])
        self._value = 10

    def program(self) -> Program:
        """Writes first, so that there is something to do; then everything beside each other."""
        random, theme = self._random, self._theme
        broker = [self.broker()] if random.random() < theme.broker_wrong else []
        story = [self._do(kind, 0) for kind in random.choice(theme.stories)]
        more = [self._step(0) for _ in range(random.choice(theme.lengths))]
        finale = [self._do(kind, 0) for kind in theme.finale]
        return (*broker, *story, *more, *finale)

    def broker(self) -> SetBroker:
        """The brokers' clocks are behind."""
        return SetBroker(-self._random.randint(0, self._profile.broker_behind_us))

    def hasten(self) -> SetCapture:
        """Capture is quick on all nodes."""
        return SetCapture(2 * FASTEST_CAPTURE_US)

    def cutover(self) -> CutOver:
        """The table is cut over."""
        return CutOver(self._table)

    def wait(self) -> Tick:
        """A cutover is waited out."""
        return _tick(CUTOVER_WAIT_S)

    def verify(self) -> Verify:
        """A pass over the table."""
        return Verify(self._table)

    def switch(self) -> Switch:
        """The end of a migration."""
        return Switch(self._table)

    def take_back(self) -> TakeBack:
        """It is taken back."""
        return TakeBack(self._table)

    def pause(self) -> Pause:
        """An operator pauses the table."""
        return Pause(self._table)

    def resume(self) -> Resume:
        """The table goes on."""
        return Resume(self._table)

    def validate(self) -> Validate:
        """Every settled row is validated from now on."""
        return Validate(self._table)

    def soon(self) -> Tick:
        """A first look at a settled key becomes due."""
        return _tick(SECOND_LOOK_AFTER_S)

    def later(self) -> Tick:
        """A further look becomes due."""
        return _tick(VALIDATION_RETRY.first_s)

    def alter(self) -> Alter:
        """A column comes or goes, on some nodes first."""
        reached = self._random.choice([(0, 1, 2), (0, 1), (1, 2), (0,), (2,)])
        return Alter(self._table, LATER.name, reached)

    def recreate(self) -> Recreate:
        """The table is dropped, and created again."""
        return Recreate(self._table)

    def hear(self) -> Hear:
        """Nodes learn of it."""
        return Hear(self._random.choice([(0, 1, 2), (0,), (1,), (2,)]))

    def dawdle(self) -> SetCapture:
        """Capture is slow on all nodes."""
        return SetCapture(200_000_000)

    def ail(self) -> Fail:
        """One replica fails at reads from now on."""
        return Fail(self._random.randrange(3))

    def hearken(self) -> Deafen:
        """Capture hears everything again."""
        return Deafen(())

    def deafen(self) -> Deafen:
        """Capture goes deaf on all nodes or on one, or hears again."""
        return Deafen(self._random.choice([(0, 1, 2), (0, 1, 2), (1,), ()]))

    def _step(self, depth: int) -> Step:
        kind = self._pick(dict(self._theme.kinds))
        return self._do("write" if kind == "batch" and depth >= DEEPEST else kind, depth)

    def _do(self, kind: str, depth: int) -> Step:
        step: Step = self.batch(depth) if kind == "batch" else getattr(self, kind)()
        return step

    def time(self) -> Step:
        """A clock goes wrong, or time passes."""
        random = self._random
        if random.random() < self._theme.clocks:
            error, ahead = self._profile.clock_error_us, not self._profile.is_behind
            return SetClock(random.randrange(WORKERS), random.randint(-error, error * ahead))
        return _tick(random.choice(self._theme.ticks_s))

    def cluster(self) -> Step:
        """Replicas fail, or get what they missed."""
        kind = self._random.randrange(10)
        if kind < 5:
            return HandOver(self._random.randrange(6))
        if kind == 5:
            return Repair()
        if kind < 8:
            return Fail(self._random.choice([None, 0, 1, 2]))
        return TakeDown(self._random.choice([None, None, 0, 1, 2]))

    def records(self) -> Step:
        """A record comes again, or one that can never succeed."""
        if self._random.random() < 0.8:
            return SendAgain(self._random.randrange(40))
        return Poison(self._random.randrange(5))

    def batch(self, depth: int) -> Batch:
        """A worker takes records; `depth` is how many stand still around it."""
        random = self._random
        count = random.choice(self._theme.stop_counts) if depth < DEEPEST else 0
        stops = tuple(self._stop(depth) for _ in range(count))
        return Batch(
            worker=random.randrange(WORKERS),
            size=random.choice(self._theme.sizes),
            seed=random.randrange(1 << 30),
            faults=random.choice(self._theme.faults),
            budget_s=random.choice(self._theme.budgets_s),
            stops=stops,
            park_fails=random.random() < 0.1,
            replay_fails=random.random() < 0.1,
            most_rows=random.choice([None, None, None, None, None, 1, 2]),
            lookup_faults=random.choice(self._theme.lookup_faults),
        )

    def fill(self) -> Batch:
        """A worker fills the table, or half of it; others run while it stands still."""
        return replace(self.batch(0), fills=self._table)

    def _stop(self, depth: int) -> Stop:
        random, theme = self._random, self._theme
        point, nth = self._pick(dict(theme.stops)), random.choice(theme.nths)
        kind = self._pick(dict(theme.stop_kinds))
        if kind == "dies":
            return Stop(point, nth, dies=True)
        if kind == "overtaken":
            return Stop(point, nth, self._overtaking())
        if kind == "pause":
            return Stop(point, nth, (self._pause(),))
        if kind == "cut over":
            return Stop(point, nth, (self.cutover(), self._pause()))
        return Stop(point, nth, tuple(self._step(depth + 1) for _ in range(random.randint(1, 4))))

    def _overtaking(self) -> tuple[Step, ...]:
        """While one stands still, the source changes and others take up all there is."""
        batches = [self.batch(DEEPEST) for _ in range(self._random.choice([1, 1, 2]))]
        others = (replace(batch, size=40, faults=0.0) for batch in batches)
        write = self.write()
        if self._random.random() < 0.7:
            # What reaches a replica later would be hinted, and repaired, later.
            write = replace(write, reached=(0, 1, 2))
        return (write, self._pause(), *others, *map(_tick, self._theme.afterwards_s))

    def _pause(self) -> Tick:
        return _tick(self._random.choice(self._theme.pauses_s))

    def write(self) -> SourceWrite:
        """A client's write."""
        random, table = self._random, self._table
        verb = self._pick(self._verbs)
        if random.random() < 0.4:
            self._key = random.choice(CLUSTERINGS[table])
        clustering = self._key
        if table == "wide" and verb in (Verb.INSERT, Verb.DELETE_ROW) and random.random() < 0.03:
            clustering = TOO_LARGE
        return SourceWrite(
            verb,
            table,
            random.choice(self._partitions),
            clustering,
            self._values(verb),
            random.choice(self._theme.ttls_s) if self._may_expire(verb) else None,
            self._slice() if verb is Verb.DELETE_SLICE else None,
            random.choice([0, 0, 0, 0, 500, 3_000_000, -100_000]),
            self._reached(),
        )

    def _reached(self) -> tuple[int, ...]:
        random = self._random
        if random.random() < self._theme.whole:
            return (0, 1, 2)
        return tuple(sorted(random.sample(range(3), random.randint(1, 2))))

    def _may_expire(self, verb: Verb) -> bool:
        may = verb in (Verb.INSERT, Verb.UPDATE, Verb.SET_STATIC, Verb.EXTEND)
        return may and self._random.random() < self._expiring

    def _values(self, verb: Verb) -> tuple[tuple[str, int | None], ...]:
        table = TABLES[self._table]
        if verb is Verb.ADD:
            return ((self._random.choice(["m", "n"]), self._random.choice([1, 1, 2, 10, -3])),)
        names: tuple[str, ...] = ()
        if verb is Verb.SET_STATIC:
            names = table.static_names
        elif verb in (Verb.INSERT, Verb.UPDATE):
            names = (*table.regular_names, *self._theme.later)
        elif verb is Verb.EXTEND:
            collections = [one.name for one in table.regulars if one.multicell]
            names = tuple(self._random.sample(collections, self._random.randint(1, 2)))
            return tuple((name, self._number()) for name in names)
        elif verb in (Verb.APPEND, Verb.APPEND_STATIC):
            return ((("l" if verb is Verb.APPEND else "sl"), self._number()),)
        if not names:
            return ()
        chosen = self._random.sample(names, self._random.randint(1, len(names)))
        return tuple((name, self._number_or_null()) for name in chosen)

    def _number_or_null(self) -> int | None:
        return None if self._random.random() < 0.25 else self._number()

    def _number(self) -> int:
        if self._random.random() < self._theme.repeated:
            return self._random.randint(1, self._theme.few)
        self._value += 1
        return self._value

    def _some_of(self, verbs: dict[Verb, int]) -> dict[Verb, int]:
        """Programs that lack some verbs reach further with the others."""
        kept = {verb: weight for verb, weight in verbs.items() if self._random.random() < 0.6}
        return kept or verbs

    def _slice(self) -> Slice:
        random, keys = self._random, CLUSTERINGS[self._table]
        first, last = sorted([random.choice(keys), self._key])
        depth = random.randint(0, len(first)), random.randint(0, len(last))
        start, end = first[: depth[0]], last[: depth[1]]
        return Slice(
            Bound(start, not start or random.random() < 0.6),
            Bound(end, not end or random.random() < 0.6),
        )

    def _pick(self, weights: dict[T, int]) -> T:
        return self._random.choices(list(weights), list(weights.values()))[0]


def _tick(seconds: float) -> Tick:
    return Tick(round(seconds * 1e6))


def generate(random: Random, profile: Profile, theme: str | None = None) -> Program:
    """One program; of any theme unless one is named."""
    return Generator(random, profile, theme).program()
