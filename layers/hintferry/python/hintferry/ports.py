"""The edges of the pipeline, one narrow protocol each. `testing` ships a fake for every one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Protocol

from hintferry.core.capture import Witness
from hintferry.core.clock_offset import Offset
from hintferry.core.errors import HintferryError, Side
from hintferry.core.hint import Hint, Nothing, Record, Slice
from hintferry.core.journal import Entry
from hintferry.core.open_item import OpenItem
from hintferry.core.outcome import Settled
from hintferry.core.passes import Pass
from hintferry.core.rows import Row, ScanPage, Snapshot, Statement
from hintferry.core.schema import Key, Table, TableId
from hintferry.core.switches import Board, Pause, Rates
from hintferry.core.tokens import TokenRange
from hintferry.core.watermark import Marks
from hintferry.core.work import Later, RowWork, SliceWork, StaticWork, Work


@dataclass(frozen=True, slots=True)
class Write:
    """The statements by which a piece of work changes the one partition of `work`.

    Nothing of it is sent after `write_until` (epoch seconds): then it ends as LeaseLost.
    """

    work: Work
    table: Table
    statements: Sequence[Statement]
    write_until: float = inf


class Decoder(Protocol):
    """Makes hints of records."""

    def __call__(self, record: Record) -> Hint | Nothing:
        """The record's hint. Raises Undecodable or UnknownTable for one that makes none, and
        SideFault where the table could not be looked up now."""


Read = tuple[RowWork | StaticWork, Snapshot | HintferryError]
"""A piece of work that was read, and what the read saw or why it failed."""


class Source(Protocol):
    """Cassandra, read at LOCAL_QUORUM.

    What it tells of a table never gets older, unless all nodes agree on that. Reads that follow are
    by the same table or a later one.
    """

    def table(self, table: TableId, altered_us: int = 0) -> Table:
        """The table, altered no earlier than then (microseconds), or as all nodes agree that it is.
        Raises UnknownTable, SideFault."""

    def agreed(self, table: TableId) -> Table:
        """The table as all nodes have it now that answer. Raises UnknownTable, SideFault."""

    def read(self, works: Iterable[RowWork | StaticWork]) -> Iterator[Read]:
        """Read many keys at once, answering in the order in which the answers arrive."""

    def pages(self, work: SliceWork) -> Iterator[Snapshot]:
        """The rows of a slice page by page, at least one page. Raises HintferryError."""

    def neighbours(self, work: Work) -> list[RowWork]:
        """A few other rows, found now, of the partitions that follow: most likely of the same
        replicas. Raises HintferryError."""


class Target(Protocol):
    """Keyspaces, written at LOCAL_QUORUM."""

    def write(self, writes: Iterable[Write]) -> Iterator[tuple[Write, HintferryError | None]]:
        """Write many partitions at once; None for those that the target acknowledged."""

    def rows(self, table: Table, partition: Key, part: Slice) -> Iterator[dict[Key, Row]]:
        """The rows of a slice, a page at a time. Raises HintferryError."""


class WriteTimes(Protocol):
    """The write times of rows on both sides."""

    def newest_us(self, side: Side, table: Table, partition: Key, clustering: Key) -> int | None:
        """Return when the newest cell of a row was written that tells it (microseconds), or None.

        Collections and counters do not tell. Raises SideFault, Unprocessable."""


class Scan(Protocol):
    """One side's tables, read in order of tokens. Every method raises HintferryError."""

    def rows(self, table: Table, part: TokenRange) -> Iterator[ScanPage]:
        """The rows of a range page by page, at least one page; a partition's rows are together."""

    def statics(self, table: Table, part: TokenRange) -> Iterator[ScanPage]:
        """The static columns of each partition likewise, there even where it holds no rows."""

    def partitions(self, table: Table, token: int) -> list[Key]:
        """The partitions of one token."""


@dataclass(frozen=True, slots=True)
class Parked:
    """One record to be kept for a person: the record, its hint if it made one, and its end."""

    record: Record
    hint: Hint | None
    end: Settled


class ParkingLot(Protocol):
    """The place where records that can never succeed wait for a person."""

    def park(self, records: Sequence[Parked]) -> list[HintferryError | None]:
        """Keep the records; for each, None once it is kept, or why it could not be."""


class ReplayQueue(Protocol):
    """The queue of work that is not for this invocation."""

    def send(self, items: Sequence[Later]) -> list[HintferryError | None]:
        """Keep the items; for each, None once it is kept, or why it could not be."""


class OpenItems(Protocol):
    """The messages that wait in the replay queue or are parked, one row each, exactly."""

    def open(self, items: Sequence[OpenItem]) -> list[HintferryError | None]:
        """Keep the items; for each, None once it is kept, or why it could not be."""

    def close(self, items: Sequence[tuple[str, bytes]]) -> list[HintferryError | None]:
        """Let the items of these names and ids go; for each, None, or why it could not go."""

    def of(self, table: TableId) -> list[OpenItem]:
        """Return the items of the table, and those that may be of any. Raises SideFault."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to count a partition; nothing is sent after `write_until` (epoch seconds)."""

    name: bytes
    owner: str
    write_until: float


class Leases(Protocol):
    """One worker at a time for what cannot be written twice."""

    def take(self, table: TableId, partition: Key) -> Lease:
        """The partition's lease. Raises LeaseLost where another worker has it, SideFault."""

    def give_back(self, lease: Lease) -> None:
        """Let others have it before it runs out by itself."""


@dataclass(frozen=True, slots=True)
class Fence:
    """A table's fence: when it was set, and since when the writers were said to have stopped.

    All times are epoch seconds.
    """

    set_at: float
    stopped_at: float | None
    newest_at: float | None = None
    """Nothing of Hintferry's has a later write time. None: that was not recorded."""

    ends_at: float | None = None
    """Every write of the application from then on has a later one. None: the long wait counts."""

    is_rehearsal: bool = False
    """A rehearsal set it, and removes it again: behind it nothing is cut over."""


class Fences(Protocol):
    """The tables that were cut over."""

    def is_fenced(self, table: TableId, read_start: int = 0) -> bool:
        """Return whether it was, by a reading that holds now, and that held at `read_start`
        (microseconds, by the target's clock) too.

        A reading holds for FENCE_HOLDS_S, or ANNOUNCED_HOLDS_S where it shows that a cutover was
        announced. Raises SideFault, ClockFault.
        """


class Admission(Protocol):
    """The bounds that an operator sets for a process."""

    def admit(self, table: TableId) -> None:
        """Let work of the table begin now. Raises Paused, SideFault."""


class Switches(Protocol):
    """The operator's switches."""

    def board(self) -> Board:
        """Return all of them, as of at most SWITCHES_HOLD_S ago. Raises SideFault."""


class SwitchBoard(Switches, Protocol):
    """Switches that can be set. Every method raises SideFault."""

    def read(self) -> Board:
        """Return all of them as they are now."""

    def set_pause(self, name: str, pause: Pause | None) -> None:
        """Pause the table of this name, or let it go on."""

    def set_rates(self, name: str, rates: Rates) -> None:
        """Set all bounds of the table of this name."""


class Journal(Protocol):
    """The list of what operators did. Every method raises SideFault."""

    def add(self, entry: Entry) -> None:
        """Keep an entry."""

    def entries(self, table: str, since: float) -> list[Entry]:
        """Return the entries of a table (its name, or `ALL`) since then, the latest first."""


class FencePost(Fences, Protocol):
    """Fences that can be set."""

    def announce(self, table: TableId, until: float) -> None:
        """Let readings hold for ANNOUNCED_HOLDS_S only, until then (epoch s). Raises SideFault."""

    def announced(self, table: TableId) -> float | None:
        """Return until when a cutover of the table is announced. Raises SideFault."""

    def withdraw(self, table: TableId) -> None:
        """Take the table's announcement away. Raises SideFault."""

    def set(self, table: TableId, fence: Fence) -> Fence:
        """Fence the table, unless it is; the fence that stands. Raises SideFault."""

    def settle(self, table: TableId, newest_at: float, ends_at: float | None) -> None:
        """Record the latest write time of ours, and when a short wait ends. Raises SideFault."""

    def standing(self, table: TableId) -> Fence | None:
        """The table's fence as it stands now. Raises SideFault."""

    def lift(self, table: TableId) -> None:
        """It is no longer. Raises SideFault."""


class Passes(Protocol):
    """The record of finished passes over whole tables. Every method raises SideFault."""

    def enter(self, one: Pass) -> None:
        """Keep a finished pass."""

    def of(self, table: TableId, since: float) -> list[Pass]:
        """Every backfill of a table, and the verify passes that began since then (epoch s); the
        one that began last first."""


class Captures(Protocol):
    """The nodes of the datacenter that is read, and what their connectors say."""

    def witness(self, table: TableId) -> Witness:
        """Return how the table is captured now.

        Raises SideFault, UnknownTable, ConfigurationError.
        """

    def forget(self) -> None:
        """Keep no answer for the next look."""


class Markers(Protocol):
    """The markers of tables on the source, and what each node has settled of them.

    Every method raises SideFault, ConfigurationError."""

    def draw(self, table: TableId) -> int:
        """Return a number of the table that is higher than any before; each node's log gets it."""

    def marks(self, table: TableId) -> Marks:
        """Return what each node's connector wrote of the table's markers, by host id."""


class Clock(Protocol):
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def read_start(self) -> int:
        """The timestamp for a read that is sent next: microseconds since the epoch, not later
        than now, and not given out before by this process. Raises ClockFault, SideFault."""

    def sleep(self, seconds: float) -> None:
        """Block for `seconds`."""


class OwnClock(Clock, Protocol):
    """The machine's clock, with what is needed to compare it with others."""

    def wall_us(self) -> int:
        """Microseconds since the epoch."""

    def steady_us(self) -> int:
        """Microseconds by the clock that is never set."""

    def read_start(self, ahead_us: int = 0) -> int:
        """Return a read start as any clock does, but `ahead_us` earlier."""


class OtherClocks(Protocol):
    """The clocks of both sides, each asked once or a few times."""

    def target(self) -> Offset | None:
        """Return how far the own clock is ahead; None where the target does not tell. Raises
        SideFault.
        """

    def source(self) -> Mapping[str, Offset]:
        """Return how far the own clock is ahead of each node's, of as many as are known.

        Raises SideFault where the source cannot be reached at all.
        """


class Deadline(Protocol):
    """The time an invocation has left."""

    def remaining(self) -> float:
        """Return the seconds left."""


class Meter(Protocol):
    """Takes the metrics of each batch."""

    def batch(
        self, records: Sequence[Record], hints: Mapping[int, Hint], ends: Sequence[Settled]
    ) -> None:
        """One finished batch: its records, their hints by index, and how each record ended."""

    def unvalidated(self, count: int) -> None:
        """Count settled keys whose validation the replay queue did not take."""

    def conservation_failed(self) -> None:
        """Count a batch whose sums do not add up: a bug of Hintferry. Its records come again."""
