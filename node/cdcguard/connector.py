"""Check whether the connector moves, and which tables it captures: steps of each pass."""

import json
from typing import Any, Dict

from node.cdcguard.guard import Guard
from node.cdcguard.progress import table_name
from node.cdcguard.settings import Settings

RESTART_AT_MOST_EVERY = 3600
# The connector writes its state every 5 s; one older than this does not count.
STATE_HOLDS_S = 60
# Multiple of stuck_seconds after which capture is late.
LATE_AFTER = 3


def know_host_id(guard: Guard) -> None:
    """Learn the host id from the connector; else, now and then, from nodetool, which is slow."""
    if guard.capture is not None:
        guard.state["host_id"] = guard.capture["host_id"]
    elif guard.now - guard.state.get("host_id_at", 0) >= guard.settings.waits_every:
        guard.state["host_id"] = guard.world.host_id() or guard.state.get("host_id", "")
        guard.state["host_id_at"] = guard.now


def watch_connector(guard: Guard) -> None:
    """Check whether capture moves: its health is good as long as its threads run."""
    up = guard.world.healthy()
    guard.metrics["CaptureUp"] = int(up)
    if not up:
        guard.say("CRITICAL", "The connector's health check fails.")
    waiting = guard.waiting()
    guard.metrics["ClosedSegments"] = len(waiting)
    if waiting:
        guard.metrics["OldestSegmentSeconds"] = max(0.0, guard.now - waiting[0].changed)
    mark = [sorted(guard.offsets.items()), guard.sent, waiting[0].number if waiting else 0]
    mark = json.loads(json.dumps(mark))
    seen = guard.state.get("progress", {})
    if not waiting or seen.get("mark") != mark:
        guard.state["progress"] = {"mark": mark, "since": guard.now, "restarts": 0}
        late(guard)
        return
    if guard.now - seen["since"] >= guard.settings.stuck_seconds:
        stuck(guard, seen)


def watch_tables(guard: Guard) -> None:
    """Check which tables to migrate are not captured, and why; the stock connector cannot say."""
    missing = {} if guard.capture is None else uncaptured(guard.capture, guard.settings, guard.now)
    guard.state["not_captured"] = missing
    guard.metrics["TablesNotCaptured"] = len(missing)
    for table, why in sorted(missing.items()):
        guard.say("CRITICAL", f"{table} is not captured: {why}.")


def watch_cdc(guard: Guard) -> None:
    """Check that Cassandra's settings switch CDC on: else writes leave no log that is read.

    Count a loss at both ends, since the writes in between bring no change hint.
    """
    off = not guard.settings.cdc_enabled
    if off != guard.state.get("cdc_off", False):
        guard.may_be_lost("cdc_enabled was changed in cassandra.yaml", guard.known_tables())
    guard.state["cdc_off"] = off
    if off:
        guard.say(
            "CRITICAL", "cdc_enabled is not true in cassandra.yaml: set it, restart the node."
        )


def watch_watermarks(guard: Guard) -> None:
    """Tell how old the oldest watermark of the tables to migrate is."""
    told = guard.capture["tables"] if guard.capture else []
    drawn = [
        one["watermark"]["drawn_ms"] / 1000.0
        for one in told
        if "watermark" in one and table_name(one) in guard.settings.tables
    ]
    guard.metrics["WatermarkAge"] = max([0.0, *(guard.now - at for at in drawn)])


def late(guard: Guard) -> None:
    """Restart a connector that sends too slowly, as releases before 3.6 do after some hours."""
    if guard.metrics["OldestSegmentSeconds"] < LATE_AFTER * guard.settings.stuck_seconds:
        return
    guard.say("CRITICAL", "Capture falls behind what the node writes.")
    if guard.now - guard.state.get("late_restart", 0) < RESTART_AT_MOST_EVERY:
        return
    if guard.world.restart(hard=False):
        guard.state["late_restart"] = guard.now
        guard.metrics["CaptureRestarts"] = 1


def stuck(guard: Guard, seen: Dict[str, Any]) -> None:
    guard.metrics["CaptureStuck"] = 1
    still = int(guard.now - seen["since"])
    guard.say("CRITICAL", f"Closed segments wait and nothing was sent for {still} s.")
    patience = guard.settings.stuck_seconds * 2 ** min(seen["restarts"], 10)
    if guard.now - seen.get("restarted", 0) < min(patience, RESTART_AT_MOST_EVERY):
        return
    if guard.world.restart(hard=seen["restarts"] > 0):
        seen["restarts"] += 1
        seen["restarted"] = guard.now
        guard.metrics["CaptureRestarts"] = 1
        guard.say("CRITICAL", f"The connector was restarted (attempt {seen['restarts']}).")


def uncaptured(capture: Dict[str, Any], settings: Settings, now: float) -> Dict[str, str]:
    """Return the tables to migrate that are not captured, with the reason."""
    age = now - capture["at_ms"] / 1000.0
    if age > STATE_HOLDS_S:
        why = f"the connector last knew its node's schema {age:.0f} s ago"
        return dict.fromkeys(settings.tables, why)
    told = {table_name(one): one for one in capture["tables"]}
    return {
        table: told[table].get("why", "its connector does not say why")
        if table in told
        else "it has cdc = false, or does not exist"
        for table in settings.tables
        if "since" not in told.get(table, {})
    }
