"""Decides about each request of a connection while capacities or faults are set.

Owns the connection's own rate. Knows no frame but those it answers with.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from keyspaces_local.behaviour import Conduct
from keyspaces_local.capacity import CONNECTION_REQUESTS, Bucket, ChargedRead
from keyspaces_local.faults import ErrorAnswer, Fault, FaultAction
from keyspaces_local.limits import subqueries
from keyspaces_local.pieces import Piece
from keyspaces_local.properties import TableSettings
from keyspaces_local.protocol import Consistency, ErrorCode, error_frame
from keyspaces_local.responses import Response
from keyspaces_local.timeouts import throttled


@dataclass(frozen=True, slots=True)
class Demand:
    """A statement that wants to be done, and the units that it is known to need."""

    piece: Piece
    table: TableSettings
    units: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The fate of a request: what is done, how much later, and what becomes of its answer."""

    kept: Sequence[Demand]
    delay: float = 0.0
    answer: Callable[[Response], bytes] | None = None


class Admission:
    """One connection's gate; `reply` sends a frame to the client, `cut` resets the connection."""

    __slots__ = ("_conduct", "_cut", "_rate", "_reply")

    def __init__(
        self, conduct: Conduct, reply: Callable[[bytes], None], cut: Callable[[], None]
    ) -> None:
        self._conduct, self._reply, self._cut = conduct, reply, cut
        self._rate: Bucket | None = None

    def writes(
        self, stream: int, level: int, demands: Sequence[Demand], *, partial: bool
    ) -> Verdict | None:
        """The verdict on a request's writes; None when it has been answered or cut off.

        With `partial` (an unlogged batch) what there is capacity for is done although the
        request fails.
        """
        fault = self._fault(demands, write=True)
        if not self._passes(stream, level, fault, write=True):
            return None
        taken = self._affordable(demands)
        kept = [
            demand for demand, buckets in zip(demands, taken, strict=True) if buckets is not None
        ]
        if len(kept) == len(demands):
            return self._verdict(kept, fault)
        if not partial:
            kept = []
            _give_back(demands, taken)
        for demand, buckets in zip(demands, taken, strict=True):
            demand.table.meter.throttled += buckets is None or not partial
        error = throttled(stream, level, write=True)
        if not kept:
            self._reply(error)
            return None
        return Verdict(kept, answer=lambda response: error)

    def read(self, stream: int, level: int, demand: Demand) -> tuple[Verdict, ChargedRead] | None:
        """The verdict on a read and what meters its answer; None when it has been answered."""
        fault = self._fault([demand], write=False)
        reads = subqueries(demand.piece.plan.statement, demand.piece.values)
        if not self._passes(stream, level, fault, write=False, requests=reads):
            return None
        eventual = level != Consistency.LOCAL_QUORUM
        price = 0.5 if eventual else 1.0
        partition, meter = demand.piece.partition, demand.table.meter
        buckets = self._conduct.capacities.admit(demand.table, partition, price, False, monotonic())
        if buckets is None:
            meter.throttled += 1
            self._reply(throttled(stream, level, write=False))
            return None
        metered = meter.eventual if eventual else meter.strong
        return self._verdict([demand], fault), ChargedRead(metered, buckets, price, price)

    def _fault(self, demands: Sequence[Demand], *, write: bool) -> Fault | None:
        """The fault that fires for a request: for a batch, by its first table."""
        return self._conduct.fault_for(demands[0].table.full_name, write) if demands else None

    def _passes(
        self, stream: int, level: int, fault: Fault | None, *, write: bool, requests: int = 1
    ) -> bool:
        """False when the request ends here, by a fault or by the connection's rate."""
        if fault is not None and fault.action is FaultAction.CUT:
            self._cut()
            return False
        if fault is not None and fault.action is FaultAction.REFUSE:
            self._reply(_refusal(fault, stream, level, write))
            return False
        if self._conduct.behaviour.quotas and not self._within_rate(requests):
            self._reply(throttled(stream, level, write=write))
            return False
        return True

    def _verdict(self, kept: Sequence[Demand], fault: Fault | None) -> Verdict:
        """Return the fate of a request and of its answer."""
        if fault is None:
            return Verdict(kept)
        if fault.action is FaultAction.DELAY:
            return Verdict(kept, delay=fault.seconds)
        if fault.action is FaultAction.CUT_AFTER:
            return Verdict(kept, answer=self._cut_instead)
        return Verdict(kept, answer=lambda response: b"")

    def _cut_instead(self, response: Response) -> bytes:
        self._cut()
        return b""

    def _within_rate(self, requests: int) -> bool:
        now = monotonic()
        if self._rate is None:
            self._rate = Bucket(CONNECTION_REQUESTS, 1, now)
        if not self._rate.has(requests, now):
            return False
        self._rate.take(requests)
        return True

    def _affordable(self, demands: Sequence[Demand]) -> list[list[Bucket] | None]:
        """The buckets that each demand has been paid from; None where one lacked the units."""
        capacities, now = self._conduct.capacities, monotonic()
        return [
            capacities.admit(demand.table, demand.piece.partition, demand.units, True, now)
            for demand in demands
        ]


def _give_back(demands: Sequence[Demand], taken: Sequence[Sequence[Bucket] | None]) -> None:
    for demand, buckets in zip(demands, taken, strict=True):
        for bucket in buckets or ():
            bucket.take(-demand.units)


def _refusal(fault: Fault, stream: int, level: int, write: bool) -> bytes:
    if fault.answer is ErrorAnswer.SERVER_ERROR:
        return error_frame(stream, ErrorCode.SERVER_ERROR, "Internal server error")
    return throttled(stream, level, write=write)
