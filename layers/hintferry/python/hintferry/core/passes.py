"""Describe what is remembered of a finished pass over a whole table: the gate of cutover asks for
it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from hintferry.core.capture import Proof
from hintferry.core.schema import TableId
from hintferry.core.verdict import BackfillSums, Verdict, VerifySums

PASS_HOLDS_S = 7 * 24 * 3600.0
"""Seconds that a pass counts: as far back as the nodes' reports are searched for losses."""

PASSES_OF_S = 30 * 24 * 3600.0
"""Verify passes that began earlier are not looked at."""


VALIDATED = "validated"
"""The sum that only the record of a divergence has."""


class Verb(Enum):
    """The two kinds of pass."""

    VERIFY = "verify"
    BACKFILL = "backfill"

    @property
    def sums(self) -> VerifySums | BackfillSums:
        """Return where the results of its ranges are added up."""
        return VerifySums() if self is Verb.VERIFY else BackfillSums()


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass in which no range was left out. `began` and `ended`: epoch seconds."""

    table: TableId
    verb: Verb
    began: float
    ended: float
    at_all: bool
    """Whether every replica of the source was asked."""

    is_clean: bool
    """Whether every key was equal, or was written."""

    sums: Mapping[str, int]
    """The sums of the pass by name: those of `VerifySums` or of `BackfillSums`."""

    proof: Proof | None = None
    """The proof that the table was captured when the pass began; without one the pass does not
    count."""

    @classmethod
    def behind_fence(cls, table: TableId, upto: float) -> Pass:
        """The record that hints may have been skipped until then: no pass from before counts."""
        return cls(table, Verb.VERIFY, upto, upto, at_all=False, is_clean=False, sums={})

    @classmethod
    def of_divergence(cls, table: TableId, at: float, verdict: Verdict) -> Pass:
        """The record that validation found a key not equal: no pass from before counts."""
        sums = {verdict.value: 1, VALIDATED: 1}
        return cls(table, Verb.VERIFY, at, at, at_all=False, is_clean=False, sums=sums)

    @property
    def is_validation(self) -> bool:
        """Return whether it is such a record, and no pass."""
        return VALIDATED in self.sums

    @property
    def is_fence(self) -> bool:
        """Return whether it is such a record, and no pass."""
        return self.verb is Verb.VERIFY and not self.sums


@dataclass(frozen=True, slots=True)
class Unfenced:
    """A table whose fence was taken back, and of which no clean pass began since.

    `last`: the last verify pass since. What it found extra may be the application's.
    """

    since: float
    last: Pass | None


def last_backfill(passes: Sequence[Pass]) -> Pass | None:
    """Return the backfill that ended last, or None."""
    fillings = [one for one in passes if one.verb is Verb.BACKFILL]
    return max(fillings, key=lambda one: one.ended, default=None)


def refusal(table: TableId, found: Unfenced) -> str:
    """Return why such a table is not repaired unless a person says so, and what to do."""
    was = f"{table} was cut over, and taken back"
    if found.last is None:
        return (
            f"{was}: a repair deletes what the application wrote to the target meanwhile; count it"
            f" first: `hintferry verify {table}`"
        )
    extra, different = (found.last.sums.get(name, 0) for name in ("extra", "different"))
    return (
        f"{was}: by the last pass a repair would delete {extra:,} rows of the target and overwrite"
        f" {different:,}, which the application may have written; if it did not, or if that is"
        f" meant: `hintferry verify {table} --repair --yes`"
    )


def unfenced(passes: Sequence[Pass]) -> Unfenced | None:
    """Return how it stands with a table by its passes, the one that began last first."""
    last: Pass | None = None
    for one in passes:
        if one.is_fence:
            return Unfenced(one.began, last)
        if one.verb is Verb.VERIFY and one.is_clean:
            return None
        if one.verb is Verb.VERIFY and not one.is_validation:
            last = last or one
    return None
