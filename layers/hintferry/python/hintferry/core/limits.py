"""Hold the times that bound how late a write can be, and every attempt count and pause.

They are in one place because they rest on each other. `docs/reference/retries.md` is made of the
`Retry` values below.
"""

from typing import NamedTuple


class Retry(NamedTuple):
    """The attempts at one thing, and the pauses between: each twice the one before.

    `attempts`: in all, the first included; 0: a queue or its retention ends them. `first_s` and
    `longest_s`: the first and the longest pause, in seconds.
    """

    attempts: int
    first_s: float = 0.0
    longest_s: float = float("inf")

    def pause_s(self, failed: int) -> float:
        """Return the seconds to wait after so many failed attempts, of which there is one."""
        doublings = min(failed - 1, 30)
        return min(self.first_s * (1 << doublings), self.longest_s)


STALE_AFTER_S = 30.0
"""A read older than this is thrown away and read again."""

REQUEST_TIMEOUT_S = 5.0
"""Seconds that a request to either side may take."""

RESERVE_S = 6.0
"""Seconds of the invocation below which no new work begins: what is in flight must end within them.
"""

LATE_WRITE_MARGIN_S = 10.0

SECOND_LOOK_AFTER_S = int(STALE_AFTER_S + REQUEST_TIMEOUT_S + LATE_WRITE_MARGIN_S)
"""After this no write can still arrive that was on its way when a slice was compared."""

FENCE_HOLDS_S = 5.0
"""No read of the source begins under a reading of the fences that began longer ago."""

ANNOUNCED_HOLDS_S = 1.0
"""The same for a reading that shows that a cutover was announced."""

ANNOUNCED_FOR_S = 120.0
"""Seconds that an announcement of a cutover stands: it ends by itself."""

REPLAYED_AT_ONCE = 5
"""Invocations of the replay function."""

SWITCHES_HOLD_S = 5.0
"""No work begins under a reading of the switches that began longer ago."""

CUTOVER_WAIT_S = FENCE_HOLDS_S + STALE_AFTER_S + REQUEST_TIMEOUT_S + LATE_WRITE_MARGIN_S
"""Seconds after which no write of Hintferry can still arrive at a table whose fence was set."""

UNDO_WAIT_S = FENCE_HOLDS_S + 1
"""After this nobody goes by a fence that was taken back: no hint is skipped behind it any more."""

COUNTED_WITHIN_S = 0.9
"""Seconds that a read or a write may take where TTLs are counted. Whole seconds are counted at both
ends, so a value lasts at most two seconds too long. A tenth of a second is left for clocks that
differ."""

OPEN_ITEM_S = 15 * 24 * 3600
"""Seconds that a row of an open item stays at most: longer than its message, which SQS keeps for 14
days."""

LEASE_S = 30
"""Seconds that one worker alone may count a partition."""

COUNT_WITHIN_S = LEASE_S - REQUEST_TIMEOUT_S - LATE_WRITE_MARGIN_S
"""The holder sends nothing later than this, so that no write of it can outlive its lease. The clock
is read at the last moment before the driver takes the request."""

CLOCK_MARGIN_S = 0.05
"""The most seconds between the clock of a process that reads and the target's clock. A record's
stamp may be as far ahead of it. Beyond that the clock is broken, and nothing is read by it."""

STAMP_MARGIN_S = 0.015
"""The most seconds that the broker's clock may be behind the target's, and that the own clock may
have gone wrong since it was measured. No hint is read for before the clock has passed its stamp by
this."""

NODES_APART_S = 1.0
"""The most seconds between the clocks of the source's nodes: each counts TTLs by its own."""

STUCK_AFTER_S = 300.0
"""A key that a side has failed at for so many seconds, and at `TIMEOUT_RETRY.attempts` deliveries,
while it served the neighbours each time, is parked."""

LIVE_RETRY = Retry(4, first_s=0.2)
"""A read or write of one batch. Each pause is shortened at random, by half at most."""

RANGE_RETRY = Retry(6, first_s=1.0)
"""A token range, or the keys of one recheck, without progress."""

DIVIDED_RANGE_RETRY = Retry(2, first_s=1.0)
"""A half of a token range that a side failed to read without saying why."""

REPAIR_RETRY = Retry(3)
"""A repair of rows, each attempt with a new read: pauses would not change the answer."""

TIMEOUT_RETRY = Retry(5, first_s=15, longest_s=120)
"""A key that fails beside keys that are served: the fewest attempts, through the replay queue."""

REPLAY_RETRY = Retry(0, first_s=15, longest_s=900)
"""A message of the replay queue after a fault of a side. The queue's maxReceiveCount ends them."""

FENCE_RETRY = Retry(4, first_s=0.5)
"""The fence of one table of a cutover. Then the fences that the cutover has set are removed."""

AWS_RETRY = Retry(3)
"""A request to AWS. botocore chooses the pauses (its standard mode)."""

SWEEP_SIDE_RETRY = Retry(25, first_s=30, longest_s=900)
"""A step of the sweep's state machine after a fault of a side or of a clock: five hours in all."""

SWEEP_BUSY_RETRY = Retry(11, first_s=2, longest_s=60)
"""A step of the sweep's state machine that Lambda has no room for."""

SWEEP_STEP_RETRY = Retry(4, first_s=5, longest_s=60)
"""A step of the sweep's state machine after any other error."""

SWEEP_HOLDER_RETRY = Retry(7, first_s=2, longest_s=60)
"""The look-up of the execution that holds a table's sweep."""

VALIDATION_RETRY = Retry(10, first_s=180, longest_s=180)
"""A look at a settled key whose two sides were not equal. Each pause is longer than anything waits
that a hint has left in the replay queue."""

SLICE_CUTS = (10_000, 1_000, 100, 10)
"""Rows of the target in a part, tried in this order where the source fails to read a whole slice.
"""
