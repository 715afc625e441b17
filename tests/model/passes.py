"""Sweeps over the two sides of a world: the real ones, over the fakes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from hintferry.core.capture import proof
from hintferry.core.errors import HintferryError, Overwhelmed
from hintferry.core.passes import Pass, Verb
from hintferry.core.schema import TableId
from hintferry.core.tokens import TokenRange, plan_ranges
from hintferry.core.verdict import VerifySums
from hintferry.sweep.progress import Finished
from hintferry.sweep.repair_sender import RepairSender
from hintferry.sweep.verify import Verifier
from hintferry.testing.replay import MemoryReplayQueue
from hintferry.testing.scan import scan_of_source, scan_of_target, token_of
from hintferry.testing.source import ReplicatedSource
from hintferry.testing.store import MemoryStore
from hintferry.testing.target import MemoryTarget
from tests.model.surroundings import witness

if TYPE_CHECKING:
    from tests.model.world import World

RATE = 1_000.0

UNREADABLE = 0.5


def record(world: World, table: TableId) -> None:
    """Sweep a table as a command does, and record it as a pass."""
    clock, proved = world.workers[0].clock, proof(witness(world, table))
    began = clock.now()
    world.markers.draw(table)
    world.deliver_late()
    sums = verify(world, table, unreadable=0.0)
    if sums is not None:
        is_clean, tally = sums.is_clean, {"equal": sums.equal}
        world.hand_overs.passes.enter(
            Pass(table, Verb.VERIFY, began, clock.now(), True, is_clean, tally, proved)
        )


def verify(world: World, table: TableId, unreadable: float = UNREADABLE) -> VerifySums | None:
    """Sweep a table, every replica asked, and send a hint of each key that differs; None where
    the sweep failed."""
    random, clock = world.random, world.workers[0].clock
    source = ReplicatedSource(
        world.cluster, clock, random=random, at_all=True, catalog=world.catalog
    )
    source_scan = scan_of_source(world.cluster, source, clock, random)
    if random.random() < unreadable:
        source_scan.fails = _unreadable(world.target, table, random)
    sweep = Verifier(
        table,
        source,
        MemoryTarget(world.target, random=random),
        source_scan,
        scan_of_target(world.target, random),
        clock,
        RepairSender(MemoryReplayQueue(world.postponed), clock, lambda: RATE),
    )
    sums = VerifySums()
    for report in sweep.verify(plan_ranges([], 2)):
        if isinstance(report, Finished):
            if report.error is not None:
                return None
            sums.add(report.sums)
    world.tally.update(swept=sums.seen, unread=sums.unread, repaired=sums.hinted)
    return sums


def _unreadable(
    target: MemoryStore, table: TableId, random: Random
) -> Callable[[TokenRange], HintferryError | None]:
    """Now and then a scan fails at one partition, as it does where tombstones are too many.

    At one that the target knows: no other can be hinted, and the sweep says that it was not read.
    """
    known = [key for one, key in target.partitions if one == table]
    token = token_of(random.choice(known)) if known else None

    def fails(part: TokenRange) -> HintferryError | None:
        if token is not None and part.after < token <= part.upto:
            return Overwhelmed("source: too many tombstones")
        return None

    return fails
