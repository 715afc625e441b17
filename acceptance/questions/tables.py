"""Make the keyspace that the questions are asked in: tables of every kind of switch."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from cassandra.cluster import Session

from acceptance.questions.client import wait_active, wait_keyspace

TABLES = {
    "plain": "k int PRIMARY KEY, v text",
    "timed": "k int PRIMARY KEY, v text",
    "expiring": "k int PRIMARY KEY, v text",
    "rich": "p int, c int, s text STATIC, t text, l list<int>, m map<text, int>,"
    " PRIMARY KEY (p, c)",
    "counts": "k int PRIMARY KEY, n counter",
}
SWITCHES = {
    "timed": "client_side_timestamps",
    "rich": "client_side_timestamps",
    "expiring": "ttl",
}

_REGULARS = ", ".join(f"v{number} int" for number in range(200))
_STATICS = ", ".join(f"s{number} int STATIC" for number in range(30))
MORE_TABLES = {
    "numbers": "k int PRIMARY KEY, v varint, d decimal",
    "texts": "k text, c text, PRIMARY KEY (k, c)",
    "frozen_keys": "k int, c frozen<list<int>>, PRIMARY KEY (k, c)",
    "wide": f"k int PRIMARY KEY, {', '.join(f'v{number} int' for number in range(226))}",
    "statics": f"p int, c int, {_REGULARS}, {_STATICS}, PRIMARY KEY (p, c)",
}


@contextmanager
def made_keyspace(session: Session, name: str = "") -> Iterator[str]:
    """Make a keyspace with TABLES, USE it, and drop it at the end."""
    name = name or f"contract_{secrets.token_hex(4)}"
    session.execute(
        f"CREATE KEYSPACE {name} WITH replication = {{'class': 'SingleRegionStrategy'}}"
    )
    try:
        wait_keyspace(session, name)
        for table, columns in TABLES.items():
            switch = SWITCHES.get(table)
            options = f" WITH CUSTOM_PROPERTIES = {{'{switch}': {{'status': 'enabled'}}}}"
            session.execute(f"CREATE TABLE {name}.{table} ({columns}){options if switch else ''}")
            wait_active(session, name, table)
        session.set_keyspace(name)
        yield name
    finally:
        session.execute(f"DROP KEYSPACE {name}")


def make_more_tables(session: Session, keyspace: str) -> None:
    """Make the tables of the questions about single rules, and wait for them."""
    for table, columns in MORE_TABLES.items():
        session.execute(f"CREATE TABLE {table} ({columns})")
        wait_active(session, keyspace, table)
