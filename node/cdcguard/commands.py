"""Watch and repair the CDC directory of one Cassandra node; one pass each time the timer fires.

    cdcguard run        check, repair, protect, report (systemd runs this)
    cdcguard status     show what the last pass saw; exit 1 when something is wrong
    cdcguard swept T    table T (or `all`) was compared: forget that its change hints may be lost
    cdcguard give-back  put the segments that were set aside back, while the connector is stopped
    cdcguard metrics    print the table of metrics as JSON

Errors: exit 2 and a sentence for a wrong configuration, exit 3 when another pass is still running.
"""

import os
import sys
import time
from typing import Callable, Dict, List

from node.cassandra_yaml import MIB
from node.cdcguard.loop import one_pass
from node.cdcguard.metrics import metrics_table
from node.cdcguard.progress import rewind
from node.cdcguard.segments import bytes_in, read_segments
from node.cdcguard.settings import CONFIG, GuardError, Settings, load_settings
from node.cdcguard.space import NEVER
from node.cdcguard.state import load_state, locked, save_state
from node.cdcguard.world import World


def run(settings: Settings, world: World) -> int:
    for line in one_pass(settings, world).said:
        print(line)
    return 0


def status(settings: Settings, world: World) -> int:
    """Show what the last pass saw, and how long ago; return 1 when something is wrong."""
    state = load_state(settings)
    if "at" not in state:
        print("No pass has run yet: systemctl start cdcguard.timer")
        return 1
    metrics = state["metrics"]
    age = world.now() - state["at"]
    print(f"{settings.node}, {age:.0f} s ago")
    print("  cdc_raw         {:.1f} % free".format(metrics["CdcFreePercent"]))
    print("  full in         {}".format(spoken(metrics["CdcSecondsToFull"])))
    print("  outage left     {}".format(spoken(metrics["CdcOutageSecondsLeft"])))
    print("  waiting         {:.0f} segments".format(metrics["ClosedSegments"]))
    print("  oldest          {:.0f} s".format(metrics["OldestSegmentSeconds"]))
    print("  unread          {:.1f} MiB at most".format(metrics["UnreadBytes"] / MIB))
    print("  connector       {}".format("up" if metrics["CaptureUp"] else "NOT UP"))
    print("  set aside       {:.0f} segments".format(metrics["SetAsideSegments"]))
    for table, why in sorted(state.get("not_captured", {}).items()):
        print(f"  not captured    {table} ({why})")
    for table, one in sorted(state.get("to_sweep", {}).items()):
        since = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(one["since"]))
        print("  sweep           {} (since {}: {})".format(table, since, one["why"]))
    for line in state["said"]:
        print(line)
    late = age > 120
    if late:
        print("CRITICAL: the guard itself does not run: systemctl status cdcguard.timer")
    return int(late or bool(state.get("to_sweep")) or bool(state["said"]))


def spoken(seconds: float) -> str:
    if seconds >= NEVER:
        return "never, as it goes now"
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:02.0f} min"


def swept(settings: Settings, table: str) -> int:
    with locked(settings):
        state = load_state(settings)
        listing = state.get("to_sweep", {})
        if table != "all" and table not in listing:
            print("{} is not in the list: {}".format(table, ", ".join(sorted(listing)) or "empty"))
            return 2
        for name in [table] if table != "all" else list(listing):
            del listing[name]
        save_state(settings, state)
    return 0


def give_back(settings: Settings, world: World) -> int:
    """Put set-aside segments back, and set the offsets to before them.

    Change hints that come twice are harmless. The connector filters by offset and reads in order,
    so it must not run meanwhile.
    """
    if world.pid():
        raise GuardError(f"Stop the connector first: systemctl stop {settings.connector_unit}")
    with locked(settings):
        aside = read_segments(settings.aside, settings.commitlog)
        if not aside:
            print("Nothing is set aside.")
            return 0
        free = settings.cdc_total - bytes_in(settings.cdc_raw)
        needed = sum(one.size for one in aside)
        if free - needed < max(settings.cdc_total // 10, 2 * settings.segment_size):
            raise GuardError(f"cdc_raw has no room for {needed // MIB} MiB: raise cdc_total_space.")
        rewind(settings.offsets, aside[0].number)
        for one in aside:
            # The log first: a reader that finds an index opens its log.
            for path in reversed(one.files):
                os.rename(path, os.path.join(settings.cdc_raw, os.path.basename(path)))
    print(f"{len(aside)} segments are back: systemctl start {settings.connector_unit}")
    return 0


COMMANDS: Dict[str, Callable[[Settings, World], int]] = {
    "run": run,
    "status": status,
    "give-back": give_back,
}


def main(arguments: List[str]) -> int:
    if arguments == ["metrics"]:
        print(metrics_table())
        return 0
    try:
        settings = load_settings(os.environ.get("CDCGUARD_CONFIG", CONFIG))
        if len(arguments) == 2 and arguments[0] == "swept":
            return swept(settings, arguments[1])
        if len(arguments) == 1 and arguments[0] in COMMANDS:
            return COMMANDS[arguments[0]](settings, World(settings))
        print(__doc__)
        return 2
    except GuardError as error:
        print(f"cdcguard: {error}", file=sys.stderr)
        return 2
    except BlockingIOError as error:
        print(f"cdcguard: {error}", file=sys.stderr)
        return 3
