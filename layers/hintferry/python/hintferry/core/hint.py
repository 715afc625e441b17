"""A hint: "this key may have changed". It carries no value, and none is ever taken from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from hintferry.core.errors import HintferryError, Side
from hintferry.core.schema import Key, TableId


class Scope(Enum):
    """The part of a partition that may have changed."""

    ROW = "row"
    SLICE = "slice"
    PARTITION = "partition"
    STATIC = "static"


class Errand(Enum):
    """The reasons why a key is looked at."""

    NEWS = "news"
    """Something may have changed."""

    SECOND_LOOK = "second_look"
    """A slice was compared a while ago, and a write that was then on its way has since arrived."""

    CONTINUATION = "continuation"
    """A slice was too long for one invocation; this is the rest of it."""

    REPAIR = "repair"
    """A sweep found the two sides unequal there."""

    VALIDATION = "validation"
    """It was settled a while ago, and is compared on both sides; nothing is written."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a slice; `values` is a prefix of the clustering key, empty for an open end."""

    values: Key = ()
    inclusive: bool = True


@dataclass(frozen=True, slots=True)
class Slice:
    """Neighbouring rows of one partition; `start` comes first in the table's clustering order."""

    start: Bound = Bound()
    end: Bound = Bound()


WHOLE_PARTITION = Slice()


@dataclass(frozen=True, slots=True)
class Hint:
    """One key to look at again.

    `clustering` is set for a row (empty for a table without clustering), `slice` for a slice.
    `statics_due`: the static columns of the partition may have changed too.
    `altered_us`: when the table was last altered, as the node that captured the change knew it
    (microseconds; 0: not known). Two hints that differ in it alone are equal: they name one key.
    """

    table: TableId
    partition: Key
    scope: Scope
    clustering: Key = ()
    slice: Slice = WHOLE_PARTITION
    statics_due: bool = False
    errand: Errand = Errand.NEWS
    altered_us: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Nothing:
    """A record that by design says nothing, such as the null value that follows a delete."""


class Trouble(NamedTuple):
    """A side failed at a hint although it served the neighbours of its key.

    It has: since when (epoch seconds), and at how many deliveries.
    """

    since: float
    times: int


class Suspicion(NamedTuple):
    """The row of a key whose two sides were not equal, as the last look saw it.

    `side` shows the row, which was written there at `written_us` (microseconds). `marker` of the
    table was drawn afterwards, at `at` (epoch seconds).
    """

    side: Side
    written_us: int
    marker: int
    at: float


class Check(NamedTuple):
    """A validation of a key that was settled at `settled_at` (epoch seconds).

    `looks`: how often it was looked at. `suspicion`: what the last look left.
    """

    settled_at: float
    looks: int = 0
    suspicion: Suspicion | None = None


class Record(NamedTuple):
    """One record as the event source delivered it; topic, partition and offset name it.

    `appended_at_ms`: when the broker appended it (milliseconds since the epoch), or None where
    the stamp is a producer's own and so says nothing. `refusal`: why the record itself could not
    be had, where it lies elsewhere; it ends as that says, and `value` is what named it.
    `trouble` and `check`: what was seen of it before it was put into the replay queue.
    """

    topic: str
    partition: int
    offset: int
    appended_at_ms: int | None
    key: bytes | None
    value: bytes | None
    refusal: HintferryError | None = None
    trouble: Trouble | None = None
    check: Check | None = None
