"""Read the logs of the connector and of Cassandra: steps of each pass."""

import contextlib
import os
import re
from typing import Dict, Iterable, List, Set

from node.cassandra_yaml import MIB
from node.cdcguard.guard import Guard
from node.cdcguard.segments import listed

LONGEST_LOG_READ = 4 * MIB
# What the connector's log says when hints are lost although its health is good.
LOST = [
    ("the log could not be read", re.compile(r"LOST HINTS")),
    ("a record was not sent", re.compile(r"Failed to emit record")),
    ("a record was not sent", re.compile(r"Processing of event .{0,500} was errorneous")),
    ("a segment was given up", re.compile(r"Processing of .{0,500} errored out")),
    ("a segment was given up", re.compile(r"Unable to parse commit log index file")),
    ("a segment was given up", re.compile(r"Error occurred while processing commit log")),
    ("a segment vanished unread", re.compile(r"Commit log .{0,300}does not exist")),
    ("a mutation was not understood", re.compile(r"Unexpected error deserializing")),
    ("schema changes are not seen", re.compile(r"Unexpected error while refreshing schema")),
]
WHOLE_PARTITION = re.compile(r"its whole partition is hinted")
REFUSED = re.compile(r"Rejecting mutation to keyspace \S+\. Free up space in")
SLOW_SYNCS = re.compile(r"commit log syncs over the past .{1,80}, (\d+) have exceeded")


def read_connector_log(guard: Guard) -> None:
    lost: Dict[str, Set[str]] = {}
    for line in new_lines(guard, "connector", guard.settings.connector_log):
        if WHOLE_PARTITION.search(line):
            guard.metrics["PartitionsHinted"] += 1
            continue
        for why, pattern in LOST:
            if pattern.search(line):
                guard.metrics["HintsLost"] += 1
                lost.setdefault(why, set()).update(named_in(guard, line))
                break
    for why, tables in lost.items():
        guard.may_be_lost(why, tables)


def read_cassandra_log(guard: Guard) -> None:
    for line in new_lines(guard, "cassandra", guard.settings.cassandra_log):
        if REFUSED.search(line):
            guard.metrics["WritesRefused"] += 1
        syncs = SLOW_SYNCS.search(line)
        if syncs:
            guard.metrics["SlowLogSyncs"] += int(syncs.group(1))
    if guard.metrics["WritesRefused"]:
        guard.say("CRITICAL", "Cassandra refuses writes to captured tables: cdc_raw is full.")


def new_lines(guard: Guard, key: str, path: str) -> Iterable[str]:
    """Return the whole lines since the last pass, of a log that may have been rotated."""
    lines: List[bytes] = []
    try:
        with open(path, "rb") as log:
            stat = os.fstat(log.fileno())
            inode, at = guard.state.setdefault("logs", {}).get(key, (stat.st_ino, 0))
            if inode != stat.st_ino:
                lines = rest_of_rotated(path, inode, at)
            if inode != stat.st_ino or stat.st_size < at:
                at = 0
            log.seek(at)
            data = log.read(LONGEST_LOG_READ)
    except OSError:
        return []
    end = data.rfind(b"\n") + 1
    # A line longer than a whole read tells nothing.
    end = len(data) if len(data) == LONGEST_LOG_READ and not end else end
    guard.state["logs"][key] = (stat.st_ino, at + end)
    return [one.decode(errors="replace") for one in lines + data[:end].split(b"\n")]


def named_in(guard: Guard, line: str) -> List[str]:
    """Return the tables that a line names; every captured one if it names none."""
    known = guard.known_tables()
    words = re.findall(r"[\w.]+", line)
    named = [one for one in known if any(f".{word}".endswith(f".{one}") for word in words)]
    return named or known


def rest_of_rotated(path: str, inode: int, at: int) -> List[bytes]:
    """Return the lines that the last pass had not read of a log that was renamed since, if it
    exists.
    """
    for name in listed(os.path.dirname(path)):
        other = os.path.join(os.path.dirname(path), name)
        with contextlib.suppress(OSError):
            if os.stat(other).st_ino == inode:
                with open(other, "rb") as log:
                    log.seek(at)
                    return log.read(LONGEST_LOG_READ).split(b"\n")
    return []
