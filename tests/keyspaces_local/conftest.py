"""Fixtures of the contract suite: a session, a keyspace, and tables of every kind of switch."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from cassandra.cluster import Session

from keyspaces_local.control import Control
from tests.keyspaces_local import fired
from tests.keyspaces_local.keyspaces_client import (
    Target,
    connected,
    service,
    wait_active,
    wait_keyspace,
)

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


ENDPOINT = "KEYSPACES_ENDPOINT"
"""HOST:PORT of the service to test in place of the sandbox's: the real one, for instance."""


@pytest.fixture(scope="session", autouse=True)
def every_rule_is_met(request: pytest.FixtureRequest) -> Iterator[None]:
    """At the end of a whole run: fails when a rule was not raised by its test."""
    with fired.recorded() as found:
        yield
    if fired.ran_whole(request.session):
        assert fired.missing(found) == {}


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Target:
    """The service under test."""
    if address := os.environ.get(ENDPOINT):
        return service(address)
    found: Target = request.getfixturevalue("stack").target
    return found


@pytest.fixture
def control(request: pytest.FixtureRequest) -> Iterator[Control]:
    """The control port of the sandbox's endpoint, which is as it was afterwards."""
    if os.environ.get(ENDPOINT):
        pytest.skip(f"{ENDPOINT} has no control port")
    found: Control = request.getfixturevalue("stack").keyspaces.control
    yield found
    found.reset()


@pytest.fixture(scope="module")
def session(target: Target) -> Iterator[Session]:
    with connected(target) as session:
        yield session


@pytest.fixture(scope="module")
def keyspace(session: Session) -> Iterator[str]:
    """A keyspace with the tables above; the session USEs it."""
    with made_keyspace(session) as name:
        yield name


@contextmanager
def made_keyspace(session: Session) -> Iterator[str]:
    """Return what `keyspace` is, for modules that make more than one."""
    name = f"contract_{secrets.token_hex(4)}"
    session.execute(
        f"CREATE KEYSPACE {name} WITH replication = {{'class': 'SingleRegionStrategy'}}"
    )
    wait_keyspace(session, name)
    for table, columns in TABLES.items():
        switch = SWITCHES.get(table)
        options = f" WITH CUSTOM_PROPERTIES = {{'{switch}': {{'status': 'enabled'}}}}"
        session.execute(f"CREATE TABLE {name}.{table} ({columns}){options if switch else ''}")
        wait_active(session, name, table)
    session.set_keyspace(name)
    yield name
    session.execute(f"DROP KEYSPACE {name}")
