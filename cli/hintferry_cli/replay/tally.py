"""Count what became of the records, by the reason for which they waited."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

LONGEST_LIST = 5
"""The most different errors that are kept; the rest are only counted."""


@dataclass(slots=True)
class Counts:
    """The counts of the records of one reason."""

    sent: int = 0
    left: int = 0
    failed: int = 0


@dataclass(slots=True)
class Tally:
    """The counts while the command runs. `unfinished` says why it ended early."""

    by_reason: dict[str, Counts] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    unfinished: str | None = None

    def sent(self, reason: str) -> None:
        """Count one record that is in the replay queue, or would be."""
        self._of(reason).sent += 1

    def left(self, reason: str) -> None:
        """Count one record that was not chosen, and stays where it is."""
        self._of(reason).left += 1

    def failed(self, reason: str, error: str) -> None:
        """Count one record that was chosen, and stays where it is."""
        self._of(reason).failed += 1
        if error in self.errors or len(self.errors) < LONGEST_LIST:
            self.errors[error] += 1

    @property
    def total(self) -> Counts:
        """Return the counts over all reasons."""
        counts = self.by_reason.values()
        return Counts(
            sum(one.sent for one in counts),
            sum(one.left for one in counts),
            sum(one.failed for one in counts),
        )

    @property
    def looked_at(self) -> int:
        """Return how many records were seen so far."""
        total = self.total
        return total.sent + total.left + total.failed

    def _of(self, reason: str) -> Counts:
        return self.by_reason.setdefault(reason, Counts())
