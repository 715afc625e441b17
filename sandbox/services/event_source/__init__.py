"""The MSK event source, local: reads the real Kafka and invokes a function as Lambda does."""

from sandbox.services.event_source.counters import Counters
from sandbox.services.event_source.on_failure import DeliveryError, Destination, OnFailureBucket
from sandbox.services.event_source.settings import (
    EventSourceSettings,
    PartialRetry,
    ProvisionedPollers,
)
from sandbox.services.event_source.source import EventSource, EventSourceError, Function

__all__ = [
    "Counters",
    "DeliveryError",
    "Destination",
    "EventSource",
    "EventSourceError",
    "EventSourceSettings",
    "Function",
    "OnFailureBucket",
    "PartialRetry",
    "ProvisionedPollers",
]
