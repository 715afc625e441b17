"""A cursor over a frame's body. Owns bounds checking; knows no message."""

from keyspaces_local.protocol import INT, LONG, SHORT, Buffer, ProtocolError


class Reader:
    """Reads primitive values in order; running past the end is a `ProtocolError`."""

    __slots__ = ("data", "end", "position")

    def __init__(self, data: Buffer, position: int = 0, end: int | None = None) -> None:
        self.data = data
        self.position = position
        self.end = len(data) if end is None else end

    def take(self, size: int) -> bytes:
        start, stop = self.position, self.position + size
        if size < 0 or stop > self.end:
            raise ProtocolError("The frame ends inside a value")
        self.position = stop
        return bytes(self.data[start:stop])

    def skip(self, size: int) -> None:
        if size < 0 or self.position + size > self.end:
            raise ProtocolError("The frame ends inside a value")
        self.position += size

    def byte(self) -> int:
        return self.take(1)[0]

    def u16(self) -> int:
        return int(SHORT.unpack(self.take(2))[0])

    def i32(self) -> int:
        return int(INT.unpack(self.take(4))[0])

    def i64(self) -> int:
        return int(LONG.unpack(self.take(8))[0])

    def string(self) -> str:
        return self._text(self.take(self.u16()))

    def long_string(self) -> str:
        return self._text(self.take(self.i32()))

    def short_bytes(self) -> bytes:
        return self.take(self.u16())

    def value(self) -> bytes | None:
        """A [value]: None for null (-1) and for not set (-2)."""
        size = self.i32()
        return None if size < 0 else self.take(size)

    def skip_value(self) -> None:
        size = self.i32()
        if size > 0:
            self.skip(size)

    def string_list(self) -> list[str]:
        return [self.string() for _ in range(self.u16())]

    def string_map(self) -> dict[str, str]:
        return {self.string(): self.string() for _ in range(self.u16())}

    @staticmethod
    def _text(data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise ProtocolError("A string of the frame is not UTF-8") from error
