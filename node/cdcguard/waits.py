"""Count the writes that are logged before they can be read: a step of each pass."""

from node.cdcguard.guard import Guard

WAITS = {
    "WritesWaitedForLog": "org.apache.cassandra.metrics:type=CommitLog,name=WaitingOnCommit",
    "WritesWaitedForMemtable":
        "org.apache.cassandra.metrics:type=MemtablePool,name=BlockedOnAllocation",
}  # fmt: skip


def count_waits(guard: Guard) -> None:
    """Count writes that waited between log and memtable: capture may send them too early."""
    waits = guard.state.setdefault("waits", {"at": 0.0, "counts": {}})
    if guard.now - waits["at"] < guard.settings.waits_every:
        return
    waits["at"] = guard.now
    for metric, bean in WAITS.items():
        count = guard.world.count(bean)
        if count is None:
            continue
        before = waits["counts"].get(metric, count)
        waits["counts"][metric] = count
        # A smaller count is that of a node that was restarted.
        guard.metrics[metric] = count - before if count >= before else count
        if guard.metrics[metric]:
            guard.say(
                "WARNING",
                f"{metric}: {guard.metrics[metric]:.0f}. If another node says so for the same "
                "minutes, sweep the tables written then.",
            )
