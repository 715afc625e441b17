"""The MSK event source, local: reads the real Kafka and invokes a function as Lambda does."""

from sandbox.event_source.counters import Counters
from sandbox.event_source.on_failure import DeliveryError, Destination, OnFailureBucket
from sandbox.event_source.settings import EventSourceSettings, PartialRetry, ProvisionedPollers
from sandbox.event_source.source import EventSource, EventSourceError, Function

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
