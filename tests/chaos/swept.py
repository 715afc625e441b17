"""The sweep at the end of a run: must find what the sandbox's own comparison finds."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.command_line import Operator
from sandbox.stack import Stack
from tests.chaos.schema import tables

_UNEQUAL = ("missing", "different", "extra")


@dataclass(frozen=True, slots=True)
class Swept:
    """Sums that `hintferry verify` reported over all tables."""

    keys: int
    equal: int
    unequal: int
    unread: int

    def doubts(self, divergent: int, left_behind: int) -> Iterator[str]:
        """Return what speaks against the sweep, where the comparison found so many rows unequal."""
        if self.keys != self.equal + self.unequal:
            yield f"the sweep saw {self.keys} keys and judged {self.equal + self.unequal}"
        if self.unread:
            yield f"the sweep could not read {self.unread} keys"
        if bool(self.unequal - left_behind) is not bool(divergent):
            found = divergent + left_behind
            yield f"the sweep found {self.unequal} keys unequal, the comparison {found} rows"


def sweep(stack: Stack, folder: Path, keyspace: str, repaired: Collection[str]) -> Swept:
    """Verify every table, as an operator does, and repair some."""
    operator, names = Operator(stack, folder / "sweep"), tables(keyspace)

    def verified(table: str) -> dict[str, Any]:
        return operator.run("verify", *(["--repair"] if table in repaired else []), table)

    with ThreadPoolExecutor(len(names)) as pool:
        answers = list(pool.map(verified, names))

    def total(*names: str) -> int:
        return sum(int(answer[name]) for answer in answers for name in names)

    return Swept(total("keys"), total("equal"), total(*_UNEQUAL), total("unread"))
