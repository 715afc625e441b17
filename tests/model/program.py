"""Define a run's steps; some of them happen while a worker stands still."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hintferry.core.hint import Slice
from hintferry.core.schema import Key
from hintferry.testing.points import Point


class Verb(Enum):
    """Kind of a client's statement on the source."""

    INSERT = "insert"
    UPDATE = "update"
    APPEND = "append to a list"
    EXTEND = "add to a collection, or set a field"
    SET_STATIC = "set static columns"
    APPEND_STATIC = "append to a static list"
    ADD = "add to a counter"
    DELETE_ROW = "delete a row"
    DELETE_SLICE = "delete a slice"
    DELETE_PARTITION = "delete a partition"


@dataclass(frozen=True, slots=True)
class SourceWrite:
    """A client's write. `lag_us`: how far its timestamp is behind the clock; `reached`: replicas.

    `values`: a number a column, None for null.
    """

    verb: Verb
    table: str
    partition: Key
    clustering: Key = ()
    values: tuple[tuple[str, int | None], ...] = ()
    ttl: int | None = None
    part: Slice | None = None
    lag_us: int = 0
    reached: tuple[int, ...] = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class Stop:
    """At the `nth` time that a batch passes `point`, other steps run first; or it dies there."""

    point: Point
    nth: int
    steps: tuple[Step, ...] = ()
    dies: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """A worker takes up to `size` records that wait. `seed` settles all that is left to chance.

    `faults`: the share of the target's answers that are faults. `budget_s`: until its deadline.
    `most_rows`: as many as the source reads at once, None for any number; `lookup_faults`: the
    share of its looks at a table that fail. `fills`: the table that the worker fills instead.
    """

    worker: int
    size: int
    seed: int
    faults: float = 0.0
    budget_s: float = 900.0
    stops: tuple[Stop, ...] = ()
    park_fails: bool = False
    replay_fails: bool = False
    most_rows: int | None = None
    lookup_faults: float = 0.0
    fills: str | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passes."""

    micros: int


@dataclass(frozen=True, slots=True)
class OfIndex:
    """A step that happens to one of those that wait, whichever has this place."""

    index: int


class HandOver(OfIndex):
    """One of the writes kept for a replica that missed it is delivered."""


@dataclass(frozen=True, slots=True)
class Repair:
    """The replicas that are up are made to hold the same."""


@dataclass(frozen=True, slots=True)
class OfReplica:
    """A step that happens to one replica; None: it is over."""

    replica: int | None


class TakeDown(OfReplica):
    """A replica stops answering; the one that did is up again."""


class Fail(OfReplica):
    """A replica answers reads with a failure; the one that did reads again."""


class SendAgain(OfIndex):
    """A record that was sent before, however long ago, is delivered again."""


@dataclass(frozen=True, slots=True)
class Poison:
    """A record that can never succeed; kind 0 is one that says nothing, which is no poison."""

    kind: int


@dataclass(frozen=True, slots=True)
class SetClock:
    """A worker's clock now has this error."""

    worker: int
    error_us: int


@dataclass(frozen=True, slots=True)
class SetBroker:
    """The clock by which records are stamped now has this error."""

    error_us: int


@dataclass(frozen=True, slots=True)
class SetCapture:
    """No hint takes longer than this from now on."""

    slowest_us: int


@dataclass(frozen=True, slots=True)
class OfTable:
    """A step that happens to a whole table."""

    table: str


class CutOver(OfTable):
    """The fence of a table is set; it is handed over when that is waited out."""


class Verify(OfTable):
    """A table is swept, every replica asked, its differences are repaired, and that is recorded."""


class Switch(OfTable):
    """Nobody writes the table any more: in the end it is cut over, if the gate opens."""


class TakeBack(OfTable):
    """A table that was handed over is taken back."""


class Pause(OfTable):
    """An operator pauses a table."""


class Resume(OfTable):
    """An operator lets a table go on."""


class Validate(OfTable):
    """From now on every settled row of all tables is validated."""


@dataclass(frozen=True, slots=True)
class Tamper(OfTable):
    """Somebody else changes a row of the target: deletes it, or writes another value."""

    partition: Key
    clustering: Key
    deletes: bool


@dataclass(frozen=True, slots=True)
class Alter:
    """A column is added to a table, or dropped if it is there; these nodes hear of it at once."""

    table: str
    column: str
    reached: tuple[int, ...]


class Recreate(OfTable):
    """A table is dropped, and created again: it has another id, the same columns and no rows."""


@dataclass(frozen=True, slots=True)
class Hear:
    """These nodes learn the latest schema."""

    nodes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Deafen:
    """The capture of these replicas hears nothing from now on; that of all others does."""

    replicas: tuple[int, ...]


Step = (
    SourceWrite
    | Batch
    | Tick
    | HandOver
    | Repair
    | TakeDown
    | Fail
    | SendAgain
    | Poison
    | SetClock
    | SetBroker
    | SetCapture
    | CutOver
    | Verify
    | Switch
    | TakeBack
    | Pause
    | Resume
    | Validate
    | Tamper
    | Alter
    | Recreate
    | Hear
    | Deafen
)
Program = tuple[Step, ...]


def count_steps(steps: Program) -> int:
    """All steps, those inside stops included."""
    return sum(
        1 + sum(count_steps(stop.steps) for stop in step.stops) if isinstance(step, Batch) else 1
        for step in steps
    )
