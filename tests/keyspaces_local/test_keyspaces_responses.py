"""Response bytes: cut anywhere, every frame arrives once; awaited ones are opened, rows shown."""

import asyncio
from collections.abc import Callable

from cassandra.protocol import ResultMessage
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_local.client import Metered
from keyspaces_local.protocol import INT, SHORT, Opcode, ResultKind, frame, string, value
from keyspaces_local.responses import Response
from keyspaces_local.results import View, apply_view, read_rows
from keyspaces_local.upstream import Upstream


class Sink:
    """Stands for the client's side."""

    def __init__(self) -> None:
        self.awaited: dict[int, Callable[[Response], bytes]] = {}
        self.metered: dict[int, Metered] = {}
        self.received = b""

    def deliver(self, data: bytes) -> None:
        self.received += data

    def upstream_lost(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


_FRAMES = st.lists(st.tuples(st.integers(0, 5), st.binary(max_size=40)), min_size=1, max_size=12)


@given(_FRAMES, st.sets(st.integers(0, 5)), st.data())
def test_frames_survive_any_cut(
    frames: list[tuple[int, bytes]], awaited: set[int], data: st.DataObject
) -> None:
    whole = [frame(stream, Opcode.RESULT, body) for stream, body in frames]
    expected, seen = b"", set[int]()
    for (stream, body), unchanged in zip(frames, whole, strict=True):
        opened = stream in awaited and stream not in seen
        seen.add(stream)
        expected += frame(stream, Opcode.RESULT, b"seen" + body) if opened else unchanged
    sent = b"".join(whole)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    pieces = [sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    assert asyncio.run(_received(pieces, awaited)) == expected


async def _received(pieces: list[bytes], awaited: set[int]) -> bytes:
    sink = Sink()
    for stream in awaited:
        sink.awaited[stream] = lambda r: frame(r.stream, Opcode.RESULT, b"seen" + r.body)
    upstream = Upstream(sink)
    upstream.data_received(frame(0, Opcode.READY))
    for piece in pieces:
        if piece:
            upstream.data_received(piece)
    return sink.received


def test_what_precedes_a_body_is_found() -> None:
    warned = frame(3, Opcode.RESULT, SHORT.pack(1) + string("careful") + INT.pack(1))
    response = Response.of(warned[:1] + b"\x08" + warned[2:])
    assert (response.stream, response.kind) == (3, ResultKind.VOID)


_MAP_OF_UDT = (
    SHORT.pack(0x21) + SHORT.pack(0x0D) + SHORT.pack(0x30) + string("ks") + string("u")
    + SHORT.pack(1) + string("f") + SHORT.pack(0x31) + SHORT.pack(2) + SHORT.pack(0x22)
    + SHORT.pack(0x09) + SHORT.pack(0) + string("custom.Type")
)  # fmt: skip


def rows(flags: int, specs: list[bytes], cells: list[list[bytes | None]]) -> bytes:
    table = string("system") + string("local")
    state = value(b"page") if flags & 2 else b""
    head = INT.pack(ResultKind.ROWS) + INT.pack(flags) + INT.pack(len(specs)) + state
    if flags & 1:
        head += table
    else:
        specs = [table + spec for spec in specs]
    body = b"".join(value(cell) for row in cells for cell in row)
    return head + b"".join(specs) + INT.pack(len(cells)) + body


def test_rows_are_shown_through_a_view_with_every_kind_of_column() -> None:
    text = SHORT.pack(0x0D)
    specs = [string("a") + text, string("odd") + _MAP_OF_UDT, string("b") + text]
    view = View(frozenset({"a", "b"}), {"b": b"shown"})
    for flags in (0, 1, 3):
        body = rows(flags, specs, [[b"1", b"x", b"2"], [None, None, b"4"]])
        shown = apply_view(body, view)
        assert read_rows(shown) == [[b"1", b"shown"], [None, b"shown"]]
        assert read_rows(apply_view(body, View(view.columns, {}, hide_rows=True))) == []


def test_the_driver_reads_what_a_view_made() -> None:
    text = SHORT.pack(0x0D)
    body = rows(3, [string("a") + text, string("b") + text], [[b"1", b"2"]])
    shown = apply_view(body, View(frozenset({"b"}), {"b": b"new"}))
    from io import BytesIO

    message = ResultMessage.recv_body(BytesIO(shown), 4, {}, None, None)
    assert message.column_names == ["b"]
    assert message.parsed_rows == [("new",)]
    assert message.paging_state == b"page"


def test_other_results_are_left_alone() -> None:
    body = INT.pack(ResultKind.VOID)
    assert apply_view(body, View(frozenset(), {})) == body
    assert read_rows(body) == []
