"""Counters of one partition, brought up by one worker at a time.

The worker that counts holds the partition's lease in a table beside the data. It gives the lease
back only after writes that were all answered. After any other end the lease runs out by itself, and
by then no write of its holder can still arrive. So the worker that takes it next reads both sides
as they will stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from hintferry.core.errors import HintferryError, InDoubt, LeaseLost, Troubled, Unrepresentable
from hintferry.core.hint import Bound, Slice
from hintferry.core.rows import Row
from hintferry.core.schema import Key, Table
from hintferry.core.work import RowWork, SliceWork, StaticWork, Work
from hintferry.live.reconcile import Reconciler
from hintferry.ports import Clock, Deadline, Lease, Leases, Source, Target, Write


def recount(
    work: Work, source: Source, target: Target, leases: Leases, clock: Clock, deadline: Deadline
) -> Slice | None:
    """Make the target's counters equal to the source's; the rest of a long slice comes back.

    Raises HintferryError.
    """
    if isinstance(work, StaticWork):
        raise Unrepresentable(
            f"{work.table}: static counter columns are not supported; leave the table out of"
            " migration.toml"
        )
    if source.table(work.table).has_synonyms:
        raise Unrepresentable(
            f"{work.table}: counter rows with this clustering key are not supported, as equal key"
            " values can have different bytes; leave the table out of migration.toml"
        )
    lease = leases.take(work.table, work.partition)
    guarded = _LeasedTarget(target, lease)
    rest = None
    try:
        for part in _parts(work):
            rest = Reconciler(source, guarded, clock, deadline).reconcile(part)
    except Troubled as error:
        if guarded.unsure:
            raise InDoubt(error.side, error.text) from error
        raise
    finally:
        if not guarded.unsure:
            leases.give_back(lease)
    return rest


def _parts(work: RowWork | SliceWork) -> Iterator[SliceWork]:
    if isinstance(work, SliceWork):
        yield work
        return
    for clustering, records in work.rows.items():
        row = Slice(Bound(clustering), Bound(clustering))
        yield SliceWork(work.table, work.partition, row, records)


@dataclass(slots=True)
class _LeasedTarget:
    """The target, written a statement at a time and only while the lease lasts."""

    target: Target
    lease: Lease
    unsure: int = 0
    """Writes that were given to the target and whose end is not known."""

    def write(self, writes: Iterable[Write]) -> Iterator[tuple[Write, HintferryError | None]]:
        for done, error in self.target.write(self._while_it_lasts(writes)):
            self.unsure -= error is None or isinstance(error, LeaseLost)
            yield done, error

    def _while_it_lasts(self, writes: Iterable[Write]) -> Iterator[Write]:
        for write in writes:
            for statement in write.statements:
                # Unsure until the answer is here: what ends this worker meanwhile ends no write.
                self.unsure += 1
                yield replace(write, statements=[statement], write_until=self.lease.write_until)

    def rows(self, table: Table, partition: Key, part: Slice) -> Iterator[dict[Key, Row]]:
        return self.target.rows(table, partition, part)
