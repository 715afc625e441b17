"""Pages of a read: none over 1 MB, and short or empty ones that still carry a paging state."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from keyspaces_local import requests
from keyspaces_local.behaviour import Behaviour
from keyspaces_local.faults import Fault, FaultAction
from keyspaces_local.pages import PAGE_BYTES, START
from keyspaces_local.protocol import HEADER_SIZE, INT, SHORT, Opcode, ResultKind, frame, value
from keyspaces_local.reader import Reader
from keyspaces_local.results import read_rows, row_count, without_rows
from keyspaces_local.schema import Column, ColumnKind, TableSchema
from tests.keyspaces_local.wire import Message, Running, running, text_rows

MANY, ONE = "SELECT v FROM ks.t WHERE p = 1", "SELECT v FROM ks.t WHERE p = 1 AND c = 1"
MORE_PAGES = 0x02


def asking(rows: int, state: bytes | None) -> bytes:
    """The tail of a QUERY: flags, page size, paging state."""
    return bytes([0x04 if state is None else 0x0C]) + INT.pack(rows) + (
        b"" if state is None else value(state)
    )  # fmt: skip


@dataclass
class Rows:
    """A backend's partition of so many rows of one size, served in full pages."""

    count: int
    size: int
    asked: list[int]

    def __call__(self, message: Message) -> bytes:
        reader = Reader(message.body)
        reader.long_string()
        reader.u16()
        flags, size = reader.byte(), reader.i32()
        first = int(reader.value() or b"0") if flags & 0x08 else 0
        self.asked.append(size)
        last = min(self.count, first + size)
        body = text_rows(["v"], [[f"{n:0{self.size}d}"] for n in range(first, last)])
        if last == self.count:
            return body
        flags = INT.unpack_from(body, 4)[0] | MORE_PAGES
        return body[:4] + INT.pack(flags) + body[8:12] + value(b"%d" % last) + body[12:]


def paging_state(body: bytes) -> bytes | None:
    reader = Reader(body, INT.size)
    flags, _ = reader.i32(), reader.i32()
    return reader.value() if flags & MORE_PAGES else None


async def read_pages(proxy: Running, rows: int) -> list[list[int]]:
    """The numbers of the rows of each page, until no paging state is left."""
    client, found, state = await proxy.client(), list[list[int]](), None
    for _ in range(500):
        answer = await client.query(MANY, tail=asking(rows, state))
        assert answer.opcode == Opcode.RESULT
        assert len(answer.body) <= PAGE_BYTES
        found.append([int((row[0] or b"")[-6:]) for row in read_rows(answer.body)])
        state = paging_state(answer.body)
        if state is None:
            return found
    raise AssertionError("the pages do not end")


def play(state: Path, rows: Rows, case: Callable[[Running], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(30), running(state) as proxy:
            kinds = {"p": ColumnKind.PARTITION, "c": ColumnKind.CLUSTERING, "v": ColumnKind.REGULAR}
            columns = {name: Column(name, kind, "int") for name, kind in kinds.items()}
            proxy.add_table("t").schema = TableSchema(columns, ("p",), ("c",))
            proxy.stub.answers["FROM ks.t"] = rows
            await case(proxy)

    asyncio.run(run())


def test_a_page_holds_a_megabyte(tmp_path: Path) -> None:
    rows = Rows(100, 40_000, [])

    async def case(proxy: Running) -> None:
        pages = await read_pages(proxy, 5000)
        assert [n for page in pages for n in page] == list(range(100))
        assert [len(page) for page in pages] == [26, 26, 26, 22]
        assert rows.asked == [5000, 26, 26, 26, 26], "only the first page was asked for twice"
        meter = proxy.endpoint.catalog.tables["ks", "t"].meter.strong
        assert (meter.requests, meter.units) == (4, 977)

    play(tmp_path, rows, case)


def test_client_side_timestamps_are_read_too(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        table = proxy.endpoint.catalog.tables["ks", "t"]
        await read_pages(proxy, 400)
        assert table.meter.strong.units == 2
        table.properties = {"client_side_timestamps": {"status": "enabled"}}
        table.meter.reset()
        await read_pages(proxy, 400)
        assert table.meter.strong.units == 5

    play(tmp_path, Rows(400, 10, []), case)


def test_a_row_over_the_limit_is_a_page(tmp_path: Path) -> None:
    rows = Rows(3, 1_500_000, [])

    async def case(proxy: Running) -> None:
        client = await proxy.client()
        answer = await client.query(MANY, tail=asking(100, None))
        assert (row_count(answer.body), paging_state(answer.body)) == (1, b"1")
        assert rows.asked == [100, 1]

    play(tmp_path, rows, case)


@pytest.mark.parametrize(("short", "empty"), [(1.0, 0.0), (0.0, 0.5), (0.7, 0.7)])
def test_short_and_empty_pages_lose_and_repeat_nothing(
    tmp_path: Path, short: float, empty: float
) -> None:
    async def case(proxy: Running) -> None:
        behaviour = Behaviour(short_pages=short, empty_pages=empty, page_seed=5)
        runs = []
        for _ in range(2):
            proxy.endpoint.conduct.behave(behaviour)
            pages = await read_pages(proxy, 10)
            assert [n for page in pages for n in page] == list(range(60))
            runs.append([len(page) for page in pages])
        assert runs[0] == runs[1], "the seed decides"
        assert (0 in runs[0]) is (empty > 0)
        assert (0 < min(filter(None, runs[0])) < 10) is (short > 0)

    play(tmp_path, Rows(60, 5, []), case)


def test_an_empty_first_page_leads_to_the_first_row(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        client = await proxy.client()
        proxy.endpoint.conduct.behave(Behaviour(empty_pages=0.999))
        answer = await client.query(MANY, tail=asking(10, None))
        assert (row_count(answer.body), paging_state(answer.body)) == (0, START)
        proxy.endpoint.conduct.behave(Behaviour())
        answer = await client.query(MANY, tail=asking(10, START))
        assert (row_count(answer.body), paging_state(answer.body)) == (10, b"10")

    play(tmp_path, Rows(20, 5, []), case)


def test_reads_of_one_row_and_without_pages_are_left_alone(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        client = await proxy.client()
        proxy.endpoint.conduct.behave(Behaviour(short_pages=1.0, empty_pages=0.999))
        answer = await client.query(ONE, tail=asking(10, None))
        assert row_count(answer.body) == 10
        proxy.stub.answers["FROM ks.t"] = text_rows(["v"], [["1"]] * 40)
        answer = await client.query(MANY)
        assert row_count(answer.body) == 40

    play(tmp_path, Rows(20, 5, []), case)


def test_faults_meet_pages_too(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        client = await proxy.client()
        proxy.endpoint.conduct.add_fault(Fault(FaultAction.DELAY, seconds=0.05))
        answer = await client.query(MANY, tail=asking(7, None))
        assert (row_count(answer.body), paging_state(answer.body)) == (7, b"7")

    play(tmp_path, Rows(20, 5, []), case)


@pytest.mark.parametrize("names", [False, True])
@pytest.mark.parametrize("state", [None, b"", b"state"])
def test_a_request_is_given_another_page(names: bool, state: bytes | None) -> None:
    name = SHORT.pack(1) + b"a" if names else b""
    bound = SHORT.pack(2) + name + value(b"x") + name + value(None)
    tail = b"serial and timestamp"
    flags = 0x05 | 0x40 * names | 0x08 * (state is not None)

    def request(flags: int, page: bytes) -> bytes:
        body = SHORT.pack(2) + b"id" + SHORT.pack(6) + bytes([flags]) + bound + page + tail
        return frame(9, Opcode.EXECUTE, body, 4)

    whole = request(flags, INT.pack(500) + (b"" if state is None else value(state)))
    found = requests.execute_parameters(whole, HEADER_SIZE, len(whole))
    paging = requests.paging(whole, found)
    assert paging is not None
    assert (paging.size, paging.state) == (500, state)
    changed = requests.with_paging(whole, found, paging, 3, b"other")
    assert changed == request(flags | 0x08, INT.pack(3) + value(b"other"))
    changed = requests.with_paging(whole, found, paging, 3, None)
    assert changed == request(flags & ~0x08, INT.pack(3))


def test_rows_without_metadata_can_be_taken_out() -> None:
    head = INT.pack(ResultKind.ROWS) + INT.pack(0x04) + INT.pack(1)
    body = head + INT.pack(2) + value(b"a") + value(b"b")
    assert row_count(body) == 2
    empty = without_rows(body, b"s")
    assert (row_count(empty), paging_state(empty)) == (0, b"s")
    assert without_rows(empty, b"t")[16:] == value(b"t")[4:] + INT.pack(0)


@pytest.mark.parametrize("changes", [{"short_pages": 1.1}, {"empty_pages": 1}])
def test_pages_must_come_to_an_end(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="short_pages is 0 to 1"):
        Behaviour(**changes)  # type: ignore[arg-type]
