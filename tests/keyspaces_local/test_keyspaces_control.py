"""Faults, capacities, meters and behaviour over the control port, as a client sees them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from keyspaces_local.cli import main
from keyspaces_local.control import Control, ControlError
from keyspaces_local.control_port import ControlPort
from keyspaces_local.faults import ErrorAnswer, Fault, FaultAction, Operation
from keyspaces_local.properties import TableSettings
from keyspaces_local.protocol import (
    INT,
    SHORT,
    VERSION,
    Consistency,
    ErrorCode,
    Opcode,
    frame,
    value,
)
from keyspaces_local.reader import Reader
from keyspaces_local.schema import Column, ColumnKind, TableSchema
from tests.keyspaces_local.wire import (
    VOID,
    Message,
    RawClient,
    Running,
    execute_body,
    read_message,
    running,
)

INSERT = "INSERT INTO ks.t (p, c, v) VALUES (?, ?, ?)"
SELECT = "SELECT v FROM ks.t WHERE p = ?"
ROW = (INT.pack(1), INT.pack(1), b"v")
ONE = Consistency.ONE


class Scene:
    """A proxy with a table, a client with two prepared statements, and its control."""

    def __init__(self, proxy: Running, client: RawClient, control: Control, table: TableSettings):
        self.proxy, self.client, self.table = proxy, client, table
        self._control = control
        self.insert = self.select = b""

    async def control(self, name: str, *given: object, **named: object) -> Any:
        return await asyncio.to_thread(getattr(self._control, name), *given, **named)

    async def write(self, *row: bytes | None) -> Message:
        return await self.client.execute(self.insert, row or ROW)

    async def read(self) -> Message:
        return await self.client.execute(self.select, ROW[:1])


def play(state: Path, case: Callable[[Scene], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(20), running(state) as proxy:
            table = proxy.add_table("t")
            types = {"p": ColumnKind.PARTITION, "c": ColumnKind.CLUSTERING, "v": ColumnKind.REGULAR}
            columns = {
                name: Column(name, kind, "blob" if name == "v" else "int")
                for name, kind in types.items()
            }
            table.schema = TableSchema(columns, ("p",), ("c",))
            port = ControlPort(proxy.endpoint.conduct, proxy.endpoint.catalog)
            server = await asyncio.start_server(port.serve, "127.0.0.1", 0)
            control = Control(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
            scene = Scene(proxy, await proxy.client(), control, table)
            scene.insert = await scene.client.prepare(INSERT)
            scene.select = await scene.client.prepare(SELECT)
            proxy.stub.received.clear()
            try:
                await case(scene)
            finally:
                server.close()

    asyncio.run(run())


def timeout_of(message: Message) -> tuple[int, int, int, int, str]:
    """code, consistency, received, needed, write type"""
    reader = Reader(message.body)
    code, _ = reader.i32(), reader.string()
    level, received, needed = reader.u16(), reader.i32(), reader.i32()
    kind = reader.string() if code == ErrorCode.WRITE_TIMEOUT else ""
    return code, level, received, needed, kind


WRITE_TIMEOUT = (ErrorCode.WRITE_TIMEOUT, 6, 0, 2, "SIMPLE")
READ_TIMEOUT = (ErrorCode.READ_TIMEOUT, 6, 0, 2, "")


def test_a_throttled_table_answers_timeouts_without_responses(tmp_path: Path) -> None:
    async def case(scene: Scene) -> None:
        await scene.control("set_capacity", "ks.t", write=2, read=1)
        answers = [await scene.write() for _ in range(3)]
        assert [m.body == VOID for m in answers] == [True, True, False]
        assert timeout_of(answers[2]) == WRITE_TIMEOUT
        reads = [await scene.read() for _ in range(2)]
        assert timeout_of(reads[1]) == READ_TIMEOUT
        assert len(scene.proxy.stub.sent(Opcode.EXECUTE)) == 3
        await scene.control("set_capacity", "ks.t", read=1)
        weak = [await scene.client.execute(scene.select, ROW[:1], ONE) for _ in range(3)]
        assert [message.body == VOID for message in weak] == [True, True, False]
        assert (await scene.control("meters"))["ks.t"].throttled == 3
        await scene.control("clear_capacity")
        assert (await scene.write()).body == VOID

    play(tmp_path, case)


def batch_body(scene: Scene, kind: int, rows: int) -> bytes:
    bound = SHORT.pack(3) + b"".join(map(value, ROW))
    entry = b"\1" + SHORT.pack(16) + scene.insert + bound
    return bytes([kind]) + SHORT.pack(rows) + entry * rows + SHORT.pack(6) + b"\0"


def test_an_unlogged_batch_is_done_in_part_and_a_logged_one_not_at_all(tmp_path: Path) -> None:
    async def case(scene: Scene) -> None:
        for kind, done in ((1, 2), (0, 0)):
            await scene.control("clear_capacity")
            await scene.control("set_capacity", "ks.t", write=2)
            scene.proxy.stub.received.clear()
            scene.table.meter.reset()
            answer = await scene.client.ask(Opcode.BATCH, batch_body(scene, kind, 5))
            assert timeout_of(answer) == WRITE_TIMEOUT
            sent = scene.proxy.stub.sent(Opcode.BATCH)
            assert [m.body for m in sent] == ([batch_body(scene, kind, done)] if done else [])
            found = (await scene.control("meters"))["ks.t"]
            assert (found.wru, found.throttled) == (done, 5 - done)
        assert (await scene.write()).body == VOID, "what the logged batch could not use is left"

    play(tmp_path, case)


def test_quotas_hold_for_a_partition_and_a_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("keyspaces_local.admission.monotonic", lambda: clock[0])

    async def flood(scene: Scene, rows: int, partitions: int) -> int:
        frames = b"".join(
            frame(
                n, Opcode.EXECUTE,
                execute_body(scene.insert, (INT.pack(n % partitions), *ROW[1:])), VERSION,
            )
            for n in range(rows)
        )  # fmt: skip
        scene.client.writer.write(frames)
        answers = [await read_message(scene.client.reader) for _ in range(rows)]
        return sum(message.body == VOID for message in answers)

    async def case(scene: Scene) -> None:
        assert await flood(scene, 1100, 1) == 1100
        await scene.control("behave", quotas=True)
        assert await flood(scene, 1100, 1) == 1000
        clock[0] += 1
        assert await flood(scene, 3100, 1000) == 3000

    play(tmp_path, case)


def test_each_subquery_counts_for_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keyspaces_local.admission.monotonic", lambda: 1000.0)

    async def case(scene: Scene) -> None:
        await scene.control("behave", quotas=True)
        read = await scene.client.prepare("SELECT v FROM ks.t WHERE p IN ?")
        hundred = [INT.pack(100) + value(INT.pack(1)) * 100]
        answers = [await scene.client.execute(read, hundred) for _ in range(31)]
        assert [message.body == VOID for message in answers] == [True] * 30 + [False]

    play(tmp_path, case)


def test_faults_refuse_delay_drop_and_cut(tmp_path: Path) -> None:
    async def case(scene: Scene) -> None:
        sent = scene.proxy.stub
        writes = Operation.WRITE
        await scene.control("add_fault", Fault(FaultAction.REFUSE, operation=writes))
        assert timeout_of(await scene.write()) == WRITE_TIMEOUT
        assert (await scene.read()).body == VOID
        await scene.control("clear_faults")

        error = Fault(FaultAction.REFUSE, table="ks.t", answer=ErrorAnswer.SERVER_ERROR)
        await scene.control("add_fault", error)
        assert (await scene.read()).error[0] == ErrorCode.SERVER_ERROR
        await scene.control("clear_faults", (await scene.control("faults"))[0].number)

        sent.received.clear()
        number = await scene.control("add_fault", Fault(FaultAction.DELAY, seconds=0.2))
        for request in (scene.write, scene.read):
            began = time.monotonic()
            assert (await request()).body == VOID
            assert time.monotonic() - began > 0.19
        (counted,) = await scene.control("faults")
        assert (counted.number, counted.met, counted.fired) == (number, 2, 2)
        await scene.control("clear_faults")

        sent.received.clear()
        await scene.control("add_fault", Fault(FaultAction.DROP_ANSWER))
        body = execute_body(scene.insert, ROW)
        scene.client.writer.write(frame(9, Opcode.EXECUTE, body, VERSION))
        await scene.control("clear_faults")
        assert (await scene.write()).stream == 1
        assert len(sent.sent(Opcode.EXECUTE)) == 2, "the dropped one was done"

        await scene.control("add_fault", Fault(FaultAction.CUT))
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await scene.write()
        assert len(sent.sent(Opcode.EXECUTE)) == 2

    play(tmp_path, case)


@pytest.mark.parametrize("operation", ["write", "read"])
def test_a_connection_can_be_cut_once_the_request_is_done(tmp_path: Path, operation: str) -> None:
    async def case(scene: Scene) -> None:
        await scene.control("add_fault", Fault(FaultAction.CUT_AFTER))
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await (scene.write() if operation == "write" else scene.read())
        assert len(scene.proxy.stub.sent(Opcode.EXECUTE)) == 1

    play(tmp_path, case)


def test_a_fault_meets_batches_and_texts_and_no_system_table(tmp_path: Path) -> None:
    async def case(scene: Scene) -> None:
        await scene.control("add_fault", Fault(FaultAction.REFUSE))
        insert = "INSERT INTO ks.t (p, c, v) VALUES (1, 1, 0x00)"
        for message in (
            await scene.client.ask(Opcode.BATCH, batch_body(scene, 1, 2)),
            await scene.client.query(insert),
            await scene.client.query(f"BEGIN BATCH {insert} APPLY BATCH"),
        ):
            assert timeout_of(message) == WRITE_TIMEOUT
        assert timeout_of(await scene.client.query("SELECT v FROM ks.t")) == READ_TIMEOUT
        assert (await scene.client.query("SELECT * FROM system.local")).opcode == Opcode.RESULT

    play(tmp_path, case)


def test_units_are_metered_for_each_table(tmp_path: Path) -> None:
    async def case(scene: Scene) -> None:
        await scene.write()
        await scene.write(INT.pack(1), INT.pack(1), bytes(5000))
        await scene.client.ask(Opcode.BATCH, batch_body(scene, 1, 3))
        await scene.client.ask(Opcode.BATCH, batch_body(scene, 0, 3))
        await scene.client.query("INSERT INTO ks.t (p, c, v) VALUES (1, 1, 0x00)")
        await scene.read()
        await scene.client.execute(scene.select, ROW[:1], ONE)
        found = (await scene.control("meters"))["ks.t"]
        assert (found.writes, found.wru) == (9, 1 + 5 + 3 + 2 * 3 + 1)
        assert (found.reads, found.rru, found.throttled) == (2, 1.5, 0)
        await scene.control("reset_meters")
        assert (await scene.control("meters"))["ks.t"].wru == 0

    play(tmp_path, case)


def test_a_condition_on_an_expiring_table_costs_a_read(tmp_path: Path) -> None:
    async def case(scene: Scene) -> None:
        on = {"status": "enabled"}
        for properties, reads in (({}, 0), ({"ttl": on}, 1),
                                  ({"ttl": on, "client_side_timestamps": on}, 0)):  # fmt: skip
            scene.table.properties = properties
            scene.table.meter.reset()
            await scene.client.query("INSERT INTO ks.t (p, c) VALUES (1, 1) IF NOT EXISTS")
            found = (await scene.control("meters"))["ks.t"]
            assert (found.wru, found.reads, found.rru) == (1, 0, reads)

    play(tmp_path, case)


def test_too_large_a_write_is_refused_however_it_comes(tmp_path: Path) -> None:
    async def case(scene: Scene) -> None:
        big = (*ROW[:2], bytes(1_048_576))
        insert = f"INSERT INTO ks.t (p, c, v) VALUES (1, 1, 0x{'a' * 2_097_152})"
        bound = SHORT.pack(3) + b"".join(map(value, big))
        entry = b"\1" + SHORT.pack(16) + scene.insert + bound
        batch = b"\1" + SHORT.pack(1) + entry + SHORT.pack(6) + b"\0"
        for message in (
            await scene.write(*big),
            await scene.client.ask(Opcode.BATCH, batch),
            await scene.client.query(insert),
        ):
            assert message.error[0] == ErrorCode.INVALID
            assert "encoded size of the row" in message.error[1]
        assert scene.table.meter.writes == 0

    play(tmp_path, case)


def test_a_silent_connection_is_cut_when_it_speaks_again(tmp_path: Path) -> None:
    async def case(scene: Scene) -> None:
        await scene.control("behave", idle_seconds=1.2)
        for _ in range(5):
            await asyncio.sleep(0.3)
            assert (await scene.write()).body == VOID
        await asyncio.sleep(1.4)
        assert not scene.client.reader.at_eof(), "nothing is heard of it before"
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await scene.write()
        again = await scene.proxy.client()
        assert (await again.query("SELECT v FROM ks.t")).body == VOID

    play(tmp_path, case)


def test_reset_brings_back_the_start(tmp_path: Path) -> None:
    async def case(scene: Scene) -> None:
        start = await scene.control("behaviour")
        await scene.control("set_capacity", "ks.t", write=1)
        await scene.control("add_fault", Fault(FaultAction.REFUSE))
        changed = await scene.control("behave", quotas=True, ddl_seconds=3)
        assert (changed.quotas, changed.ddl_seconds) == (True, 3)
        assert scene.proxy.endpoint.conduct.gated
        await scene.control("reset")
        assert await scene.control("behaviour") == start
        assert not scene.proxy.endpoint.conduct.gated

    play(tmp_path, case)


@pytest.mark.parametrize(
    ("name", "given", "named", "words"),
    [
        ("set_capacity", ("ks.none",), {"write": 1}, "no table ks.none"),
        ("set_capacity", ("ks.t",), {"write": -1}, "above 0"),
        ("behave", (), {"wibble": 1}, "has the fields"),
        ("behave", (), {"quotas": 3}, "true or false"),
        ("clear_faults", (7,), {}, "no fault has the number 7"),
    ],
)
def test_wrong_requests_are_explained(
    tmp_path: Path, name: str, given: tuple[object, ...], named: dict[str, object], words: str
) -> None:
    async def case(scene: Scene) -> None:
        with pytest.raises(ControlError, match=words):
            await scene.control(name, *given, **named)

    play(tmp_path, case)


@pytest.mark.parametrize(
    "request_",
    [b"wibble\r\n\r\n", b"GET /nothing HTTP/1.1\r\n\r\n",
     b"PUT /behaviour HTTP/1.1\r\nContent-Length: 3\r\n\r\n{}}",
     b"PUT /behaviour HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_request_gets_an_error(tmp_path: Path, request_: bytes) -> None:
    async def case(scene: Scene) -> None:
        port = int(scene._control.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_)
        assert (await reader.read()).startswith(b"HTTP/1.1 40")
        writer.close()

    play(tmp_path, case)


def test_a_control_port_that_is_not_there_is_named() -> None:
    with pytest.raises(ControlError, match="does not answer"):
        Control("http://127.0.0.1:1").meters()


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--control", "192.0.2.1:9143"], "loopback only"),
        (["--control", "nowhere:9143"], "no IP address"),
        (["--peer", "somewhere"], "no IP address"),
    ],
)
def test_only_addresses_are_taken(
    option: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--listen", "127.0.0.1:1", "--backend", "a:1", "--state", "s", *option])
    assert words in capsys.readouterr().err
