"""Read segments of the commit log, as they lie in a directory."""

import contextlib
import os
import re
from typing import Dict, List, NamedTuple, Optional, Set

SEGMENT = re.compile(r"^CommitLog-(?:\d+-)?(\d+)(\.log|_cdc\.idx)$")


class Segment(NamedTuple):
    """One commit log segment in a directory; `synced` is the end of what may be read."""

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


def read_segments(directory: str, commitlog: str) -> List[Segment]:
    """Return the segments of a directory, oldest first. A file that vanishes was read: skip it."""
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
    """Return the inodes in a directory: cdc_raw holds hard links, in use under another name."""
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
    """Return the bytes of all files, as Cassandra counts them."""
    total = 0
    for name in listed(directory):
        with contextlib.suppress(FileNotFoundError):
            total += os.stat(os.path.join(directory, name)).st_size
    return total


def close(segment: Segment) -> None:
    """Close a segment in place: the connector would take a new file for a second segment."""
    with open(segment.idx or "", "r+", encoding="ascii") as idx:
        # An index that the crash cut short tells no end: then all of the log may be read.
        idx.write(f"{segment.synced or segment.size}\nCOMPLETED")
        idx.truncate()


def remove(segment: Segment) -> None:
    for path in segment.files:
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)
