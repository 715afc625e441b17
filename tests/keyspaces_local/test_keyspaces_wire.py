"""The proxy on the wire: handshake, forwarding, refusals, loss of either side."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from keyspaces_local import sigv4
from keyspaces_local.admin import Address
from keyspaces_local.catalog import Catalog
from keyspaces_local.protocol import (
    HEADER,
    INT,
    LONG,
    SHORT,
    VERSION,
    Consistency,
    ErrorCode,
    Opcode,
    ResultKind,
    frame,
    long_string,
    string,
    string_list,
    string_map,
    value,
)
from keyspaces_local.reader import Reader
from keyspaces_local.results import read_rows
from keyspaces_local.sigv4 import AcceptedKey
from keyspaces_local.writes import now_us
from tests.keyspaces_local.wire import (
    VOID,
    Running,
    execute_body,
    read_message,
    running,
    text_rows,
)

Case = Callable[[Running], Awaitable[None]]


def run(case: Case, state: Path) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), running(state) as proxy:
            await case(proxy)

    asyncio.run(main())


def test_login_and_a_query_pass(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        proxy.add_table("t")
        client = await proxy.client()
        assert (await client.query("SELECT a FROM ks.t")).body == VOID

    run(case, tmp_path)


@pytest.mark.parametrize("version", [1, 3, 5, 0x41, 0x42])
def test_other_protocol_versions_are_refused_so_that_drivers_step_down(
    tmp_path: Path, version: int
) -> None:
    async def case(proxy: Running) -> None:
        client = await proxy.connect()
        client.writer.write(frame(7, Opcode.OPTIONS, b"", version))
        message = await read_message(client.reader)
        code, text = message.error
        assert (code, message.stream) == (ErrorCode.PROTOCOL_ERROR, 7)
        assert "unsupported protocol version" in text
        assert text.endswith("supported version is 4")
        assert await client.at_end()

    run(case, tmp_path)


def test_options_offer_no_compression(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        client = await proxy.connect()
        body = (await client.ask(Opcode.OPTIONS)).body
        reader = Reader(body)
        offered = {reader.string(): reader.string_list() for _ in range(reader.u16())}
        assert offered == {"CQL_VERSION": ["3.4.4"], "COMPRESSION": []}
        asked = string_map({"CQL_VERSION": "3.0.0", "COMPRESSION": "lz4"})
        assert (await client.ask(Opcode.STARTUP, asked)).error[0] == ErrorCode.PROTOCOL_ERROR

    run(case, tmp_path)


@pytest.mark.parametrize("opcode", [Opcode.QUERY, Opcode.AUTH_RESPONSE, Opcode.READY])
def test_nothing_but_a_login_comes_first(tmp_path: Path, opcode: Opcode) -> None:
    async def case(proxy: Running) -> None:
        client = await proxy.connect()
        message = await client.ask(opcode, long_string("SELECT a FROM ks.t"))
        assert message.error[0] == ErrorCode.PROTOCOL_ERROR
        assert await client.at_end()
        assert proxy.stub.received == []

    run(case, tmp_path)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (AcceptedKey("AKIAWRONG", "secret"), "AKIAWRONG is not known"),
        (None, "signature does not match"),
    ],
)
def test_a_wrong_login_is_refused_and_cut(
    tmp_path: Path, key: AcceptedKey | None, words: str
) -> None:
    async def case(proxy: Running) -> None:
        from keyspaces_local import credentials

        known = credentials.load(proxy.settings.state).key
        client = await proxy.connect()
        message = await client.login(key or AcceptedKey(known.access_key_id, "wrong"))
        code, text = message.error
        assert code == ErrorCode.BAD_CREDENTIALS
        assert words in text
        assert await client.at_end()

    run(case, tmp_path)


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (b"\0user\0password", "username user and/or password are incorrect"),
        (b"GSSAPI", "neither SigV4 nor a user name and password"),
        (b"", "neither SigV4 nor a user name and password"),
    ],
)
def test_other_ways_to_log_in_are_refused(tmp_path: Path, token: bytes, words: str) -> None:
    async def case(proxy: Running) -> None:
        client = await proxy.connect()
        await client.start()
        message = await client.ask(Opcode.AUTH_RESPONSE, value(token))
        code, text = message.error
        assert code == ErrorCode.BAD_CREDENTIALS
        assert words in text
        assert await client.at_end()

    run(case, tmp_path)


@pytest.mark.parametrize(("minutes", "allowed"), [(14, True), (16, False), (-16, False)])
def test_a_login_with_another_date_is_refused(tmp_path: Path, minutes: int, allowed: bool) -> None:
    async def case(proxy: Running) -> None:
        from keyspaces_local import credentials

        client = await proxy.connect()
        key = credentials.load(proxy.settings.state).key
        message = await client.login(key, age=timedelta(minutes=minutes))
        if allowed:
            assert message.opcode == Opcode.AUTH_SUCCESS
            return
        code, text = message.error
        assert code == ErrorCode.BAD_CREDENTIALS
        assert "more than 15 minutes away" in text
        assert await client.at_end()

    run(case, tmp_path)


def test_an_answer_cannot_be_replayed_on_another_connection(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        from keyspaces_local import credentials
        from tests.keyspaces_local.wire import answer

        key = credentials.load(proxy.settings.state).key
        first, second = await proxy.connect(), await proxy.connect()
        nonces = []
        for client in (first, second):
            await client.start()
            initial = value(sigv4.INITIAL_RESPONSE)
            challenge = await client.ask(Opcode.AUTH_RESPONSE, initial)
            nonces.append((Reader(challenge.body).value() or b"").removeprefix(b"nonce="))
        seen = value(answer(key, nonces[0]))
        assert (await first.ask(Opcode.AUTH_RESPONSE, seen)).opcode == Opcode.AUTH_SUCCESS
        refused = await second.ask(Opcode.AUTH_RESPONSE, seen)
        assert refused.error[0] == ErrorCode.BAD_CREDENTIALS

    run(case, tmp_path)


def test_requests_are_forwarded_byte_for_byte_however_they_are_cut(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        proxy.add_table("t")
        client = await proxy.client()
        body = long_string("SELECT a FROM ks.t") + SHORT.pack(6) + b"\0"
        frames = b"".join(frame(n, Opcode.QUERY, body, VERSION) for n in range(20))
        for start in range(0, len(frames), 7):
            client.writer.write(frames[start : start + 7])
            await client.writer.drain()
            await asyncio.sleep(0)
        answers = [await read_message(client.reader) for _ in range(20)]
        assert [message.stream for message in answers] == list(range(20))
        assert [m.body for m in proxy.stub.sent(Opcode.QUERY)] == [body] * 20

    run(case, tmp_path)


def test_a_refusal_between_two_requests_lets_both_pass(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        proxy.add_table("t")
        client = await proxy.client()
        good = long_string("SELECT a FROM ks.t") + SHORT.pack(6) + b"\0"
        bad = long_string("TRUNCATE ks.t") + SHORT.pack(6) + b"\0"
        client.writer.write(
            frame(1, Opcode.QUERY, good, VERSION)
            + frame(2, Opcode.QUERY, bad, VERSION)
            + frame(3, Opcode.QUERY, good, VERSION)
        )
        answers = {m.stream: m for m in [await read_message(client.reader) for _ in range(3)]}
        assert answers[2].error == (ErrorCode.INVALID, "TRUNCATE is not yet supported.")
        assert answers[1].body == answers[3].body == VOID
        assert len(proxy.stub.sent(Opcode.QUERY)) == 2

    run(case, tmp_path)


@pytest.mark.parametrize("level", [c for c in Consistency if c is not Consistency.LOCAL_QUORUM])
def test_writes_pass_at_local_quorum_only(tmp_path: Path, level: Consistency) -> None:
    insert = "INSERT INTO ks.t (a) VALUES (1)"

    async def case(proxy: Running) -> None:
        proxy.add_table("t")
        client = await proxy.client()
        prepared = await client.prepare(insert)
        batch = b"\0" + SHORT.pack(1) + b"\1" + SHORT.pack(16) + prepared + SHORT.pack(0)
        refused = [
            await client.query(insert, level),
            await client.execute(prepared, level=level),
            await client.ask(Opcode.BATCH, batch + SHORT.pack(level) + b"\0"),
            await client.query(f"BEGIN BATCH {insert} APPLY BATCH", level),
        ]
        text = (
            f"Consistency level {level.name} is not supported for this operation. "
            "Supported consistency levels are: LOCAL_QUORUM"
        )
        assert [message.error for message in refused] == [(ErrorCode.INVALID, text)] * 4
        passed = [
            await client.query(insert),
            await client.execute(prepared),
            await client.ask(Opcode.BATCH, batch + SHORT.pack(Consistency.LOCAL_QUORUM) + b"\0"),
        ]
        assert [message.body for message in passed] == [VOID] * 3

    run(case, tmp_path)


@pytest.mark.parametrize("level", list(Consistency))
def test_reads_pass_at_three_levels(tmp_path: Path, level: Consistency) -> None:
    async def case(proxy: Running) -> None:
        proxy.add_table("t")
        client = await proxy.client()
        prepared = await client.prepare("SELECT a FROM ks.t")
        for message in (
            await client.query("SELECT a FROM ks.t", level),
            await client.execute(prepared, level=level),
        ):
            if level.name in ("ONE", "LOCAL_ONE", "LOCAL_QUORUM"):
                assert message.body == VOID
            else:
                assert message.error[0] == ErrorCode.INVALID

    run(case, tmp_path)


def test_an_unknown_prepared_id_is_asked_for_again(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        client = await proxy.client()
        message = await client.execute(b"x" * 16)
        assert message.error[0] == ErrorCode.UNPREPARED
        assert message.body.endswith(SHORT.pack(16) + b"x" * 16)
        assert proxy.stub.sent(Opcode.EXECUTE) == []

    run(case, tmp_path)


def test_a_driver_time_counts_only_on_tables_with_client_side_timestamps(tmp_path: Path) -> None:
    insert = "INSERT INTO ks.{} (a) VALUES (?)"

    async def case(proxy: Running) -> None:
        proxy.add_table("plain")
        proxy.add_table("timed", client_side_timestamps=True)
        client = await proxy.client()
        sent = now_us() - 5_000_000
        for table in ("plain", "timed"):
            prepared = await client.prepare(insert.format(table))
            assert (await client.execute(prepared, [b"v"], default_time=sent)).body == VOID
        plain, timed = (LONG.unpack(m.body[-8:])[0] for m in proxy.stub.sent(Opcode.EXECUTE))
        assert timed == sent
        assert abs(plain - now_us()) < 3_000_000
        late = await client.execute(prepared, [b"v"], default_time=sent + 400_000_000)
        assert "outside the allowed range" in late.error[1]

    run(case, tmp_path)


def test_bound_write_times_keep_to_the_window(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        proxy.add_table("t", client_side_timestamps=True)
        client = await proxy.client()
        prepared = await client.prepare("UPDATE ks.t USING TIMESTAMP ? SET b = ? WHERE a = ?")
        batch = b"\1" + SHORT.pack(1) + b"\1" + SHORT.pack(16) + prepared
        for offset, allowed in ((0, True), (-47, True), (-49, False), (1, False)):
            moment = LONG.pack(now_us() + offset * 3_600_000_000)
            values = [moment, b"v", b"k"]
            bound = SHORT.pack(3) + b"".join(map(value, values))
            for message in (
                await client.execute(prepared, values),
                await client.ask(Opcode.BATCH, batch + bound + SHORT.pack(6) + b"\0"),
            ):
                assert (message.body == VOID) is allowed
                assert allowed or message.error[0] == ErrorCode.INVALID

    run(case, tmp_path)


def test_a_write_time_that_is_not_the_last_value_is_found(tmp_path: Path) -> None:
    """Even where the last value has its size, and where it is the last of a batch's entry."""

    async def case(proxy: Running) -> None:
        proxy.add_table("t", client_side_timestamps=True)
        client = await proxy.client()
        update = await client.prepare("UPDATE ks.t USING TIMESTAMP ? SET b = ? WHERE a = ?")
        insert = await client.prepare("INSERT INTO ks.t (a, b) VALUES (?, ?) USING TIMESTAMP ?")
        good, bad = LONG.pack(now_us()), LONG.pack(5)
        assert (await client.execute(update, [good, b"v", bad], default_time=now_us())).body == VOID
        refused = await client.execute(update, [bad, b"v", good], default_time=now_us())
        assert refused.error[0] == ErrorCode.INVALID
        for moment, allowed in ((good, True), (bad, False)):
            entries = b"".join(
                b"\1" + SHORT.pack(16) + insert + SHORT.pack(3) + b"".join(map(value, values))
                for values in ((b"k", b"v", good), (b"k", b"v", moment))
            )
            batch = b"\1" + SHORT.pack(2) + entries + SHORT.pack(6) + b"\0"
            message = await client.ask(Opcode.BATCH, batch)
            assert (message.opcode == Opcode.RESULT) is allowed
        one = "UPDATE ks.t USING TIMESTAMP ? SET b = ? WHERE a = ?"
        text, proxy.stub.fails = f"BEGIN BATCH {one} {one} APPLY BATCH", "nothing"
        for first, second, allowed in ((good, good, True), (bad, good, False), (good, bad, False)):
            values = [first, b"v", good, second, b"v", good]
            bound = b"\1" + SHORT.pack(6) + b"".join(map(value, values))
            message = await client.query(text, tail=bound)
            assert (message.opcode == Opcode.RESULT) is allowed

    run(case, tmp_path)


def test_null_values_before_a_write_time_are_passed_over(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        proxy.add_table("t", client_side_timestamps=True)
        client = await proxy.client()
        prepared = await client.prepare("INSERT INTO ks.t (a, b) VALUES (?, ?) USING TIMESTAMP ?")
        passed = await client.execute(prepared, [None, b"", LONG.pack(now_us())])
        refused = await client.execute(prepared, [None, b"", LONG.pack(5)])
        assert (passed.body, refused.error[0]) == (VOID, ErrorCode.INVALID)

    run(case, tmp_path)


def test_a_batch_frame_holds_no_ddl(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        proxy.add_table("t")
        client = await proxy.client()
        for text in ("DROP TABLE ks.t", "TRUNCATE ks.t", "SELECT a FROM ks.t", "USE ks"):
            entry = b"\0" + long_string(text) + SHORT.pack(0)
            body = b"\0" + SHORT.pack(1) + entry + SHORT.pack(6) + b"\0"
            assert (await client.ask(Opcode.BATCH, body)).opcode == Opcode.ERROR
        assert proxy.stub.sent(Opcode.BATCH) == []

    run(case, tmp_path)


def test_a_switch_counts_when_the_statement_runs(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        settings = proxy.add_table("t", ttl=True)
        client = await proxy.client()
        prepared = await client.prepare("UPDATE ks.t USING TTL ? SET b = ? WHERE a = ?")
        values = [INT.pack(5), b"v", b"k"]
        assert (await client.execute(prepared, values)).body == VOID
        settings.properties = {}
        refused = await client.execute(prepared, values)
        assert refused.error == (ErrorCode.INVALID, "TTL is not yet supported.")

    run(case, tmp_path)


def test_use_gives_unqualified_names_their_keyspace(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        proxy.add_table("t")
        proxy.stub.answers["USE"] = INT.pack(ResultKind.SET_KEYSPACE) + string("ks")
        client = await proxy.client()
        assert "No keyspace" in (await client.query("SELECT a FROM t")).error[1]
        await client.query("USE ks")
        assert (await client.query("SELECT a FROM t")).body == VOID

    run(case, tmp_path)


def test_system_local_shows_the_endpoint_and_not_the_server_behind(tmp_path: Path) -> None:
    columns = ["key", "data_center", "rpc_port", "release_version", "rack"]
    row = ["local", "dc1", "9042", "5.0.9", "r1"]

    async def case(proxy: Running) -> None:
        proxy.stub.answers["FROM system.local"] = text_rows(columns, [row])
        client = await proxy.client()
        shown = read_rows((await client.query("SELECT * FROM system.local")).body)
        assert shown == [[b"local", b"us-east-1", b"3.11.2", b"us-east-1"]]
        prepared = await client.prepare("SELECT * FROM system.local")
        await client.ask(Opcode.EXECUTE, execute_body(prepared, [])[:-1] + b"\x02")
        assert proxy.stub.sent(Opcode.EXECUTE)[0].body[-1] == 0, "metadata must come with the rows"
        proxy.stub.answers["FROM system.peers"] = text_rows(["peer", "rack"], [["p", "r"]])
        proxy.stub.answers["FROM system_schema_mcs.peers"] = text_rows(["peer"], [["shown"]])
        for text in ("SELECT * FROM system.peers", "SELECT peer FROM system.peers WHERE peer = 1"):
            assert read_rows((await client.query(text)).body) == [[b"shown"]]
        missing = await client.query("SELECT * FROM system.peers_v2")
        assert missing.error == (ErrorCode.INVALID, "unconfigured table system.peers_v2")

    run(case, tmp_path)


def test_events_about_nodes_are_not_passed_on(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        client = await proxy.client()
        wanted = string_list(["TOPOLOGY_CHANGE", "STATUS_CHANGE", "SCHEMA_CHANGE"])
        assert (await client.ask(Opcode.REGISTER, wanted)).opcode == Opcode.READY
        only = string_list(["STATUS_CHANGE"])
        assert (await client.ask(Opcode.REGISTER, only)).opcode == Opcode.READY
        registered = [m.body for m in proxy.stub.sent(Opcode.REGISTER)]
        assert registered == [string_list(["SCHEMA_CHANGE"])]

    run(case, tmp_path)


def test_tracing_and_custom_payloads_are_taken_off(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        proxy.add_table("t")
        client = await proxy.client()
        query = long_string("SELECT a FROM ks.t") + SHORT.pack(6) + b"\0"
        payload = SHORT.pack(1) + string("name") + value(b"content")
        body = payload + query
        client.writer.write(HEADER.pack(VERSION, 0x06, 3, Opcode.QUERY, len(body)) + body)
        assert (await read_message(client.reader)).body == VOID
        (message,) = proxy.stub.sent(Opcode.QUERY)
        assert (message.flags, message.body) == (0, query)

    run(case, tmp_path)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        INT.pack(500) + b"SELECT",
        long_string("SELECT a FROM ks.t"),
        INT.pack(2) + b"\xff\xff" + SHORT.pack(6) + b"\0",
    ],
)
def test_a_broken_request_ends_the_connection(tmp_path: Path, body: bytes) -> None:
    async def case(proxy: Running) -> None:
        proxy.add_table("t")
        client = await proxy.client()
        message = await client.ask(Opcode.QUERY, body)
        assert message.error[0] == ErrorCode.PROTOCOL_ERROR
        assert await client.at_end()
        assert proxy.stub.sent(Opcode.QUERY) == []

    run(case, tmp_path)


def test_a_frame_beyond_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        client = await proxy.client()
        client.writer.write(HEADER.pack(VERSION, 0, 1, Opcode.QUERY, 1 << 30))
        assert (await read_message(client.reader)).error[0] == ErrorCode.PROTOCOL_ERROR

    run(case, tmp_path)


def test_values_of_megabytes_pass_both_ways(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        proxy.add_table("t")
        big = b"x" * 3_000_000
        client = await proxy.client()
        prepared = await client.prepare("INSERT INTO ks.t (a) VALUES (?)")
        assert (await client.execute(prepared, [big])).body == VOID
        (message,) = proxy.stub.sent(Opcode.EXECUTE)
        assert message.body == execute_body(prepared, [big])
        proxy.stub.answers["FROM ks.t"] = text_rows(["a"], [["y" * 3_000_000]])
        answer = await client.query("SELECT a FROM ks.t")
        assert read_rows(answer.body) == [[b"y" * 3_000_000]]

    run(case, tmp_path)


def test_losing_the_server_behind_closes_the_client_and_a_new_one_is_told(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        proxy.add_table("t")
        client = await proxy.client()
        port = proxy.settings.backend.port
        await proxy.stub.stop()
        assert await client.at_end()
        late = await proxy.connect()
        code, text = (await late.start()).error
        assert code == ErrorCode.SERVER_ERROR
        assert "not available" in text
        await proxy.stub.start("127.0.0.1", port)
        again = await proxy.client()
        assert (await again.query("SELECT a FROM ks.t")).body == VOID
        assert (await again.query("CREATE TYPE ks.u (a int)")).body == VOID

    run(case, tmp_path)


def test_losing_the_client_closes_its_twin(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        client = await proxy.client()
        twin = proxy.stub.writers[-1]
        client.writer.close()
        async with asyncio.timeout(5):
            await twin.wait_closed()
        assert proxy.connections == set()

    run(case, tmp_path)


def test_a_login_that_is_not_finished_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keyspaces_local.connection.HANDSHAKE_TIMEOUT", 0.05)

    async def case(proxy: Running) -> None:
        client = await proxy.connect()
        assert "took too long" in (await read_message(client.reader)).error[1]
        assert await client.at_end()

    run(case, tmp_path)


def test_ddl_changes_the_record_and_tells_cassandra_the_rest(tmp_path: Path) -> None:
    created = INT.pack(ResultKind.SCHEMA_CHANGE) + b"".join(
        map(string, ("CREATED", "TABLE", "ks", "t"))
    )
    statement = (
        "CREATE TABLE ks.t (a int PRIMARY KEY) WITH comment = 'c' AND CUSTOM_PROPERTIES = "
        "{'ttl': {'status': 'enabled'}} AND TAGS = {'k': 'v'}"
    )

    async def case(proxy: Running) -> None:
        proxy.endpoint.catalog.keyspaces.add("ks")
        proxy.stub.answers["CREATE TABLE ks.t"] = created
        client = await proxy.client()
        assert (await client.query(statement, Consistency.ONE)).body == created
        texts = [Reader(m.body).long_string() for m in proxy.stub.sent(Opcode.QUERY)]
        assert "CREATE TABLE ks.t (a int PRIMARY KEY) WITH comment = 'c'" in texts
        catalog: Catalog = proxy.endpoint.catalog
        assert catalog.settings("ks", "t").ttl
        assert not catalog.settings("ks", "t").client_timestamps
        statuses = [text for text in texts if "system_schema_mcs.tables" in text]
        assert ["'CREATING'" in text for text in statuses] == [True, False]
        assert any("system_schema_mcs.tags" in text and "{'k': 'v'}" in text for text in texts)

    run(case, tmp_path)


def test_a_failed_create_leaves_no_table(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        proxy.endpoint.catalog.keyspaces.add("ks")
        client = await proxy.client()
        wrong = "CREATE TABLE ks.t (a int PRIMARY KEY) WITH CUSTOM_PROPERTIES = {'wrong': {}}"
        assert (await client.query(wrong)).error[0] == ErrorCode.INVALID
        assert proxy.endpoint.catalog.tables == {}
        assert proxy.stub.sent(Opcode.QUERY) == []

    run(case, tmp_path)


def test_a_create_that_cassandra_refuses_leaves_no_record(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        proxy.endpoint.catalog.keyspaces.add("ks")
        proxy.stub.fails = "CREATE TABLE ks.t"
        client = await proxy.client()
        message = await client.query("CREATE TABLE ks.t (a wibble PRIMARY KEY)")
        assert message.error == (ErrorCode.INVALID, "refused behind")
        texts = [Reader(m.body).long_string() for m in proxy.stub.sent(Opcode.QUERY)]
        assert "DELETE FROM system_schema_mcs.tables" in texts[-2]
        assert proxy.endpoint.catalog.tables == {}

    run(case, tmp_path)


def test_ddl_is_not_prepared(tmp_path: Path) -> None:
    async def case(proxy: Running) -> None:
        client = await proxy.client()
        body = long_string("CREATE TABLE ks.t (a int PRIMARY KEY)")
        code, text = (await client.ask(Opcode.PREPARE, body)).error
        assert code == ErrorCode.INVALID
        assert "not for CREATE TABLE" in text
        assert proxy.stub.sent(Opcode.PREPARE) == []

    run(case, tmp_path)


def test_a_missing_server_behind_is_reported_at_the_start(tmp_path: Path) -> None:
    from keyspaces_local.admin import AdminSession
    from keyspaces_local.server import Settings, StartError, open_endpoint

    nobody = Address("127.0.0.1", 1)
    settings = Settings(Address("127.0.0.1", 0), nobody, "us-east-1", tmp_path, 0.3)
    with pytest.raises(StartError, match=r"127\.0\.0\.1:1 .*check --backend"):
        asyncio.run(open_endpoint(settings, AdminSession(nobody)))
