"""The times that bound how late a write can be. One place, because they rest on each other."""

STALE_AFTER_S = 30.0
"""A read older than this is thrown away and read again."""

REQUEST_TIMEOUT_S = 5.0
"""How long a request to either side may take."""

RESERVE_S = 6.0
"""With less of the invocation left no new work begins: what is in flight must end within it."""

LATE_WRITE_MARGIN_S = 10.0

SECOND_LOOK_AFTER_S = int(STALE_AFTER_S + REQUEST_TIMEOUT_S + LATE_WRITE_MARGIN_S)
"""After this no write can still arrive that was on its way when a slice was compared."""

FENCE_HOLDS_S = 5.0
"""No read of the source begins under a reading of the fences that began longer ago."""

CUTOVER_WAIT_S = FENCE_HOLDS_S + STALE_AFTER_S + REQUEST_TIMEOUT_S + LATE_WRITE_MARGIN_S
"""After this no write of ours can still arrive at a table whose fence was set."""

UNDO_WAIT_S = FENCE_HOLDS_S + 1
"""After this nobody goes by a fence that was taken back: no hint is skipped behind it any more."""

COUNTED_WITHIN_S = 0.9
"""A read and a write may each take this long where times to live are counted: whole seconds are
counted at both ends, so a value lasts at most two seconds too long. A tenth of a second is left for
clocks that differ."""

LEASE_S = 30
"""How long a worker alone may count a partition."""

COUNT_WITHIN_S = LEASE_S - REQUEST_TIMEOUT_S - LATE_WRITE_MARGIN_S
"""The holder sends nothing later than this, so that no write of it can outlive its lease. The clock
is read at the last moment before the driver takes the request."""

CLOCK_MARGIN_S = 0.05
"""How far the clock of a process that reads may be from the target's, and a record's stamp ahead
of that: beyond it the clock is broken, and nothing is read by it."""

STAMP_MARGIN_S = 0.015
"""The broker's clock may be behind the target's by as much, and ours have gone wrong by as much
since it was measured. No hint is read for before the clock has passed its stamp by this."""

NODES_APART_S = 1.0
"""How far apart the clocks of the source's nodes may be: each counts times to live by its own."""

STUCK_AFTER_S = 300.0
STUCK_AFTER_TIMES = 5
"""A key that a side has failed at for so long, and at so many deliveries, while it served the
neighbours each time, is its own trouble."""
