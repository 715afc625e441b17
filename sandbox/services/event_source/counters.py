"""Count what the event source has done, by the names of the service's metrics."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """Events are records; an event that is retried is invoked, and may fail, several times."""

    polled: int = 0
    """PolledEventCount"""
    invoked: int = 0
    """InvokedEventCount"""
    failed: int = 0
    """FailedInvokeEventCount, partial failures included"""
    dropped: int = 0
    """DroppedEventCount: given up, and no destination has them; data is lost"""
    committed: int = 0
    """CommittedEventCount"""
    in_flight: int = 0
    """records in the hands of the function, or waiting for their retry"""
    invocations: int = 0
    invoke_errors: int = 0
    """InvokeErrorCount: whole batches that failed"""
    polling_errors: int = 0
    """PollingErrorCount"""
    commit_errors: int = 0
    """CommitErrorCount"""
    delivered: int = 0
    """OnFailureDestinationDeliveredEventCount"""
    delivery_errors: int = 0
    """OnFailureDestinationDeliveryErrorCount: objects that could not be written"""

    def metrics(self) -> dict[str, int]:
        """The metrics by the service's names; those of errors only once there was one."""
        events = {
            "PolledEventCount": self.polled,
            "InvokedEventCount": self.invoked,
            "FailedInvokeEventCount": self.failed,
            "DroppedEventCount": self.dropped,
            "OnFailureDestinationDeliveredEventCount": self.delivered,
            "CommittedEventCount": self.committed,
        }
        errors = {
            "PollingErrorCount": self.polling_errors,
            "InvokeErrorCount": self.invoke_errors,
            "OnFailureDestinationDeliveryErrorCount": self.delivery_errors,
            "CommitErrorCount": self.commit_errors,
        }
        return events | {name: count for name, count in errors.items() if count}
