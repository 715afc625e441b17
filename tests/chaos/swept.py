"""The sweep at the end of a run: must find what the sandbox's own comparison finds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sandbox.command_line import Operator

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


def sweep(operator: Operator, names: Sequence[str], unequal: Collection[str] = ()) -> Swept:
    """Verify every table, as an operator does before a cutover.

    Where tables are `unequal`, all at once: each of these waits before it looks again.
    """

    verify = "verify", "--consistency", "all"
    answers = (
        list(operator.run_all(names, *verify).values())
        if unequal
        else operator.run_in_turns(*verify, *names)
    )

    def total(*names: str) -> int:
        return sum(int(answer[name]) for answer in answers for name in names)

    return Swept(total("keys"), total("equal"), total(*_UNEQUAL), total("unread"))
