"""Read how far the connector sent change hints, and what it says of itself."""

import json
import os
import re
import secrets
from typing import Any, Dict, Iterator, NamedTuple, Optional, Tuple

from node.cdcguard.state import replace_file

CAPTURE_STATE = "capture_state.json"
LOSSES = "losses"


class CaptureOffset(NamedTuple):
    """The point up to which change hints were sent: of one table, or of all."""

    number: int
    position: int


def read_offsets(directory: str) -> Dict[str, CaptureOffset]:
    """Return how far each table's change hints were sent, from Debezium's properties file."""
    offsets = {}
    for table, value in offset_lines(directory):
        match = re.match(r"CommitLog-(?:\d+-)?(\d+)\.log:(\d+)$", value)
        if match:
            offsets[table] = CaptureOffset(int(match.group(1)), int(match.group(2)))
    return offsets


def read_capture(directory: str) -> Optional[Dict[str, Any]]:
    """Return the state of Hintferry's connector; None for another, which keeps no state."""
    try:
        with open(os.path.join(directory, CAPTURE_STATE), encoding="utf-8") as file:
            state: Dict[str, Any] = json.load(file)
    except FileNotFoundError:
        return None
    return state


def note_loss(directory: str) -> None:
    """Tell the connector that hints may be lost: no pass from before may count any more.

    Twin of `GuardLosses.java`, which takes each other number for a loss.
    """
    # By chance, not a count: one that began again could meet the number that was heeded last.
    replace_file(os.path.join(directory, LOSSES), str(1 + secrets.randbits(62)))


def table_name(entry: Dict[str, Any]) -> str:
    return "{keyspace}.{table}".format(**entry)


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


def rewind(directory: str, number: int) -> None:
    """Forget what was sent at or behind a segment, so that it is read again from there."""
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
