"""Which of the waiting records are meant."""

from __future__ import annotations

from dataclasses import dataclass

from hintferry.core.errors import ConfigurationError, ParkReason
from hintferry.core.hint import Errand

GIVEN_UP = "given_up"
"""The reason of a record that the event source gave up: it lies in the bucket."""

UNKNOWN = "unknown"
"""The reason shown for a message of the parked queue that is not ours."""

REASONS = (
    *(reason.value for reason in ParkReason),
    Errand.SECOND_LOOK.value,
    Errand.CONTINUATION.value,
    Errand.REPAIR.value,
    GIVEN_UP,
    UNKNOWN,
)


@dataclass(frozen=True, slots=True)
class Choice:
    """None stands for every table, or every reason."""

    table: str | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        """Raises ConfigurationError for what can match nothing."""
        if self.reason is not None and self.reason not in REASONS:
            raise ConfigurationError(
                f"--reason {self.reason} is none; choose from {', '.join(REASONS)}"
            )
        if self.table is not None and not all(self.table.partition(".")):
            raise ConfigurationError(f"--table {self.table}: write it as keyspace.table")

    def takes(self, table: str | None, reason: str) -> bool:
        """Whether a record of this table, waiting for this reason, is meant."""
        return self.table in (None, table) and self.reason in (None, reason)
