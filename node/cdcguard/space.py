"""Keep room in cdc_raw and on its volume: a step of each pass."""

import contextlib
import os
from typing import List, Tuple

from node.cassandra_yaml import MIB
from node.cdcguard.guard import Guard
from node.cdcguard.segments import Segment, bytes_in, read_segments, remove

# The alarm needs a value always: a week stands for "it will not fill".
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
    if guard.capture is None:
        guard.metrics["HintedUpTo"] = hinted_upto(guard, segments)


def hinted_upto(guard: Guard, segments: List[Segment]) -> float:
    """Return the last time (epoch s) whose log the stock connector has sent in full; 0 if unknown.

    Ours says more with its watermarks.
    """
    synced = [(one.number, one.synced) for one in segments if one.idx]
    end = max([*synced, (0, 0)])
    ends = ([*guard.state.get("ends", []), [guard.now, *end]])[-SAMPLES:]
    guard.state["ends"] = ends
    sent = [at for at, number, position in ends if (number, position) <= guard.sent]
    guard.state["hinted_upto"] = max([*sent, guard.state.get("hinted_upto", 0.0)])
    return float(guard.state["hinted_upto"])


def unread(guard: Guard, segments: List[Segment]) -> int:
    """Return the bytes that wait to be read, at most for the stock connector.

    After the last change hint a segment may hold other tables' writes.
    """
    total = 0
    for one in segments:
        if one.number > guard.sent.number:
            total += one.synced
        elif one.number == guard.sent.number:
            total += max(0, one.synced - guard.sent.position)
    return total


def protect_writes(guard: Guard) -> None:
    """Move closed segments out of cdc_raw before it is full and Cassandra rejects writes.

    Move the newest first: capture goes on in order with the oldest, which stays. Change
    hints of the others come only after `give-back`, so list every table for a verify pass.
    """
    free = guard.settings.cdc_total - guard.metrics["CdcUsedBytes"]
    need = space_needed(guard)
    if free >= need:
        return
    guard.say("CRITICAL", f"cdc_raw is nearly full: {free // MIB:.0f} MiB left.")
    moved = 0
    for one in reversed(guard.waiting()[1:]):
        if free >= 2 * need:
            break
        os.makedirs(guard.settings.aside, exist_ok=True)
        # A file that is gone by now was read.
        with contextlib.suppress(FileNotFoundError):
            for path in one.files:
                os.rename(path, os.path.join(guard.settings.aside, os.path.basename(path)))
            free += one.size
            moved += 1
    if moved:
        guard.say("CRITICAL", f"{moved} segments were set aside to keep writes going.")
    else:
        guard.say("CRITICAL", "No segment of it can be set aside: raise cdc_total_space.")


def space_needed(guard: Guard) -> int:
    """Return the bytes to keep free: a tenth, two segments, or three passes' growth, the most."""
    samples = guard.state["samples"][-2:]
    growth, _ = rates(samples, guard.settings.segment_size)
    # After a pause of the guard itself the step is no measure.
    step = min(LONGEST_STEP, samples[-1][0] - samples[0][0])
    tenth = guard.settings.cdc_total // 10
    return int(max(tenth, 2 * guard.settings.segment_size, 3 * growth * step))


def clean_archive(guard: Guard) -> None:
    """Delete read segments by age and size.

    Keep what may be unread: not closed, still in cdc_raw, or beyond the last change hint sent.
    """
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
    """Delete what is set aside, then what waits, before the volume is full and the node stops."""
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
    """Return the growth of cdc_raw, and of the node's log, in bytes a second."""
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
