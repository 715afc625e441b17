"""One account for all journeys: each has a pipeline of its own in it."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.rehearsal.account import Account
from tests.rehearsal.journey import Journey


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """An account that the CDK was bootstrapped in."""
    folder = tmp_path_factory.mktemp("account")
    made = Account(folder)
    try:
        made.bootstrap(folder)
        yield made
    finally:
        made.close()


@pytest.fixture
def journey(account: Account, tmp_path: Path, request: pytest.FixtureRequest) -> Journey:
    """A pipeline that nothing of is deployed yet, with a name of its own."""
    digest = sha256(request.node.nodeid.encode()).hexdigest()[:8]
    return Journey(account, tmp_path, f"way-{digest}")
