"""A real Kafka for the tests of the event source."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.parts.addresses import claim
from sandbox.parts.kafka import CONTROLLER_PORT, PORT, Broker


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker of its own."""
    with claim([(1, PORT), (1, CONTROLLER_PORT)]) as block:
        broker = Broker(block.address(1), tmp_path_factory.mktemp("kafka"))
        broker.spawn()
        try:
            broker.wait_ready()
            yield broker
        finally:
            broker.kill()


@pytest.fixture(scope="session")
def kafka(broker: Broker) -> str:
    """Return the broker's bootstrap address."""
    return broker.bootstrap
