"""List the queues and the bucket in one table: who names them how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Queues:
    """The queues and the bucket: records are parked there, and work waits there."""

    parked_queue_url: str
    replay_queue_url: str
    bucket: str


@dataclass(frozen=True, slots=True)
class Place:
    """The names of one field of `Queues`: environment variable, option, output of the stack."""

    name: str
    variable: str
    option: str
    output: str
    """The output of the stack *pipeline* that has it."""
    meaning: str


PLACES = (
    Place(
        "parked_queue_url", "HINTFERRY_PARKED_QUEUE_URL", "--parked-queue-url", "ParkedQueueUrl",
        "URL of the parked queue.",
    ),
    Place(
        "replay_queue_url", "HINTFERRY_REPLAY_QUEUE_URL", "--replay-queue-url", "ReplayQueueUrl",
        "URL of the replay queue.",
    ),
    Place("bucket", "HINTFERRY_BUCKET", "--bucket", "Bucket", "Name of the on-failure bucket."),
)  # fmt: skip
"""All of them, in the order of the fields of `Queues`."""
