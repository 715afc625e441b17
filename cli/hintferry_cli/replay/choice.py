"""Choose which of the waiting records to replay."""

from __future__ import annotations

from dataclasses import dataclass

from hintferry.core.errors import ConfigurationError, ParkReason
from hintferry.core.hint import Errand

GIVEN_UP = "given_up"
"""The reason of a record that the event source gave up: it lies in the bucket."""

UNKNOWN = "unknown"
"""The reason shown for a message of the parked queue that Hintferry did not write."""

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
    """Choose records by table and reason; no tables and no reason stand for all."""

    tables: tuple[str, ...] = ()
    reason: str | None = None

    def __post_init__(self) -> None:
        """Raise ConfigurationError for a choice that matches nothing."""
        if self.reason is not None and self.reason not in REASONS:
            raise ConfigurationError(
                f"--reason {self.reason} is not a reason; choose from {', '.join(REASONS)}"
            )

    def takes(self, table: str | None, reason: str) -> bool:
        """Return whether a record of this table, with this reason, is chosen."""
        is_chosen = not self.tables or table in self.tables
        return is_chosen and self.reason in (None, reason)
