"""Step: keep room in cdc_raw and on its volume."""

import contextlib
import os
from typing import List, Tuple

from node.cassandra_yaml import MIB
from node.cdcguard.guard import Guard
from node.cdcguard.segments import Segment, bytes_in, read_segments, remove

# A figure must always be there for its alarm: "it will not fill" is a week.
NEVER = 7 * 24 * 3600
SAMPLES = 40
LONGEST_STEP = 60


def watch_space(guard: Guard) -> None:
    used = bytes_in(guard.settings.cdc_raw)
    segments = guard.segments()
    free = max(0, guard.settings.cdc_total - used)
    sample = [guard.now, used, max([one.number for one in segments] or [0])]
    samples = ([*guard.state.get("samples", []), sample])[-SAMPLES:]
    guard.state["samples"] = samples
    growth, written = rates(samples, guard.settings.segment_size)
    guard.metrics["CdcUsedBytes"] = used
    guard.metrics["CdcFreePercent"] = round(100.0 * free / guard.settings.cdc_total, 1)
    guard.metrics["CdcSecondsToFull"] = seconds_left(free, growth)
    guard.metrics["CdcOutageSecondsLeft"] = seconds_left(free, written)
    guard.metrics["UnreadBytes"] = unread(guard, segments)
    guard.metrics["VolumeFreeBytes"] = guard.world.volume_free()
    guard.metrics["HintedUpTo"] = hinted_upto(guard, segments)


def hinted_upto(guard: Guard, segments: List[Segment]) -> float:
    """When the log last ended where capture has sent everything by now; 0 when never seen."""
    synced = [(one.number, one.synced) for one in segments if one.idx]
    end = max([*synced, (0, 0)])
    ends = ([*guard.state.get("ends", []), [guard.now, *end]])[-SAMPLES:]
    guard.state["ends"] = ends
    sent = [at for at, number, position in ends if (number, position) <= guard.sent]
    guard.state["hinted_upto"] = max([*sent, guard.state.get("hinted_upto", 0.0)])
    return float(guard.state["hinted_upto"])


def unread(guard: Guard, segments: List[Segment]) -> int:
    """Where the stock connector runs, at most: after a segment's last hint it may hold other
    tables' writes."""
    total = 0
    for one in segments:
        if one.number > guard.sent.number:
            total += one.synced
        elif one.number == guard.sent.number:
            total += max(0, one.synced - guard.sent.position)
    return total


def protect_writes(guard: Guard) -> None:
    """Before cdc_raw is full, and Cassandra refuses writes, take closed segments out of it.

    The newest first, so that capture goes on in order with the oldest. Their hints do not come
    unless `give-back` puts them back, so every table is named for a sweep.
    """
    free = guard.settings.cdc_total - guard.metrics["CdcUsedBytes"]
    need = space_needed(guard)
    if free >= need:
        return
    guard.say("CRITICAL", f"cdc_raw is nearly full: {free // MIB:.0f} MiB left.")
    moved = 0
    for one in reversed(guard.waiting()):
        if free >= 2 * need:
            break
        os.makedirs(guard.settings.aside, exist_ok=True)
        # What capture has moved away by now is read.
        with contextlib.suppress(FileNotFoundError):
            for path in one.files:
                os.rename(path, os.path.join(guard.settings.aside, os.path.basename(path)))
            free += one.size
            moved += 1
    if moved:
        guard.say("CRITICAL", f"{moved} segments were set aside to keep writes going.")
    else:
        guard.say("CRITICAL", "No segment of it is closed: raise cdc_total_space.")


def space_needed(guard: Guard) -> int:
    """A tenth, or two segments, or what three passes bring, whichever is most."""
    samples = guard.state["samples"][-2:]
    growth, _ = rates(samples, guard.settings.segment_size)
    # After a pause of the guard itself the step is no measure.
    step = min(LONGEST_STEP, samples[-1][0] - samples[0][0])
    tenth = guard.settings.cdc_total // 10
    return int(max(tenth, 2 * guard.settings.segment_size, 3 * growth * step))


def clean_archive(guard: Guard) -> None:
    """Take what was read, by age and size. Never what may be unread: not closed, not yet gone
    from cdc_raw, or beyond what hints were sent for."""
    unread = {one.number for one in guard.segments()}
    kept = read_segments(guard.settings.archive, guard.settings.commitlog)
    total = sum(one.size for one in kept)
    for one in kept:
        old = guard.now - one.changed > guard.settings.archive_seconds
        large = total > guard.settings.archive_bytes
        read = one.completed and one.number not in unread and one.number <= guard.sent.number
        if read and (old or large):
            remove(one)
            total -= one.size
    guard.metrics["ArchiveBytes"] = total


def protect_volume(guard: Guard) -> None:
    """A full volume stops the node: give up what is set aside, then what waits."""
    lacking = guard.settings.volume_reserve - guard.world.volume_free()
    if lacking <= 0:
        return
    guard.say("CRITICAL", "The volume of cdc_raw is nearly full.")
    aside = read_segments(guard.settings.aside, guard.settings.commitlog)
    # Where Cassandra still holds the log, deleting our link frees nothing.
    for one in [one for one in aside + guard.waiting() if not one.in_commitlog]:
        if lacking <= 0:
            break
        guard.may_be_lost("deleted to keep the node going", guard.known_tables())
        remove(one)
        lacking -= one.size
        guard.metrics["SegmentsDeleted"] += 1


def rates(samples: List[List[float]], segment_size: int) -> Tuple[float, float]:
    """Bytes a second by which cdc_raw grows, and which the node writes to its log."""
    first, last = samples[0], samples[-1]
    seconds = last[0] - first[0]
    if seconds <= 0:
        return 0.0, 0.0
    numbers = last[2] - first[2]
    # Numbers count up by one within a run of the node and jump to its clock when it starts.
    written = numbers * segment_size / seconds if 0 < numbers < 100000 else 0.0
    return max(0.0, (last[1] - first[1]) / seconds), written


def seconds_left(free: float, rate: float) -> float:
    return float(min(NEVER, round(free / rate))) if rate > 0 else float(NEVER)
