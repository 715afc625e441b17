"""Fixtures of the contract suite: a session, a keyspace, and tables of every kind of switch."""

import os
from collections.abc import Iterator

import pytest
from cassandra.cluster import Session

from acceptance.questions.client import Target, connected, service
from acceptance.questions.tables import made_keyspace
from keyspaces_local.control import Control
from tests.keyspaces_local import fired

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
