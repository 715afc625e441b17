#!/usr/bin/env python3
# Nodes have old Pythons: this file keeps to the syntax and the library of 3.6, and to itself.
"""Watch and mend the CDC directory of one Cassandra node; one pass each time the timer fires.

    cdcguard run        look, mend, protect, report (systemd runs this)
    cdcguard status     what the last pass saw, for a person; exit 1 when something is wrong
    cdcguard swept T    table T (or `all`) was compared: forget that its hints may be lost
    cdcguard give-back  while the connector is stopped: put back what was set aside, to be read
    cdcguard metrics    the table of metrics, as JSON

Errors: exit 2 and a sentence for a wrong configuration, exit 3 when another pass is still running.
"""

import configparser
import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

CONFIG = "/etc/hintferry/cdcguard.ini"
MIB = 1024 * 1024
LONGEST_LOG_READ = 4 * MIB
LONGEST_STEP = 60
# A figure must always be there for its alarm: "it will not fill" is a week.
NEVER = 7 * 24 * 3600
SAMPLES = 40
RESTART_AT_MOST_EVERY = 3600
# The connector tells its state each 5 s; one so old says nothing any more.
STATE_HOLDS_S = 60
# So many times the time after which a standstill is one.
LATE_AFTER = 3

CAPTURE_STATE = "capture_state.json"
NAMESPACE = "Hintferry/Nodes"
# One alarm watches all nodes of a pipeline, so it is a dimension alone too.
DIMENSIONS = [["pipeline", "node"], ["pipeline"]]

# Name: unit, meaning, and when it asks for attention (comparison, threshold, seconds), if ever.
METRICS: Dict[str, Tuple[str, str, Optional[Tuple[str, int, int]]]] = {
    "CdcFreePercent": ("Percent", "Free part of cdc_total_space", ("<", 40, 60)),
    "CdcUsedBytes": ("Bytes", "All files in cdc_raw", None),
    "CdcSecondsToFull": (
        "Seconds",
        "Until cdc_raw is full at its present growth",
        ("<", 4 * 3600, 120),
    ),
    "CdcOutageSecondsLeft": (
        "Seconds",
        "Until cdc_raw is full if nothing were read from now on",
        ("<", 1800, 300),
    ),
    "VolumeFreeBytes": ("Bytes", "Free space of the volume of cdc_raw", None),
    "OldestSegmentSeconds": (
        "Seconds",
        "How long the oldest closed segment has waited to be read",
        (">", 300, 60),
    ),
    "ClosedSegments": ("Count", "Closed segments that wait to be read", None),
    "UnreadBytes": ("Bytes", "Synced log not yet hinted, at most (with other tables')", None),
    "HintedUpTo": (
        "Seconds",
        "What was synced by this second (since 1970) is sent; 0 when not known",
        None,
    ),
    "OrphanSegments": ("Count", "Logs without an index left by a crash", (">", 0, 3600)),
    "StuckSegmentsMended": ("Count", "Segments that a crash left open and this pass closed", None),
    "TablesNotCaptured": (
        "Count",
        "Tables to migrate that the connector does not capture now",
        (">", 0, 30),
    ),
    "CaptureUp": ("Count", "1 when the connector's health answers well", ("<", 1, 120)),
    "CaptureStuck": ("Count", "1 when segments wait and nothing moves", (">", 0, 60)),
    "CaptureRestarts": ("Count", "Restarts of the connector by this pass", (">", 0, 60)),
    "HintsLost": ("Count", "Log lines of the connector that mean lost hints", (">", 0, 60)),
    "PartitionsHinted": ("Count", "Mutations hinted as a whole partition", None),
    "ErrorSegments": (
        "Count",
        "Segments in error/: some of their hints were not sent",
        (">", 0, 60),
    ),
    "TablesToSweep": ("Count", "Tables whose hints may be lost", (">", 0, 60)),
    "SetAsideSegments": ("Count", "Segments taken from cdc_raw to keep writes going", (">", 0, 60)),
    "SegmentsDeleted": (
        "Count",
        "Unread segments this pass deleted to keep the node going",
        (">", 0, 60),
    ),
    "WritesRefused": ("Count", "Log lines about writes refused, cdc_raw being full", (">", 0, 60)),
    "WritesWaitedForMemtable": (
        "Count",
        "Writes that waited for memory after they were logged",
        (">", 0, 300),
    ),
    "WritesWaitedForLog": (
        "Count",
        "Writes that waited for a sync after they were logged",
        (">", 0, 300),
    ),
    "SlowLogSyncs": ("Count", "Log syncs that took longer than their period", None),
    "ArchiveBytes": ("Bytes", "Segments read and kept", None),
    "GuardFaults": ("Count", "Steps of this pass that failed", (">", 0, 60)),
    "NodeReports": ("Count", "1 at the first pass of a minute, by which silence is noticed", None),
    "GuardSeconds": ("Seconds", "How long this pass took", None),
}

# What the connector's log says when hints are lost although its health is good.
LOST = [
    ("the log could not be read", re.compile(r"LOST HINTS")),
    ("a record was not sent", re.compile(r"Failed to emit record")),
    ("a record was not sent", re.compile(r"Processing of event .{0,500} was errorneous")),
    ("a segment was given up", re.compile(r"Processing of \S+ errored out")),
    ("a segment was given up", re.compile(r"Error occurred while processing commit log")),
    ("a segment vanished unread", re.compile(r"Commit log .{0,300}does not exist")),
    ("a mutation was not understood", re.compile(r"Unexpected error deserializing")),
    ("schema changes are not seen", re.compile(r"Unexpected error while refreshing schema")),
]
WHOLE_PARTITION = re.compile(r"its whole partition is hinted")
REFUSED = re.compile(r"Rejecting mutation to keyspace \S+\. Free up space in")
SLOW_SYNCS = re.compile(r"commit log syncs over the past .{1,80}, (\d+) have exceeded")
SEGMENT = re.compile(r"^CommitLog-(?:\d+-)?(\d+)(\.log|_cdc\.idx)$")
# `Count = 12` of `nodetool sjk mx`.
COUNT = re.compile(r"^\s*(?:Count\s*[:=]?\s*)?(\d+)\s*$", re.M)
# `ID                     : 8d5ed9f4-...` of `nodetool info`.
HOST_ID = re.compile(r"^ID\s*:\s*([0-9a-f-]{36})\s*$", re.M)
WAITS = {
    "WritesWaitedForLog": "org.apache.cassandra.metrics:type=CommitLog,name=WaitingOnCommit",
    "WritesWaitedForMemtable":
        "org.apache.cassandra.metrics:type=MemtablePool,name=BlockedOnAllocation",
}  # fmt: skip


class GuardError(Exception):
    """The guard cannot work; the message says what to mend."""


class Settings(NamedTuple):
    """Where things are; sizes in bytes, times in seconds."""

    cdc_raw: str
    commitlog: str
    cdc_total: int
    segment_size: int
    relocated: str
    offsets: str
    state: str
    connector_log: str
    cassandra_log: str
    health_url: str
    connector_unit: str
    nodetool: str
    emf: str
    pipeline: str
    node: str
    tables: Tuple[str, ...]
    archive_seconds: int
    archive_bytes: int
    stuck_seconds: int
    waits_every: int
    volume_reserve: int

    @property
    def archive(self) -> str:
        return os.path.join(self.relocated, "archive")

    @property
    def errors(self) -> str:
        return os.path.join(self.relocated, "error")

    @property
    def aside(self) -> str:
        return os.path.join(self.relocated, "set-aside")


class Segment(NamedTuple):
    """One commit-log segment in a directory. `synced` is the end of what may be read."""

    number: int
    log: Optional[str]
    idx: Optional[str]
    size: int
    synced: int
    completed: bool
    changed: float
    in_commitlog: bool

    @property
    def files(self) -> List[str]:
        return [path for path in (self.idx, self.log) if path]


class Offset(NamedTuple):
    """How far hints were sent: one table's, or all."""

    number: int
    position: int


# --- configuration -------------------------------------------------------------------------------


def load_settings(path: str) -> Settings:
    """From the ini file, and from cassandra.yaml what Cassandra itself goes by; GuardError."""
    parser = configparser.ConfigParser(interpolation=None)
    if not parser.read(path) or not parser.has_section("cdcguard"):
        raise GuardError(f"{path} is not there or has no section [cdcguard].")
    ini = parser["cdcguard"]
    try:
        yaml = read_yaml(ini["cassandra_yaml"])
        storage = ini.get("storage_directory", "/var/lib/cassandra")
        home = ini["home"]
        cdc_raw = yaml.get("cdc_raw_directory") or os.path.join(storage, "cdc_raw")
        relocated = ini.get("relocation_directory", os.path.join(home, "relocated"))
        return Settings(
            cdc_raw=cdc_raw,
            commitlog=yaml.get("commitlog_directory") or os.path.join(storage, "commitlog"),
            cdc_total=cdc_total(yaml, cdc_raw),
            segment_size=size(yaml, "commitlog_segment_size", "commitlog_segment_size_in_mb", 32),
            relocated=relocated,
            offsets=ini.get("offsets_directory", os.path.join(home, "offsets")),
            state=ini.get("state", os.path.join(home, "cdcguard.json")),
            connector_log=ini["connector_log"],
            cassandra_log=ini.get("cassandra_log", "/var/log/cassandra/system.log"),
            health_url=ini["health_url"],
            connector_unit=ini.get("connector_unit", "hintferry-capture"),
            nodetool=ini.get("nodetool", ""),
            emf=ini.get("emf", "127.0.0.1:25888"),
            pipeline=ini["pipeline"],
            node=ini.get("node", socket.gethostname()),
            tables=tuple(ini.get("tables", "").split()),
            archive_seconds=ini.getint("archive_seconds", 3600),
            archive_bytes=ini.getint("archive_mib", 1024) * MIB,
            stuck_seconds=ini.getint("stuck_seconds", 300),
            waits_every=ini.getint("waits_every_seconds", 300),
            volume_reserve=ini.getint("volume_reserve_mib", 1024) * MIB,
        )
    except KeyError as error:
        raise GuardError(f"{path} lacks {error}.") from None
    except (OSError, ValueError) as error:
        raise GuardError(f"{path}: {error}") from None


def read_yaml(path: str) -> Dict[str, str]:
    """The top level of cassandra.yaml; a list or a map is an empty text."""
    found = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            match = re.match(r"^([a-z][a-z0-9_]*):(?:\s+(.*?))?\s*(?:\s#.*)?$", line)
            if match:
                value = match.group(2) or ""
                found[match.group(1)] = "" if value.startswith("#") else value.strip("'\"")
    return found


def size(yaml: Dict[str, str], name: str, old_name: str, default_mib: int) -> int:
    """A size of cassandra.yaml in bytes: `32MiB` since 4.1, a number of MiB before."""
    if yaml.get(name):
        match = re.match(r"^(\d+)\s*(B|KiB|MiB|GiB)$", yaml[name])
        if not match:
            raise ValueError(f"cassandra.yaml: {name}: {yaml[name]} is not a size")
        power = ["B", "KiB", "MiB", "GiB"].index(match.group(2))
        return int(int(match.group(1)) * 1024**power)
    return int(yaml.get(old_name) or default_mib) * MIB


def cdc_total(yaml: Dict[str, str], cdc_raw: str) -> int:
    given = size(yaml, "cdc_total_space", "cdc_total_space_in_mb", 0)
    if given:
        return given
    volume = os.statvfs(cdc_raw)
    return min(4096 * MIB, volume.f_blocks * volume.f_frsize // 8)


# --- what lies on the disk -----------------------------------------------------------------------


def read_segments(directory: str, commitlog: str) -> List[Segment]:
    """The segments of a directory, oldest first. A file that vanishes meanwhile was read: skip."""
    pairs: Dict[int, Dict[str, str]] = {}
    for name in listed(directory):
        match = SEGMENT.match(name)
        if match:
            pair = pairs.setdefault(int(match.group(1)), {})
            pair[match.group(2)] = os.path.join(directory, name)
    names = set(listed(commitlog))
    inodes = inodes_of(commitlog)
    segments = []
    for number in sorted(pairs):
        with contextlib.suppress(FileNotFoundError):
            segments.append(read_segment(number, pairs[number], names, inodes))
    return segments


def read_segment(number: int, pair: Dict[str, str], names: Set[str], inodes: Set[int]) -> Segment:
    log, idx = pair.get(".log"), pair.get("_cdc.idx")
    synced, completed, length, changed, used = 0, False, 0, 0.0, False
    if log:
        stat = os.stat(log)
        length, changed = stat.st_size, stat.st_mtime
        used = stat.st_ino in inodes
    if idx:
        with open(idx, encoding="ascii", errors="replace") as lines:
            first, _, rest = lines.read(100).partition("\n")
        synced = int(first) if first.strip().isdigit() else 0
        completed = rest.strip() == "COMPLETED"
        stat = os.stat(idx)
        changed = stat.st_mtime
    stem = os.path.basename(log or idx or "").replace("_cdc.idx", ".log")
    return Segment(number, log, idx, length, synced, completed, changed, used or stem in names)


def inodes_of(directory: str) -> Set[int]:
    """cdc_raw holds hard links: the same file under another name is in use too."""
    inodes = set()
    for name in listed(directory):
        with contextlib.suppress(FileNotFoundError):
            inodes.add(os.stat(os.path.join(directory, name)).st_ino)
    return inodes


def listed(directory: str) -> List[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []


def bytes_in(directory: str) -> int:
    """As Cassandra counts them: every file counts."""
    total = 0
    for name in listed(directory):
        with contextlib.suppress(FileNotFoundError):
            total += os.stat(os.path.join(directory, name)).st_size
    return total


def read_offsets(directory: str) -> Dict[str, Offset]:
    """How far each table's hints were sent, from Debezium's properties file."""
    offsets = {}
    for table, value in offset_lines(directory):
        match = re.match(r"CommitLog-(?:\d+-)?(\d+)\.log:(\d+)$", value)
        if match:
            offsets[table] = Offset(int(match.group(1)), int(match.group(2)))
    return offsets


def read_capture(directory: str) -> Optional[Dict[str, Any]]:
    """What our connector tells of itself; None where there is another one, which tells nothing."""
    try:
        with open(os.path.join(directory, CAPTURE_STATE), encoding="utf-8") as file:
            state: Dict[str, Any] = json.load(file)
    except FileNotFoundError:
        return None
    return state


def offset_lines(directory: str) -> Iterator[Tuple[str, str]]:
    try:
        with open(offset_file(directory), encoding="latin-1") as lines:
            for line in lines:
                if not line.startswith("#") and "=" in line:
                    table, _, value = line.strip().partition("=")
                    yield table, value.replace("\\:", ":")
    except FileNotFoundError:
        return


def offset_file(directory: str) -> str:
    return os.path.join(directory, "commitlog_offset.properties")


# --- the world outside the disk ------------------------------------------------------------------


class World:
    """Clock, connector, nodetool and metrics' receiver; the tests have their own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def now(self) -> float:
        return time.time()

    def healthy(self) -> bool:
        try:
            with contextlib.closing(
                urllib.request.urlopen(self._settings.health_url, timeout=5)
            ) as answer:
                return bool(answer.getcode() == 200)
        except (urllib.error.URLError, OSError, ValueError):
            return False

    def pid(self) -> int:
        """The connector's main process; 0 when it does not run."""
        text = self._output("systemctl", "show", "-p", "MainPID", self._settings.connector_unit)
        match = re.search(r"MainPID=(\d+)", text)
        return int(match.group(1)) if match else 0

    def restart(self, hard: bool) -> bool:
        """End it, at once where it did not end when asked; systemd starts it again. That needs no
        rights beyond its own user's. False when it does not run."""
        pid = self.pid()
        if not pid:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL if hard else signal.SIGTERM)
        return True

    def host_id(self) -> str:
        """The node's id in its cluster; empty where nodetool cannot tell."""
        if not self._settings.nodetool:
            return ""
        match = HOST_ID.search(self._output(*self._settings.nodetool.split(), "info"))
        return match.group(1) if match else ""

    def count(self, bean: str) -> Optional[int]:
        """The count of one of Cassandra's metrics; None where nodetool cannot tell (before 4.0)."""
        if not self._settings.nodetool:
            return None
        command = self._settings.nodetool.split()
        match = COUNT.search(self._output(*command, "sjk", "mx", "-b", bean, "-mg", "-f", "Count"))
        return int(match.group(1)) if match else None

    def send(self, document: str) -> None:
        """To the CloudWatch agent on this node, which need not be there."""
        host, _, port = self._settings.emf.rpartition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            try:
                out.sendto(document.encode(), (host, int(port)))
            except OSError as error:
                print(f"WARNING: the metrics were not sent: {error}")

    def volume_free(self) -> int:
        volume = os.statvfs(self._settings.cdc_raw)
        return int(volume.f_bavail * volume.f_frsize)

    @staticmethod
    def _output(*command: str) -> str:
        try:
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=30, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.decode(errors="replace")


# --- one pass ------------------------------------------------------------------------------------


class Guard:
    """One pass: `state` is remembered from the last one, `said` is for a person to read."""

    def __init__(self, settings: Settings, state: Dict[str, Any], world: World) -> None:
        self.settings = settings
        self.state = state
        self.world = world
        self.said: List[str] = []
        self.metrics: Dict[str, float] = dict.fromkeys(METRICS, 0.0)
        self.now = world.now()
        self.offsets = read_offsets(settings.offsets)
        self.capture = read_capture(settings.offsets)
        self.sent = self.furthest()

    def furthest(self) -> Offset:
        """Where all before it was sent. The stock connector tells a place for each table only, and
        of one whose topic is stuck nothing is seen while another's goes on."""
        if self.capture is None:
            return max(self.offsets.values() or [Offset(0, 0)])
        found = self.capture["acknowledged"]
        return Offset(found["segment"], found["position"]) if found else Offset(0, 0)

    @property
    def name(self) -> str:
        """The node's, with its id in the cluster: addresses come back on other nodes."""
        return " ".join(filter(None, [self.settings.node, self.state.get("host_id", "")]))

    def run(self) -> None:
        started = time.perf_counter()
        for step in (
            self.know_host_id,
            self.watch_space,
            self.protect_writes,
            self.mend_stuck,
            self.read_connector_log,
            self.read_cassandra_log,
            self.watch_connector,
            self.watch_tables,
            self.clean_archive,
            self.protect_volume,
            self.count_leftovers,
            self.count_waits,
        ):
            try:
                step()
            except OSError as error:
                # What cannot be done must not keep the rest from being done.
                self.metrics["GuardFaults"] += 1
                self.say("CRITICAL", f"{step.__name__}: {error}")
        self.metrics["TablesToSweep"] = len(self.to_sweep())
        self.metrics["GuardSeconds"] = round(time.perf_counter() - started, 3)
        minute = self.now // 60
        self.metrics["NodeReports"] = int(self.state.get("minute") != minute)
        self.state["minute"] = minute
        self.state["said"] = self.said
        self.state["metrics"] = self.metrics
        self.state["at"] = self.now

    def know_host_id(self) -> None:
        """From the connector, which asks its node; else by nodetool, now and then: it is slow."""
        if self.capture is not None:
            self.state["host_id"] = self.capture["host_id"]
        elif self.now - self.state.get("host_id_at", 0) >= self.settings.waits_every:
            self.state["host_id"] = self.world.host_id() or self.state.get("host_id", "")
            self.state["host_id_at"] = self.now

    def segments(self) -> List[Segment]:
        return read_segments(self.settings.cdc_raw, self.settings.commitlog)

    def waiting(self) -> List[Segment]:
        """Closed segments: what was read has left the directory."""
        return [one for one in self.segments() if one.completed and one.log]

    def say(self, level: str, text: str) -> None:
        line = f"{level}: {text}"
        if line not in self.said:
            self.said.append(line)

    # -- mending

    def mend_stuck(self) -> None:
        """Close what a crash left open: capture reads in order and would wait for it for ever.

        Such a segment has an index without COMPLETED, a newer one has an index too, and Cassandra
        has let go of its log. What Cassandra still holds is never touched.
        """
        segments = self.segments()
        newest = max([one.number for one in segments if one.idx] or [0])
        if not any(SEGMENT.match(name) for name in listed(self.settings.commitlog)):
            # A node that runs has a log: this one is down, or its log lies elsewhere.
            return
        for one in segments:
            if not one.idx or not one.log or one.completed or one.in_commitlog:
                continue
            if one.number < newest:
                close(one)
                self.metrics["StuckSegmentsMended"] += 1
                self.say("WARNING", f"{one.idx} was left open by a crash; it is closed now.")
        orphans = [one for one in segments if not one.idx and not one.in_commitlog]
        orphans = [one for one in orphans if one.number < newest]
        self.metrics["OrphanSegments"] = len(orphans)
        for one in orphans[:5]:
            self.say("WARNING", f"{one.log} has no index and no writer: a crash left it.")

    # -- what the logs say

    def read_connector_log(self) -> None:
        for line in self.new_lines("connector", self.settings.connector_log):
            if WHOLE_PARTITION.search(line):
                self.metrics["PartitionsHinted"] += 1
                continue
            for why, pattern in LOST:
                if pattern.search(line):
                    self.metrics["HintsLost"] += 1
                    self.may_be_lost(why, self.named_in(line))
                    break

    def read_cassandra_log(self) -> None:
        for line in self.new_lines("cassandra", self.settings.cassandra_log):
            if REFUSED.search(line):
                self.metrics["WritesRefused"] += 1
            syncs = SLOW_SYNCS.search(line)
            if syncs:
                self.metrics["SlowLogSyncs"] += int(syncs.group(1))
        if self.metrics["WritesRefused"]:
            self.say("CRITICAL", "Cassandra refuses writes to captured tables: cdc_raw is full.")

    def new_lines(self, key: str, path: str) -> Iterable[str]:
        """The whole lines since the last pass, of a log that may have been rotated meanwhile."""
        lines: List[bytes] = []
        try:
            with open(path, "rb") as log:
                stat = os.fstat(log.fileno())
                inode, at = self.state.setdefault("logs", {}).get(key, (stat.st_ino, 0))
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
        self.state["logs"][key] = (stat.st_ino, at + end)
        return [one.decode(errors="replace") for one in lines + data[:end].split(b"\n")]

    def known_tables(self) -> List[str]:
        told = [table_name(one) for one in self.capture["tables"]] if self.capture else []
        return sorted(set(self.offsets) | set(self.settings.tables) | set(told))

    def named_in(self, line: str) -> List[str]:
        """The tables that a line names; every captured one where it names none."""
        known = self.known_tables()
        words = re.findall(r"[\w.]+", line)
        named = [one for one in known if any(f".{word}".endswith(f".{one}") for word in words)]
        return named or known

    def may_be_lost(self, why: str, tables: Iterable[str]) -> None:
        listing = self.to_sweep()
        for table in list(tables) or ["every captured table"]:
            listing.setdefault(table, {"why": why, "since": self.now})
        self.say("CRITICAL", f"Hints may be lost ({why}): sweep {', '.join(sorted(listing))}.")

    def to_sweep(self) -> Dict[str, Any]:
        listing: Dict[str, Any] = self.state.setdefault("to_sweep", {})
        return listing

    # -- the connector

    def watch_connector(self) -> None:
        """Its health is good as long as its threads run, so go by whether anything moves."""
        up = self.world.healthy()
        self.metrics["CaptureUp"] = int(up)
        if not up:
            self.say("CRITICAL", "The connector's health does not answer well.")
        waiting = self.waiting()
        self.metrics["ClosedSegments"] = len(waiting)
        if waiting:
            self.metrics["OldestSegmentSeconds"] = max(0.0, self.now - waiting[0].changed)
        mark = [sorted(self.offsets.items()), self.sent, waiting[0].number if waiting else 0]
        mark = json.loads(json.dumps(mark))
        seen = self.state.get("progress", {})
        if not waiting or seen.get("mark") != mark:
            self.state["progress"] = {"mark": mark, "since": self.now, "restarts": 0}
            self.late()
            return
        if self.now - seen["since"] >= self.settings.stuck_seconds:
            self.stuck(seen)

    def watch_tables(self) -> None:
        """Which tables to migrate are not captured now, and why. The stock one does not tell."""
        missing = {} if self.capture is None else uncaptured(self.capture, self.settings, self.now)
        self.state["not_captured"] = missing
        self.metrics["TablesNotCaptured"] = len(missing)
        for table, why in sorted(missing.items()):
            self.say("CRITICAL", f"{table} is not captured: {why}.")

    def late(self) -> None:
        """It sends, but too slowly: releases before 3.6 do after some hours, until a restart."""
        if self.metrics["OldestSegmentSeconds"] < LATE_AFTER * self.settings.stuck_seconds:
            return
        self.say("CRITICAL", "Capture falls behind what the node writes.")
        if self.now - self.state.get("late_restart", 0) < RESTART_AT_MOST_EVERY:
            return
        if self.world.restart(hard=False):
            self.state["late_restart"] = self.now
            self.metrics["CaptureRestarts"] = 1

    def stuck(self, seen: Dict[str, Any]) -> None:
        self.metrics["CaptureStuck"] = 1
        still = int(self.now - seen["since"])
        self.say("CRITICAL", f"Closed segments wait and nothing was sent for {still} s.")
        patience = self.settings.stuck_seconds * 2 ** min(seen["restarts"], 10)
        if self.now - seen.get("restarted", 0) < min(patience, RESTART_AT_MOST_EVERY):
            return
        if self.world.restart(hard=seen["restarts"] > 0):
            seen["restarts"] += 1
            seen["restarted"] = self.now
            self.metrics["CaptureRestarts"] = 1
            self.say("CRITICAL", f"The connector was restarted (attempt {seen['restarts']}).")

    # -- space

    def watch_space(self) -> None:
        used = bytes_in(self.settings.cdc_raw)
        segments = self.segments()
        free = max(0, self.settings.cdc_total - used)
        sample = [self.now, used, max([one.number for one in segments] or [0])]
        samples = ([*self.state.get("samples", []), sample])[-SAMPLES:]
        self.state["samples"] = samples
        growth, written = rates(samples, self.settings.segment_size)
        self.metrics["CdcUsedBytes"] = used
        self.metrics["CdcFreePercent"] = round(100.0 * free / self.settings.cdc_total, 1)
        self.metrics["CdcSecondsToFull"] = seconds_left(free, growth)
        self.metrics["CdcOutageSecondsLeft"] = seconds_left(free, written)
        self.metrics["UnreadBytes"] = self.unread(segments)
        self.metrics["VolumeFreeBytes"] = self.world.volume_free()
        self.metrics["HintedUpTo"] = self.hinted_upto(segments)

    def hinted_upto(self, segments: List[Segment]) -> float:
        """When the log last ended where capture has sent everything by now; 0 when never seen."""
        synced = [(one.number, one.synced) for one in segments if one.idx]
        end = max([*synced, (0, 0)])
        ends = ([*self.state.get("ends", []), [self.now, *end]])[-SAMPLES:]
        self.state["ends"] = ends
        sent = [at for at, number, position in ends if (number, position) <= self.sent]
        self.state["hinted_upto"] = max([*sent, self.state.get("hinted_upto", 0.0)])
        return float(self.state["hinted_upto"])

    def unread(self, segments: List[Segment]) -> int:
        """Where the stock connector runs, at most: after a segment's last hint it may hold other
        tables' writes."""
        total = 0
        for one in segments:
            if one.number > self.sent.number:
                total += one.synced
            elif one.number == self.sent.number:
                total += max(0, one.synced - self.sent.position)
        return total

    def protect_writes(self) -> None:
        """Before cdc_raw is full, and Cassandra refuses writes, take closed segments out of it.

        The newest first, so that capture goes on in order with the oldest. Their hints do not come
        unless `give-back` puts them back, so every table is named for a sweep.
        """
        free = self.settings.cdc_total - self.metrics["CdcUsedBytes"]
        need = self.space_needed()
        if free >= need:
            return
        self.say("CRITICAL", f"cdc_raw is nearly full: {free // MIB:.0f} MiB left.")
        moved = 0
        for one in reversed(self.waiting()):
            if free >= 2 * need:
                break
            os.makedirs(self.settings.aside, exist_ok=True)
            # What capture has moved away by now is read.
            with contextlib.suppress(FileNotFoundError):
                for path in one.files:
                    os.rename(path, os.path.join(self.settings.aside, os.path.basename(path)))
                free += one.size
                moved += 1
        if moved:
            self.say("CRITICAL", f"{moved} segments were set aside to keep writes going.")
        else:
            self.say("CRITICAL", "No segment of it is closed: raise cdc_total_space.")

    def space_needed(self) -> int:
        """A tenth, or two segments, or what three passes bring, whichever is most."""
        samples = self.state["samples"][-2:]
        growth, _ = rates(samples, self.settings.segment_size)
        # After a pause of the guard itself the step is no measure.
        step = min(LONGEST_STEP, samples[-1][0] - samples[0][0])
        tenth = self.settings.cdc_total // 10
        return int(max(tenth, 2 * self.settings.segment_size, 3 * growth * step))

    def clean_archive(self) -> None:
        """Take what was read, by age and size. Never what may be unread: not closed, not yet gone
        from cdc_raw, or beyond what hints were sent for."""
        unread = {one.number for one in self.segments()}
        kept = read_segments(self.settings.archive, self.settings.commitlog)
        total = sum(one.size for one in kept)
        for one in kept:
            old = self.now - one.changed > self.settings.archive_seconds
            large = total > self.settings.archive_bytes
            read = one.completed and one.number not in unread and one.number <= self.sent.number
            if read and (old or large):
                remove(one)
                total -= one.size
        self.metrics["ArchiveBytes"] = total

    def protect_volume(self) -> None:
        """A full volume stops the node: give up what is set aside, then what waits."""
        lacking = self.settings.volume_reserve - self.world.volume_free()
        if lacking <= 0:
            return
        self.say("CRITICAL", "The volume of cdc_raw is nearly full.")
        aside = read_segments(self.settings.aside, self.settings.commitlog)
        # Where Cassandra still holds the log, deleting our link frees nothing.
        for one in [one for one in aside + self.waiting() if not one.in_commitlog]:
            if lacking <= 0:
                break
            self.may_be_lost("deleted to keep the node going", self.known_tables())
            remove(one)
            lacking -= one.size
            self.metrics["SegmentsDeleted"] += 1

    # -- writes that are logged before they can be read

    def count_waits(self) -> None:
        """A write that waits between log and memtable is hinted before a read can see it."""
        waits = self.state.setdefault("waits", {"at": 0.0, "counts": {}})
        if self.now - waits["at"] < self.settings.waits_every:
            return
        waits["at"] = self.now
        for metric, bean in WAITS.items():
            count = self.world.count(bean)
            if count is None:
                continue
            before = waits["counts"].get(metric, count)
            waits["counts"][metric] = count
            # A smaller count is that of a node that was restarted.
            self.metrics[metric] = count - before if count >= before else count
            if self.metrics[metric]:
                self.say(
                    "WARNING",
                    f"{metric}: {self.metrics[metric]:.0f}. If another node says so for the same "
                    "minutes, sweep the tables written then.",
                )

    def count_leftovers(self) -> None:
        """By what lies there, not by what this pass did: a pass may be cut short."""
        for metric, directory, why in (
            ("ErrorSegments", self.settings.errors, "their segment is in error/"),
            ("SetAsideSegments", self.settings.aside, "their segment is set aside"),
        ):
            left = [one.number for one in read_segments(directory, self.settings.commitlog)]
            self.metrics[metric] = len(left)
            if set(left) - set(self.state.get(metric, [])):
                self.may_be_lost(why, self.known_tables())
            self.state[metric] = left


def table_name(entry: Dict[str, Any]) -> str:
    return "{keyspace}.{table}".format(**entry)


def uncaptured(capture: Dict[str, Any], settings: Settings, now: float) -> Dict[str, str]:
    """The tables to migrate that are not captured, with the reason."""
    age = now - capture["at_ms"] / 1000.0
    if age > STATE_HOLDS_S:
        why = f"the connector last knew its node's schema {age:.0f} s ago"
        return dict.fromkeys(settings.tables, why)
    told = {table_name(one): one for one in capture["tables"]}
    return {
        table: told[table].get("why", "its connector does not say why")
        if table in told
        else "it has cdc = false, or is not there"
        for table in settings.tables
        if "since" not in told.get(table, {})
    }


def close(segment: Segment) -> None:
    """In place: a new file would be a second segment to the connector, which watches for them."""
    with open(segment.idx or "", "r+", encoding="ascii") as idx:
        # An index that the crash cut short tells no end: then all of the log may be read.
        idx.write(f"{segment.synced or segment.size}\nCOMPLETED")
        idx.truncate()


def rest_of_rotated(path: str, inode: int, at: int) -> List[bytes]:
    """What the last pass had not seen of a log that was renamed since; nothing when it is gone."""
    for name in listed(os.path.dirname(path)):
        other = os.path.join(os.path.dirname(path), name)
        with contextlib.suppress(OSError):
            if os.stat(other).st_ino == inode:
                with open(other, "rb") as log:
                    log.seek(at)
                    return log.read(LONGEST_LOG_READ).split(b"\n")
    return []


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


def remove(segment: Segment) -> None:
    for path in segment.files:
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)


def emf_document(settings: Settings, node: str, metrics: Dict[str, float], now: float) -> str:
    """One line in CloudWatch's embedded metric format."""
    names = [emf_metric(name) for name in sorted(metrics)]
    document: Dict[str, Any] = {
        "_aws": {
            "Timestamp": int(now * 1000),
            "LogGroupName": f"/hintferry/{settings.pipeline}/cdcguard",
            "CloudWatchMetrics": [
                {"Namespace": NAMESPACE, "Dimensions": DIMENSIONS, "Metrics": names}
            ],
        },
        "pipeline": settings.pipeline,
        "node": node,
    }
    document.update(metrics)
    return json.dumps(document, sort_keys=True)


def emf_metric(name: str) -> Dict[str, Any]:
    """One whose alarm must come within a minute is kept by the second, or CloudWatch has none."""
    unit, _, alarm = METRICS[name]
    found: Dict[str, Any] = {"Name": name, "Unit": unit}
    if alarm and alarm[2] < 60:
        found["StorageResolution"] = 1
    return found


# --- commands ------------------------------------------------------------------------------------


def run(settings: Settings, world: World) -> int:
    with locked(settings):
        state = load_state(settings)
        guard = Guard(settings, state, world)
        guard.run()
        save_state(settings, state)
    world.send(emf_document(settings, guard.name, guard.metrics, guard.now))
    for line in guard.said:
        print(line)
    return 0


def status(settings: Settings, world: World) -> int:
    """What the last pass saw, and how long ago that was; 1 when something is wrong."""
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
    """Put set-aside segments back and set the offsets to before them: hints that come twice are
    harmless. The connector filters by offset and reads in order, so it must not run meanwhile."""
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
            # The log first: whoever sees an index looks for its log.
            for path in reversed(one.files):
                os.rename(path, os.path.join(settings.cdc_raw, os.path.basename(path)))
    print(f"{len(aside)} segments are back: systemctl start {settings.connector_unit}")
    return 0


def rewind(directory: str, number: int) -> None:
    """Forget what was sent at or behind a segment: it is read again from there on."""
    capture = read_capture(directory)
    if capture and capture["acknowledged"] and capture["acknowledged"]["segment"] >= number:
        capture["acknowledged"] = {"segment": number, "position": 0}
        replace_file(os.path.join(directory, CAPTURE_STATE), json.dumps(capture))
    kept = {
        table: offset for table, offset in read_offsets(directory).items() if offset.number < number
    }
    lines = [
        "{}={}\n".format(table, value.replace(":", "\\:"))
        for table, value in offset_lines(directory)
        if table in kept
    ]
    replace_file(offset_file(directory), "".join(lines))


def load_state(settings: Settings) -> Dict[str, Any]:
    try:
        with open(settings.state, encoding="utf-8") as file:
            state: Any = json.load(file)
    except FileNotFoundError:
        return {}
    except ValueError:
        print(f"WARNING: {settings.state} could not be read; starting anew.")
        return {}
    return state if isinstance(state, dict) else {}


def save_state(settings: Settings, state: Dict[str, Any]) -> None:
    replace_file(settings.state, json.dumps(state))


def replace_file(path: str, text: str) -> None:
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)


@contextlib.contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """For whoever writes: one at a time, and only Cassandra's own user, or its files would become
    another's."""
    if os.stat(settings.cdc_raw).st_uid != os.geteuid():
        raise GuardError(f"Run it as the owner of {settings.cdc_raw}.")
    with open(settings.state + ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BlockingIOError("Another pass is still running.") from None
        yield


def metrics_table() -> str:
    """METRICS, for people: the alarms (infra/node_alarms.py) are made from it too."""
    table = []
    for name, (unit, about, alarm) in METRICS.items():
        row: Dict[str, Any] = {"name": name, "unit": unit, "about": about}
        if alarm:
            row["alarm"] = {"when": alarm[0], "threshold": alarm[1], "seconds": alarm[2]}
        table.append(row)
    return json.dumps({"dimensions": DIMENSIONS, "metrics": table}, indent=2)


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
