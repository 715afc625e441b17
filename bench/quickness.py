"""Set how soon a node and its capture send hints: three settings of a running sandbox."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sandbox.stack import Stack

_KNOWN_S = 60.0


@dataclass(frozen=True, slots=True)
class Quickness:
    """Milliseconds between syncs of the commit log, between looks at what was synced, and for how
    long records are collected before they are sent."""

    sync: int
    look: int
    gather: int

    def __str__(self) -> str:
        return f"{self.sync} / {self.look} / {self.gather}"

    def apply(self, stack: Stack, table: str) -> None:
        """Restart the one node and its connector with it; `table` is `keyspace.table`."""
        node, capture = stack.source_nodes[0], stack.captures[0]
        capture.stop()
        node.stop()
        properties = stack.home / f"capture-{node.host}" / "connector.properties"
        _edit(node.yaml, "commitlog_sync_period: ", f"{self.sync}ms")
        _edit(properties, "commit.log.marked.complete.poll.interval.ms=", str(self.look))
        _edit(properties, "poll.interval.ms=", str(self.gather))
        node.start()
        capture.start()
        keyspace, name = table.split(".")
        capture.wait_for_table(keyspace, name, _KNOWN_S)


SHIPPED = Quickness(100, 50, 50)
QUICKEST = Quickness(20, 10, 10)


def _edit(file: Path, key: str, value: str) -> None:
    """Put the value behind the one line that begins with this key."""
    text, count = re.subn(f"(?m)^{re.escape(key)}.*$", key + value, file.read_text())
    assert count == 1, f"{file} has {count} lines of {key}"
    file.write_text(text)
