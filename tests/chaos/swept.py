"""The sweep at the end of a run: must find what the sandbox's own comparison finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox.stack import Stack
from tests.chaos.schema import tables
from tests.sweep.command_line import Operator

_UNEQUAL = ("missing", "different", "extra")


@dataclass(frozen=True, slots=True)
class Swept:
    """What `hintferry verify` said of all tables together."""

    keys: int
    equal: int
    unequal: int
    unread: int

    def doubts(self, divergent: int) -> Iterator[str]:
        """What speaks against the sweep, where the comparison found `divergent` rows."""
        if self.keys != self.equal + self.unequal:
            yield f"the sweep saw {self.keys} keys and judged {self.equal + self.unequal}"
        if self.unread:
            yield f"the sweep could not read {self.unread} keys"
        if bool(self.unequal) is not bool(divergent):
            yield f"the sweep found {self.unequal} keys unequal, the comparison {divergent} rows"


def sweep(stack: Stack, folder: Path, keyspace: str) -> Swept:
    """Verify every table, as an operator does."""
    answers = Operator(stack, folder / "sweep").run_all(tables(keyspace), "verify").values()

    def total(*names: str) -> int:
        return sum(int(answer[name]) for answer in answers for name in names)

    return Swept(total("keys"), total("equal"), total(*_UNEQUAL), total("unread"))
