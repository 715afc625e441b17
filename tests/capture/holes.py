"""Writes that a connector may lose, and what a connector is seen to do with each.

After a case's own statements comes a row of another table. Both pass one log and one reader, so
once that row's hint is there, what has not come of the case will not come any more. Where the row
itself does not come, the segment is filled up, and the next row is waited for.
"""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from struct import pack
from typing import Any

from confluent_kafka import Consumer

from sandbox import tables
from sandbox.parts.endpoints import Capture
from sandbox.parts.kafka import create_topics
from sandbox.stack import Stack
from tests.capture.hints import topic

KEYSPACE = "holes"
DDL = (
    "CREATE TYPE {ks}.address (street text, city text)",
    "CREATE TABLE {ks}.later (id int PRIMARY KEY) WITH cdc = true",
    "CREATE TABLE {ks}.unwatched (id int PRIMARY KEY, v blob)",
    "CREATE TABLE {ks}.plain (id int PRIMARY KEY, v text) WITH cdc = true",
    "CREATE TABLE {ks}.other (id int PRIMARY KEY, v text) WITH cdc = true",
    "CREATE TABLE {ks}.wide (id int, a int, s text static, v text, tags map<text, timestamp>,"
    " seen list<uuid>, home address, PRIMARY KEY (id, a)) WITH cdc = true",
    "CREATE TABLE {ks}.blobs (id int, x blob, v int, PRIMARY KEY ((x, id))) WITH cdc = true",
    "CREATE TABLE {ks}.hits (id int PRIMARY KEY, n counter) WITH cdc = true",
    "CREATE TABLE {ks}.expiring (id int PRIMARY KEY, v text) WITH cdc = true",
)
ARRIVES, LOST = "arrives", "**lost**"
# Longer than a hint takes; a row that is only slow is found by the one after it.
_SOON_SECONDS = 8
_SECONDS = 60
_QUIET_SECONDS = 1.0
_SOON_DDL_S = 3.0
_ROLL = b"x" * 1_000_000
_SEGMENT_MB = 4


@dataclass(frozen=True, slots=True)
class Case:
    """Statements on partition `{id}`. `carried` is what carries a change that no log tells of.

    `only`: the release that knows such statements; empty: each does.
    """

    name: str
    table: str
    statements: tuple[str, ...]
    before: tuple[str, ...] = ()
    carried: str = ""
    only: str = ""


def _inside(change: str) -> tuple[str, ...]:
    return (change + " WHERE id = {id} AND a = 1",)


def _batch(*statements: str) -> tuple[str, ...]:
    return (f"BEGIN BATCH {'; '.join(statements)}; APPLY BATCH",)


_SOON = "a moment later"
"""Instead of a statement: nothing of the case hangs on how soon a change of the schema is seen."""

_PLAIN = "INSERT INTO plain (id, v) VALUES ({id}, 'v')"
_WIDE = "INSERT INTO wide (id, a, v) VALUES ({id}, 1, 'v')"
CASES = (
    Case("insert", "plain", (_PLAIN,)),
    Case("static column alone", "wide", ("UPDATE wide SET s = 's' WHERE id = {id}",)),
    Case("static column deleted", "wide", ("DELETE s FROM wide WHERE id = {id}",)),
    Case("counter", "hits", ("UPDATE hits SET n = n + 1 WHERE id = {id}",)),
    Case("lightweight transaction", "plain", (_PLAIN + " IF NOT EXISTS",)),
    Case("range delete", "wide", ("DELETE FROM wide WHERE id = {id} AND a > 1",)),
    Case("partition delete", "wide", ("DELETE FROM wide WHERE id = {id}",)),
    Case("logged batch over tables", "other",
         _batch(_PLAIN, "INSERT INTO other (id, v) VALUES ({id}, 'v')")),
    Case("blob in a composite partition key", "blobs",
         ("INSERT INTO blobs (x, id, v) VALUES (0x0102, {id}, 1)",)),
    Case("map element deleted, values of a timestamp", "wide",
         _inside("DELETE tags['k'] FROM wide")),
    Case("list element deleted, values of a uuid", "wide", _inside("DELETE seen[0] FROM wide"),
         before=("UPDATE wide SET seen = [uuid()]" + _inside("")[0],)),
    Case("map element without a byte, values of a timestamp", "wide",
         _inside("UPDATE wide SET tags['k'] = blobAsTimestamp(0x)")),
    Case("user type, not frozen", "wide",
         _inside("UPDATE wide SET home = {{street: 's', city: 'c'}}")),
    Case("field of a user type", "wide", _inside("UPDATE wide SET home.city = 'c'")),
    Case("two range deletes that touch", "wide", _batch(
        "DELETE FROM wide USING TIMESTAMP 1000 WHERE id = {id} AND a >= 2 AND a < 5",
        "DELETE FROM wide USING TIMESTAMP 2000 WHERE id = {id} AND a >= 5 AND a < 9")),
    Case("write right after its column was added", "plain",
         ("ALTER TABLE plain ADD fresh{id} int",
          "INSERT INTO plain (id, fresh{id}) VALUES ({id}, 1)")),
    Case("write right after its table was made", "fresh",
         ("CREATE TABLE fresh (id int PRIMARY KEY) WITH cdc = true",
          "INSERT INTO fresh (id) VALUES ({id})")),
    Case("batch with a table that was just made", "plain",
         ("CREATE TABLE batched (id int PRIMARY KEY) WITH cdc = true",
          *_batch(_PLAIN, "INSERT INTO batched (id) VALUES ({id})"))),
    Case("table of a user type that was just made", "typed",
         ("CREATE TYPE mood (name text)",
          "CREATE TABLE typed (id int PRIMARY KEY, m frozen<mood>) WITH cdc = true",
          "INSERT INTO typed (id, m) VALUES ({id}, {{name: 'glad'}})")),
    Case("batch over tables with and without cdc", "plain",
         _batch(_PLAIN, "INSERT INTO unwatched (id) VALUES ({id})")),
    Case("table of a type in a type, names quoted, then altered", "quoted",
         ('CREATE TYPE "Phone" (n int)', 'CREATE TYPE "Contact" (phone frozen<"Phone">)',
          'CREATE TABLE quoted (id int PRIMARY KEY, c frozen<"Contact">)',
          "ALTER TABLE quoted WITH cdc = true", _SOON,
          "INSERT INTO quoted (id, c) VALUES ({id}, {{phone: {{n: 1}}}})")),
    Case("table of types named like words of CQL", "worded",
         ('CREATE TYPE "order" (n int)', 'CREATE TYPE org (o frozen<"order">)',
          'CREATE TYPE "frozen" (o frozen<org>)',
          'CREATE TABLE worded (id int PRIMARY KEY, f frozen<"frozen">) WITH cdc = true', _SOON,
          "INSERT INTO worded (id, f) VALUES ({id}, {{o: {{o: {{n: 1}}}}}})")),
    Case("table of a view that was just made", "viewed",
         ("CREATE TABLE viewed (id int PRIMARY KEY, v int) WITH cdc = true",
          "CREATE MATERIALIZED VIEW by_v AS SELECT * FROM viewed WHERE v IS NOT NULL"
          " AND id IS NOT NULL PRIMARY KEY (v, id)",
          "INSERT INTO viewed (id, v) VALUES (0, 0)",
          "INSERT INTO viewed (id, v) VALUES ({id}, 1)")),
    Case("keyspace of a user named system_…", "system_shop.t",
         ("INSERT INTO system_shop.t (id) VALUES ({id})",)),
    Case("table made beside another's vector column", "beside",
         ("CREATE TABLE embeddings (id int PRIMARY KEY, v vector<float, 3>)",
          "CREATE TABLE beside (id int PRIMARY KEY) WITH cdc = true", _SOON,
          "INSERT INTO beside (id) VALUES ({id})"), only="5.0"),
    Case("TRUNCATE", "plain", ("TRUNCATE plain",), carried="`hintferry verify --repair`"),
    Case("value that expires", "expiring", (), carried="the target's copy has its own TTL",
         before=("INSERT INTO expiring (id, v) VALUES ({id}, 'v') USING TTL 1",)),
    Case("table without cdc", "unwatched", ("INSERT INTO unwatched (id) VALUES ({id})",),
         carried="`hintferry preflight` refuses the table"),
    Case("keyspace with durable_writes = false", "undurable.t",
         ("INSERT INTO undurable.t (id) VALUES ({id})",),
         carried="`hintferry preflight` refuses the keyspace"),
)  # fmt: skip
# Topics are there before their tables, as in production.
_TOPICS = ("fresh", "batched", "typed", "unwatched", "quoted", "worded", "viewed", "beside")


@dataclass(frozen=True, slots=True)
class Scene:
    """A sandbox with the tables of the cases, and a session on its source."""

    stack: Stack
    kind: Capture
    cql: Any

    def seen_ids(self, consumer: Consumer, seconds: float, enough: set[int]) -> set[int]:
        """The partitions (`id`) hinted within `seconds`, at once when `enough` are there.

        -1 stands for a record whose key is not that of any partition.
        """
        seen: set[int] = set()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not (enough and enough <= seen):
            message = consumer.poll(0.1)
            if message is not None and not message.error():
                seen.add(_id(self.kind, json.loads(message.key() or b"{}")))
        return seen

    def arrives(self, table: str, number: int, statements: tuple[str, ...]) -> str:
        """Run the statements; what came of partition `number`, and of what was written later."""
        *_, keyspace, name = f"{KEYSPACE}.{table}".split(".")
        with (
            topic(self.stack, keyspace, name) as own,
            topic(self.stack, KEYSPACE, "later") as later,
        ):
            for statement in statements:
                self.execute(statement, number)
            goes_on = self.passes(later, number)
            seen = self.seen_ids(own, _QUIET_SECONDS, {number})
        outcome = ARRIVES if number in seen else "**another key**" if seen else LOST
        return outcome if goes_on else f"{outcome}, **with all that follows in its segment**"

    def execute(self, statement: str, number: int) -> None:
        if statement == _SOON:
            time.sleep(_SOON_DDL_S)
        else:
            self.cql.execute(statement.format(id=number))

    def passes(self, later: Consumer, number: int) -> bool:
        """Write a later row; is its hint there before the next segment's?"""
        self._write_later(number)
        if number in self.seen_ids(later, _SOON_SECONDS, {number}):
            return True
        for _ in range(_SEGMENT_MB + 1):
            self.cql.execute("INSERT INTO unwatched (id, v) VALUES (0, %s)", [_ROLL])
        self._write_later(-number)
        seen = self.seen_ids(later, _SECONDS, {-number})
        assert -number in seen, "nothing came of the next segment either"
        return number in seen

    def _write_later(self, number: int) -> None:
        self.cql.execute("INSERT INTO later (id) VALUES (%s)", [number])


def _id(kind: Capture, key: dict[str, Any]) -> int:
    """`id` of the key, whole: a blob beside it must be the one that was written."""
    if kind is Capture.STOCK:
        whole = key.get("x", b64encode(b"\x01\x02").decode()) == b64encode(b"\x01\x02").decode()
        return int(key["id"]) if whole else -1
    parts = key["pk"]
    names = {b64encode(pack(">i", number)).decode(): number for number in range(-999, 1_000)}
    return names.get(parts[-1], -1)


@contextmanager
def scene(stack: Stack, kind: Capture) -> Iterator[Scene]:
    keyspace = f"CREATE KEYSPACE {KEYSPACE} WITH replication = {stack.replication}"
    stack.create_tables(
        keyspace,
        *(statement.format(ks=KEYSPACE) for statement in DDL),
        f"CREATE KEYSPACE undurable WITH replication = {stack.replication}"
        " AND durable_writes = false",
        "CREATE TABLE undurable.t (id int PRIMARY KEY) WITH cdc = true",
        f"CREATE KEYSPACE system_shop WITH replication = {stack.replication}",
        "CREATE TABLE system_shop.t (id int PRIMARY KEY) WITH cdc = true",
    )
    create_topics(stack.kafka, [stack.topic(f"{KEYSPACE}.{name}") for name in _TOPICS])
    with tables.session(stack.source) as cql:
        cql.set_keyspace(KEYSPACE)
        yield Scene(stack, kind, cql)


def play(scene: Scene, case: Case, number: int) -> str:
    """Return what became of the case, in words."""
    for statement in case.before:
        scene.cql.execute(statement.format(id=number))
    if case.before:
        time.sleep(_QUIET_SECONDS * 2)
    return scene.arrives(case.table, number, case.statements)
