"""The parameters of an event source mapping, with the service's ranges and defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

HIDDEN_RETRIES = 10
"""The service's retries when endless ones are asked and there is an on-failure destination."""

INVOCATIONS_A_POLLER = 5

_DEFAULT_WINDOW_S = 0.5
_MOST_PARTITIONS = 2000


class PartialRetry(Enum):
    """Records that come again after a partial failure: the service does not say, so both."""

    FAILED_ONLY = "failed only"
    FROM_FIRST_FAILED = "from the first failed record of each partition on"


@dataclass(frozen=True, slots=True)
class ProvisionedPollers:
    """ProvisionedPollerConfig; there are never more pollers than partitions."""

    minimum: int = 1
    maximum: int = 200

    def __post_init__(self) -> None:
        _check("MinimumPollers", self.minimum, 1, 200)
        _check("MaximumPollers", self.maximum, self.minimum, _MOST_PARTITIONS)

    def count(self, partitions: int) -> int:
        """Return the number of pollers that keeps every partition busy, within the limits."""
        wanted = -(-partitions // INVOCATIONS_A_POLLER)
        return max(1, min(max(wanted, self.minimum), self.maximum, partitions))


@dataclass(frozen=True, slots=True)
class EventSourceSettings:
    """Settings of an event source: how batches are cut, and what happens to those that fail.

    Raises ValueError for what the service would refuse.
    """

    batch_size: int = 100
    window_s: float = _DEFAULT_WINDOW_S
    """a batch that is not full leaves when its oldest record is this old; whole seconds"""
    maximum_retry_attempts: int = -1
    """-1: endless, but see `retry_limit`"""
    concurrency: int = 5
    """invocations at a time, as the function's reserved concurrency bounds them"""
    retry_backoff_s: float = 0.2
    """pause before the first retry; doubles up to `retry_backoff_cap_s`"""
    retry_backoff_cap_s: float = 10.0
    maximum_record_age_s: int = -1
    """-1: any age; counted from the record's own timestamp"""
    bisect_batch_on_function_error: bool = False
    report_batch_item_failures: bool = True
    """without it the function's answer means nothing: every batch that returns is a success"""
    partial_retry: PartialRetry = PartialRetry.FAILED_ONLY
    omit_null: bool = False
    """a null key or value is left out of the event, instead of shown as null: both were seen"""
    pollers: ProvisionedPollers | None = field(default_factory=ProvisionedPollers)
    """None: on-demand mode, which has none of the controls of errors"""

    def __post_init__(self) -> None:
        _check("BatchSize", self.batch_size, 1, 10_000)
        _check("MaximumBatchingWindowInSeconds", self.window_s, 0, 300)
        if self.window_s % 1 and self.window_s != _DEFAULT_WINDOW_S:
            raise ValueError(
                f"MaximumBatchingWindowInSeconds is {self.window_s}, which is neither whole seconds"
                f" nor the default of {_DEFAULT_WINDOW_S}"
            )
        _check("MaximumRetryAttempts", self.maximum_retry_attempts, -1, 10_000)
        if self.maximum_record_age_s != -1:
            _check("MaximumRecordAgeInSeconds", self.maximum_record_age_s, 60, 604_800)
        if self.pollers is None and self._controls_errors:
            raise ValueError(
                "retry attempts, record age, bisect and partial responses need ProvisionedPollers"
            )

    @property
    def _controls_errors(self) -> bool:
        return (
            self.maximum_retry_attempts != -1
            or self.maximum_record_age_s != -1
            or self.bisect_batch_on_function_error
            or self.report_batch_item_failures
        )

    def backoff_s(self, attempt: int) -> float:
        """The pause after attempt number `attempt`, counted from 0."""
        return min(self.retry_backoff_s * 2.0 ** min(attempt, 30), self.retry_backoff_cap_s)

    def retry_limit(self, *, has_destination: bool) -> int:
        """The retries after the first attempt that are really made; -1 is endless."""
        if has_destination and self.maximum_retry_attempts == -1:
            return HIDDEN_RETRIES
        return self.maximum_retry_attempts

    def poller_count(self, partitions: int) -> int:
        """Return how many pollers share `partitions`; on-demand mode sets no limits."""
        return (self.pollers or ProvisionedPollers(1, _MOST_PARTITIONS)).count(partitions)


def _check(name: str, value: float, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name} is {value}, which is not within {least} to {most}")
