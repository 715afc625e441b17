"""Refusals and differences that users of Amazon Keyspaces published, each in our own words.

A statement is what the report is about, on tables of ours; the rule is what has to find it.
"""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """One report: where it stands, what was sent, and the rule that has to find it."""

    where: str
    statement: str
    rule: str
    fails: bool = True
    """Whether the service refused it; else its result was another."""


ISSUES = "https://github.com"

REPORTS = (
    # A setup that counts the rows of a table to see whether it is new.
    Published(
        f"{ISSUES}/thingsboard/thingsboard/issues/2828",
        "SELECT COUNT(*) FROM shop.orders",
        "aggregate",
    ),
    # A storage that counts all to learn whether there is anything.
    Published(f"{ISSUES}/thatdot/quine/issues/47", "SELECT COUNT(*) FROM shop.lines", "aggregate"),
    # A lock table of schema migrations, counted before it is filled.
    Published(
        f"{ISSUES}/liquibase/liquibase-cassandra/issues/289",
        "SELECT COUNT(*) FROM shop.plain WHERE k = 'lock'",
        "aggregate",
    ),
    # The same tool asks for the latest change set.
    Published(
        f"{ISSUES}/liquibase/liquibase-cassandra/pull/303",
        "SELECT MAX(made) FROM shop.orders",
        "aggregate",
    ),
    # The same tool empties its lock table.
    Published(
        f"{ISSUES}/liquibase/liquibase-cassandra/issues/128", "TRUNCATE shop.plain", "truncate"
    ),
    # Another tool for migrations empties the table of versions.
    Published(f"{ISSUES}/golang-migrate/migrate/pull/579", 'TRUNCATE "shop"."plain"', "truncate"),
    # A collector that connects at ANY.
    Published(f"{ISSUES}/jaegertracing/jaeger/issues/2294", "CONSISTENCY ANY", "consistency"),
    # A journal at QUORUM.
    Published(
        f"{ISSUES}/akka/akka-persistence-cassandra/pull/866", "CONSISTENCY QUORUM", "consistency"
    ),
    # Snapshots that are written at ONE.
    Published(
        f"{ISSUES}/akka/akka-persistence-cassandra/pull/1141",
        "CONSISTENCY ONE",
        "consistency-of-writes",
        False,
    ),
    # A journal that persists more than 30 events at once.
    Published(
        f"{ISSUES}/cfpb/hmda-platform/issues/5001",
        f"BEGIN UNLOGGED BATCH {'INSERT INTO shop.lines (id, line, part) VALUES (?, ?, ?); ' * 31}"
        "APPLY BATCH",
        "unlogged-batch-size",
    ),
    # Slices of several keys in one query.
    Published(
        f"{ISSUES}/JanusGraph/janusgraph/pull/3879",
        "SELECT id, line FROM shop.lines WHERE id IN ? PER PARTITION LIMIT ?",
        "per-partition-limit",
    ),
    # A log with a TTL, on a table without the switch.
    Published(
        f"{ISSUES}/JanusGraph/janusgraph/issues/3395",
        "INSERT INTO shop.plain (k, v) VALUES (?, ?) USING TTL ?",
        "ttl-switch",
    ),
    # Rows that expire, on a table without the switch.
    Published(
        f"{ISSUES}/glowroot/glowroot/issues/700",
        "UPDATE shop.plain USING TTL 86400 SET v = ? WHERE k = ?",
        "ttl-switch",
    ),
    # An index at the first start.
    Published(f"{ISSUES}/glowroot/glowroot/issues/875", "CREATE INDEX ON shop.orders (n)", "index"),
    # SASI indexes of a tracing store.
    Published(
        f"{ISSUES}/openzipkin/zipkin-aws/issues/180",
        "CREATE CUSTOM INDEX IF NOT EXISTS ON shop.plain (v)"
        " USING 'org.apache.cassandra.index.sasi.SASIIndex'",
        "index",
    ),
    # One batch over two tables ends in a server error.
    Published(
        f"{ISSUES}/scylladb/gocqlx/issues/334",
        "BEGIN UNLOGGED BATCH INSERT INTO shop.plain (k) VALUES (?);"
        " INSERT INTO shop.orders (id) VALUES (?); APPLY BATCH",
        "unlogged-several-tables",
        False,
    ),
    # IN on a clustering column, whose rows came in another order.
    Published(
        f"{ISSUES}/monzo/gocassa/pull/73",
        "SELECT * FROM shop.lines WHERE id = ? AND line IN (?, ?, ?)",
        "in-order",
        False,
    ),
    # Several rows of a workflow changed under one condition.
    Published(
        f"{ISSUES}/temporalio/temporal/issues/328",
        "BEGIN BATCH UPDATE shop.orders SET n = ? WHERE id = ? IF n = ?;"
        " INSERT INTO shop.lines (id, line, part) VALUES (?, ?, ?); APPLY BATCH",
        "logged-batch",
        False,
    ),
)
