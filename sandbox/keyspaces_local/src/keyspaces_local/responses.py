"""One response frame that somebody awaits, with its parts found. Knows no rule."""

from dataclasses import dataclass

from keyspaces_local.admin import strip_flagged
from keyspaces_local.protocol import HEADER, HEADER_SIZE, INT, Opcode


@dataclass(frozen=True, slots=True)
class Response:
    """`body` is without the tracing id and warnings that may precede it in `frame`."""

    frame: bytes
    stream: int
    opcode: int
    body: bytes

    @classmethod
    def of(cls, frame: bytes) -> "Response":
        _, flags, stream, opcode, _ = HEADER.unpack_from(frame)
        body = frame[HEADER_SIZE:]
        return cls(frame, stream, opcode, strip_flagged(body, flags) if flags else body)

    @property
    def kind(self) -> int:
        """The kind of a RESULT; 0 for any other message."""
        return int(INT.unpack_from(self.body)[0]) if self.opcode == Opcode.RESULT else 0
