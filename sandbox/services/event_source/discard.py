"""Records that the event source gives up, and why. Pure values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sandbox.services.event_source.batch import Batch


class DiscardReason(Enum):
    """The reasons why records are given up, in the words of the on-failure record."""

    RETRIES = "RetryAttemptsExhausted"
    SIZE = "MaximumPayloadSizeExceeded"
    AGE = "RecordAgeExceeded"


@dataclass(frozen=True, slots=True)
class Discard:
    """A batch that will not be given to the function (again).

    `request_id` is that of its last invocation, empty if it never had one. `function_error` says
    whether that ended with an error, and not with an answer that named failures.
    """

    condition: DiscardReason
    batch: Batch
    request_id: str = ""
    function_error: bool = False
