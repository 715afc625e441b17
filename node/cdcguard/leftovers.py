"""Close, clear and count what a crash or a fault left of segments: steps of each pass."""

import os

from node.cdcguard.guard import Guard
from node.cdcguard.segments import SEGMENT, close, listed, read_segments


def fix_stuck(guard: Guard) -> None:
    """Close a segment that a crash left open: capture reads in order and would wait for ever.

    Such a segment has an index without COMPLETED, a newer one has an index too, and Cassandra
    no longer has its log. Never touch a segment that Cassandra still has.
    """
    segments = guard.segments()
    newest = max([one.number for one in segments if one.idx] or [0])
    if not any(SEGMENT.match(name) for name in listed(guard.settings.commitlog)):
        # A node that runs has a log: this one is down, or its log lies elsewhere.
        return
    for one in segments:
        if not one.idx or not one.log or one.completed or one.in_commitlog:
            continue
        if one.number < newest:
            close(one)
            guard.metrics["StuckSegmentsMended"] += 1
            guard.say("WARNING", f"A crash left {one.idx} open; it is closed now.")
    orphans = [one for one in segments if not one.idx and not one.in_commitlog]
    orphans = [one for one in orphans if one.number < newest]
    guard.metrics["OrphanSegments"] = len(orphans)
    for one in orphans[:5]:
        guard.say("WARNING", f"{one.log} has no index and no writer: a crash left it.")


def clear_lone_indexes(guard: Guard) -> None:
    """Clear each index whose log is gone: every watermark of the node would wait for it for ever.

    Only one that the last pass saw too: capture moves a log before its index.
    """
    settings = guard.settings
    running = any(SEGMENT.match(name) for name in listed(settings.commitlog))
    lone = {
        one.number: one
        for one in guard.segments()
        if running and one.idx and not one.log and not one.in_commitlog
    }
    seen = guard.state.get("lone_indexes", [])
    guard.state["lone_indexes"] = sorted(lone)
    for number in sorted(set(lone) & set(seen)):
        clear_lone_index(guard, lone[number].idx or "")


def clear_lone_index(guard: Guard, idx: str) -> None:
    name = os.path.basename(idx)
    log = name.replace("_cdc.idx", ".log")
    for directory in (guard.settings.archive, guard.settings.errors):
        if log in listed(directory):
            os.rename(idx, os.path.join(directory, name))
            guard.say("WARNING", f"{name} was moved to its log in {directory}.")
            return
    guard.may_be_lost("the log of an index is gone", guard.known_tables())
    os.remove(idx)
    guard.say("WARNING", f"{idx} was deleted: its log is gone.")


def count_leftovers(guard: Guard) -> None:
    """Count what lies there, not what this pass did: a pass may be cut short."""
    for metric, directory, why in (
        ("ErrorSegments", guard.settings.errors, "their segment is in error/"),
        ("SetAsideSegments", guard.settings.aside, "their segment is set aside"),
    ):
        left = [one.number for one in read_segments(directory, guard.settings.commitlog)]
        guard.metrics[metric] = len(left)
        if set(left) - set(guard.state.get(metric, [])):
            guard.may_be_lost(why, guard.known_tables())
        guard.state[metric] = left
