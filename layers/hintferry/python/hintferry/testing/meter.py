"""A meter that remembers what was reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from hintferry.core.hint import Hint, Record
from hintferry.core.outcome import Outcome, Settled


class RecordingMeter:
    """Counts batches, records and outcomes."""

    def __init__(self) -> None:
        self.batches = 0
        self.records = 0
        self.conservation_failures = self.unvalidated_keys = 0
        self.outcomes: Counter[Outcome] = Counter()

    def batch(
        self, records: Sequence[Record], hints: Mapping[int, Hint], ends: Sequence[Settled]
    ) -> None:
        """One finished batch."""
        self.batches += 1
        self.records += len(records)
        self.outcomes.update(end.outcome for end in ends)

    def unvalidated(self, count: int) -> None:
        """Settled keys whose validation the replay queue did not take."""
        self.unvalidated_keys += count

    def conservation_failed(self) -> None:
        """The books of a batch do not add up."""
        self.conservation_failures += 1
