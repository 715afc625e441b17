"""Test the lag when a broker is down or a topic does not exist."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError, KafkaException

from sandbox.services.event_source.lag import OffsetLag


@pytest.fixture
def lag() -> Iterator[OffsetLag]:
    made = OffsetLag("127.0.0.1:9", "t", "g")
    yield made
    made.close()


def answers(lag: OffsetLag, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def ask() -> dict[int, int]:
        raise KafkaException(KafkaError(code))

    monkeypatch.setattr(lag, "_ask", ask)


@pytest.mark.parametrize(
    "code", [KafkaError._TRANSPORT, KafkaError._DESTROY_BROKER, KafkaError._ALL_BROKERS_DOWN]
)
def test_a_broker_that_is_killed_cannot_say(
    lag: OffsetLag, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    answers(lag, monkeypatch, code)
    assert lag.records() is None


def test_what_does_not_pass_is_raised(lag: OffsetLag, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(lag, monkeypatch, KafkaError.UNKNOWN_TOPIC_OR_PART)
    with pytest.raises(KafkaException):
        lag.records()
