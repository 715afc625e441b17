"""The requests that a session may make of its client's connection."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from keyspaces_local.responses import Response

Awaiting = Callable[[Response], bytes]
"""Takes an awaited response frame, gives the frame for the client."""


class Metered(Protocol):
    """Take note of the length of an answer's body."""

    def add(self, size: int) -> None: ...


class Client(Protocol):
    """`awaited` and `metered` say, by stream, who wants to see or to measure an answer."""

    awaited: dict[int, Awaiting]
    metered: dict[int, Metered]

    def deliver(self, data: bytes) -> None:
        """Sends frames to the client."""

    def answer_later(self, stream: int, result: Awaitable[bytes]) -> None:
        """Answers with a RESULT of that body, or with the error that is raised."""

    def forward_later(self, stream: int, request: Awaitable[bytes]) -> None:
        """Sends the frame behind, if there is one, or answers with the error that is raised."""

    def cut(self) -> None:
        """Resets the connection."""
