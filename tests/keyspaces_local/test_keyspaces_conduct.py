"""Test what the control port does, through the public driver. Not for the real service."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from cassandra import AuthenticationFailed, InvalidRequest, OperationTimedOut, WriteTimeout
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import NoHostAvailable, Session
from cassandra.query import BatchStatement, BatchType

from acceptance.questions import probes
from acceptance.questions.client import (
    UTCNOW,
    Target,
    connected,
    status,
    wait_active,
    wait_gone,
)
from keyspaces_local.control import Control
from keyspaces_local.faults import Fault, FaultAction, Operation

pytestmark = [pytest.mark.stack, pytest.mark.filterwarnings(UTCNOW)]


# --- logging in with service-specific credentials


def test_a_user_and_a_password_log_in(target: Target, control: Control) -> None:
    found = json.loads((Path(target.ca_file).parent / "credentials.json").read_text())
    provider = PlainTextAuthProvider(found["user_name"], found["password"])
    with connected(target, auth_provider=provider) as session:
        assert session.execute("SELECT key FROM system.local").one().key == "local"


def test_a_wrong_password_is_refused(target: Target, control: Control) -> None:
    provider = PlainTextAuthProvider("local-at-111122223333", "wrong")
    with (
        pytest.raises(NoHostAvailable) as caught,
        connected(target, auth_provider=provider),
    ):
        pass
    (error,) = caught.value.errors.values()
    assert isinstance(error, AuthenticationFailed)
    assert "username local-at-111122223333 and/or password are incorrect" in str(error)


# --- asynchronous DDL


def test_a_table_is_there_once_it_is_active(
    session: Session, keyspace: str, control: Control
) -> None:
    control.behave(ddl_seconds=1.0)
    session.execute("CREATE TABLE slow (k int PRIMARY KEY, v text)")
    assert status(session, keyspace, "slow") == "CREATING"
    write = "INSERT INTO slow (k, v) VALUES (1, 'a')"
    for make in (session.execute, session.prepare):
        with pytest.raises(InvalidRequest, match=rf"unconfigured table {keyspace}\.slow"):
            make(write)
    wait_active(session, keyspace, "slow")
    session.execute(write)


def test_a_change_lasts_too_and_one_ends_before_the_next(
    session: Session, keyspace: str, control: Control
) -> None:
    session.execute("CREATE TABLE changing (k int PRIMARY KEY, v text)")
    wait_active(session, keyspace, "changing")
    control.behave(ddl_seconds=1.0)
    alter = "ALTER TABLE changing WITH CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}}"
    write = "INSERT INTO changing (k, v) VALUES (1, 'a') USING TTL 60"
    session.execute(alter)
    assert status(session, keyspace, "changing") == "UPDATING"
    with pytest.raises(InvalidRequest, match="TTL is not yet supported"):
        session.execute(write)
    with pytest.raises(InvalidRequest, match="is UPDATING"):
        session.execute("ALTER TABLE changing ADD w int")
    wait_active(session, keyspace, "changing")
    session.execute(write)
    session.execute("DROP TABLE changing")
    assert status(session, keyspace, "changing") == "DELETING"
    with pytest.raises(InvalidRequest, match="unconfigured table"):
        session.execute(write)
    wait_gone(session, keyspace, "changing")


# --- throttles and faults


def test_a_throttle_is_a_timeout_of_no_responses(
    session: Session, keyspace: str, control: Control
) -> None:
    write = session.prepare("INSERT INTO plain (k, v) VALUES (?, 'a')")
    control.set_capacity(f"{keyspace}.plain", write=5)
    futures = [session.execute_async(write, (number,)) for number in range(50)]
    errors = []
    for future in futures:
        try:
            future.result()
        except WriteTimeout as error:
            errors.append((error.received_responses, error.required_responses))
    assert set(errors) == {(0, 2)}
    assert len(errors) >= 30
    assert control.meters()[f"{keyspace}.plain"].throttled >= 30


def test_a_provisioned_table_has_what_it_asked_for(
    session: Session, keyspace: str, control: Control
) -> None:
    session.execute(
        "CREATE TABLE provisioned (k int PRIMARY KEY, v text) WITH CUSTOM_PROPERTIES ="
        " {'capacity_mode': {'throughput_mode': 'PROVISIONED', 'read_capacity_units': 50,"
        " 'write_capacity_units': 3}}"
    )
    wait_active(session, keyspace, "provisioned")
    write = session.prepare("INSERT INTO provisioned (k, v) VALUES (?, 'a')")
    control.behave(quotas=True)
    fates = []
    for number in range(20):
        try:
            session.execute(write, (number,))
            fates.append(True)
        except WriteTimeout:
            fates.append(False)
    assert all(fates[:3])
    assert not all(fates)


def test_a_dropped_answer_hides_a_write_that_was_done(
    session: Session, keyspace: str, control: Control
) -> None:
    control.add_fault(
        Fault(FaultAction.DROP_ANSWER, table=f"{keyspace}.plain", operation=Operation.WRITE)
    )
    with pytest.raises(OperationTimedOut):
        session.execute("INSERT INTO plain (k, v) VALUES (4711, 'done')", timeout=0.5)
    control.clear_faults()
    assert session.execute("SELECT v FROM plain WHERE k = 4711").one().v == "done"


def test_a_cut_connection_fails_and_another_takes_over(
    target: Target, keyspace: str, control: Control
) -> None:
    with connected(target) as session:
        number = control.add_fault(Fault(FaultAction.CUT, table=f"{keyspace}.plain"))
        with pytest.raises(Exception, match=r"(?i)connection|hosts|socket"):
            session.execute(f"SELECT v FROM {keyspace}.plain WHERE k = 1", timeout=3)
        assert control.faults()[0].fired >= 1
        control.clear_faults(number)
        deadline = time.monotonic() + 20
        while True:
            try:
                session.execute(f"SELECT v FROM {keyspace}.plain WHERE k = 1")
                break
            except NoHostAvailable:
                assert time.monotonic() < deadline
                time.sleep(0.1)


def test_meters_count_rows_in_kilobytes(session: Session, keyspace: str, control: Control) -> None:
    name = f"{keyspace}.plain"
    write = session.prepare("INSERT INTO plain (k, v) VALUES (?, ?)")
    read = session.prepare("SELECT v FROM plain WHERE k = ?")
    control.reset_meters()
    for size in (10, 3000):
        session.execute(write, (1, "a" * size))
    session.execute(read, (1,))
    found = control.meters()[name]
    assert (found.writes, found.wru, found.reads, found.rru) == (2, 4, 1, 1)


def test_a_range_delete_is_metered_by_row(
    session: Session, keyspace: str, control: Control
) -> None:
    key = probes.own_key()
    for number in range(7):
        session.execute(f"INSERT INTO rich (p, c) VALUES ({key}, {number})")
    control.reset_meters()
    session.execute(f"DELETE FROM rich WHERE p = {key}")
    assert control.meters()[f"{keyspace}.rich"].wru == 7


def test_a_delete_can_be_metered_by_the_size_of_its_rows(
    session: Session, keyspace: str, control: Control
) -> None:
    key, name = probes.own_key(), f"{keyspace}.rich"
    insert = session.prepare("INSERT INTO rich (p, c, t) VALUES (?, ?, ?)")
    for number in range(4):
        session.execute(insert, (key, number, "t" * 3000))
    control.behave(exact_deletes=True)
    for where, units in (("AND c = 0", 4), ("AND c = 99", 1), ("AND c > 1", 8), ("", 4)):
        control.reset_meters()
        session.execute(f"DELETE FROM rich WHERE p = {key} {where}")
        assert control.meters()[name].wru == units
    control.behave(exact_deletes=False)
    session.execute(insert, (key, 0, "t" * 3000))
    control.reset_meters()
    session.execute(f"DELETE FROM rich WHERE p = {key} AND c = 0")
    assert control.meters()[name].wru == 1


def test_short_and_empty_pages_lose_nothing(
    session: Session, keyspace: str, control: Control
) -> None:
    key = probes.own_key()
    write = session.prepare("INSERT INTO rich (p, c) VALUES (?, ?)")
    for number in range(50):
        session.execute(write, (key, number))
    control.behave(short_pages=0.8, empty_pages=0.3, page_seed=2)
    pages = probes.pages(session, f"SELECT c FROM rich WHERE p = {key}", 7)
    assert [row.c for page in pages for row in page] == list(range(50))
    assert {0, 7} < {len(page) for page in pages}
    read: Any = session.prepare("SELECT c FROM rich WHERE p = ?")
    read.fetch_size = 7
    assert [row.c for row in session.execute(read, (key,))] == list(range(50))


# --- the bad answers to what is unproven


def test_by_default_a_delete_shadows_and_so_does_an_overwrite(
    session: Session, keyspace: str, control: Control
) -> None:
    assert probes.absent_row_delete_leaves_a_tombstone(session)
    assert probes.range_delete_covers_absent_rows(session)
    assert probes.overwritten_collection_shadows(session, "m")
    assert probes.overwritten_collection_shadows(session, "l")


def test_a_delete_of_nothing_can_leave_nothing(
    session: Session, keyspace: str, control: Control
) -> None:
    control.behave(absent_deletes_leave_nothing=True)
    assert not probes.absent_row_delete_leaves_a_tombstone(session)
    assert not probes.range_delete_covers_absent_rows(session)
    assert probes.overwritten_collection_shadows(session, "m")


def test_a_delete_of_what_is_there_still_deletes(
    session: Session, keyspace: str, control: Control
) -> None:
    control.behave(absent_deletes_leave_nothing=True)
    key, now = probes.own_key(), probes.now_us()
    insert = session.prepare("INSERT INTO rich (p, c, t) VALUES (?, ?, 'a') USING TIMESTAMP ?")
    row = session.prepare("DELETE FROM rich USING TIMESTAMP ? WHERE p = ? AND c = ?")
    for number in range(4):
        session.execute(insert, (key, number, now))
    batch = BatchStatement(BatchType.UNLOGGED)
    for number in (0, 99):
        batch.add(row, (now + 1, key, number))
    batch.add(insert, (key, 5, now))
    session.execute(batch)
    session.execute(row, (now + 1, key, 1))
    assert left(session, key) == [2, 3, 5]
    session.execute(insert, (key, 0, now))
    session.execute(insert, (key, 99, now))
    assert left(session, key) == [2, 3, 5, 99]
    session.execute(f"DELETE FROM rich USING TIMESTAMP {now + 1} WHERE p = {key} AND c > 2")
    assert left(session, key) == [2]
    session.execute(f"DELETE FROM rich USING TIMESTAMP {now + 1} WHERE p = {key}")
    assert left(session, key) == []


def test_a_partition_goes_with_its_static_columns(
    session: Session, keyspace: str, control: Control
) -> None:
    control.behave(absent_deletes_leave_nothing=True)
    key, now = probes.own_key(), probes.now_us()
    insert = session.prepare("INSERT INTO rich (p, c, s) VALUES (?, ?, 'a') USING TIMESTAMP ?")
    delete = session.prepare("DELETE FROM rich USING TIMESTAMP ? WHERE p = ? AND c > 0")
    whole = session.prepare("DELETE FROM rich USING TIMESTAMP ? WHERE p = ?")
    older = session.prepare("INSERT INTO rich (p, s) VALUES (?, 'older') USING TIMESTAMP ?")
    session.execute(insert, (key, 1, now))
    session.execute(delete, (now + 1, key))
    assert [row.s for row in session.execute(f"SELECT s FROM rich WHERE p = {key}")] == ["a"]
    session.execute(whole, (now + 2, key))
    session.execute(older, (key, now))
    assert session.execute(f"SELECT s FROM rich WHERE p = {key}").one() is None
    absent = probes.own_key()
    session.execute(whole, (now + 2, absent))
    session.execute(older, (absent, now))
    assert session.execute(f"SELECT s FROM rich WHERE p = {absent}").one().s == "older"


def left(session: Session, key: int) -> list[int]:
    return [row.c for row in session.execute(f"SELECT c FROM rich WHERE p = {key}")]


def test_an_overwrite_can_fail_to_shadow(session: Session, keyspace: str, control: Control) -> None:
    control.behave(overwrites_do_not_shadow=True)
    assert not probes.overwritten_collection_shadows(session, "m")
    assert not probes.overwritten_collection_shadows(session, "l")
    assert probes.absent_row_delete_leaves_a_tombstone(session)


def test_an_overwrite_of_what_is_there_still_replaces_it(
    session: Session, keyspace: str, control: Control
) -> None:
    control.behave(overwrites_do_not_shadow=True)
    key, now = probes.own_key(), probes.now_us()
    write: Any = session.prepare(
        "INSERT INTO rich (p, c, t, l, m) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
    )
    update = session.prepare("UPDATE rich USING TIMESTAMP ? SET m = ?, l = ? WHERE p = ? AND c = ?")

    def row() -> tuple[object, ...]:
        found = session.execute(f"SELECT t, l, m FROM rich WHERE p = {key}").one()
        return found.t, found.l, None if found.m is None else dict(found.m)

    session.execute(write, (key, 1, "a", [1, 2], {"a": 1, "b": 2}, now))
    assert row() == ("a", [1, 2], {"a": 1, "b": 2})
    session.execute(update, (now + 10, {"b": 3, "c": 4}, [3], key, 1))
    assert row() == ("a", [3], {"b": 3, "c": 4})
    batch = BatchStatement(BatchType.UNLOGGED)
    batch.add(write, (key, 1, "b", None, {}, now + 20))
    session.execute(batch)
    assert row() == ("b", None, None)
    session.execute(write, (key, 1, "c", [1], {"a": 9}, now + 30))
    assert row() == ("c", [1], {"a": 9})
