"""Provisioned pollers: how many there are, what they share, how much each does at a time."""

from __future__ import annotations

import pytest

from sandbox.services.event_source import ProvisionedPollers
from tests.event_source.backlogs import backlog, places, record, taken


@pytest.mark.parametrize(
    ("minimum", "maximum", "partitions", "count"),
    [
        (1, 200, 0, 1),
        (1, 200, 4, 1),
        (1, 200, 6, 2),
        (1, 200, 1000, 200),
        (1, 2, 100, 2),
        (8, 200, 4, 4),
        (8, 200, 12, 8),
    ],
)
def test_pollers_follow_the_partitions_within_their_limits(
    minimum: int, maximum: int, partitions: int, count: int
) -> None:
    assert ProvisionedPollers(minimum, maximum).count(partitions) == count


@pytest.mark.parametrize(
    ("minimum", "maximum", "name"),
    [(0, 1, "MinimumPollers"), (201, 300, "MinimumPollers"), (3, 2, "Max"), (1, 2001, "Max")],
)
def test_limits_of_pollers_are_the_services(minimum: int, maximum: int, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        ProvisionedPollers(minimum, maximum)


def test_a_poller_has_five_invocations_at_a_time() -> None:
    log = backlog(12, batch_size=1, pollers=ProvisionedPollers(1, 1))
    log.add(record(partition, 0) for partition in range(12))
    batches = [taken(log) for _ in range(5)]
    assert log.take(1.0) is None
    log.settle(batches[0], (), 1.0)
    assert log.take(1.0) is not None
    assert log.take(1.0) is None


def test_a_retry_waits_for_room_at_its_poller_too() -> None:
    log = backlog(6, batch_size=1, retry_backoff_s=1.0, pollers=ProvisionedPollers(1, 1))
    log.add(record(partition, 0) for partition in range(6))
    first, second, *_ = [taken(log) for _ in range(5)]
    log.settle(first, first.records, 1.0)
    assert places(taken(log)) == [(5, 0)]
    assert (log.take(2.0), log.due_at()) == (None, None)
    log.settle(second, (), 2.0)
    assert places(taken(log, 2.0)) == places(first)


def test_two_pollers_have_ten() -> None:
    log = backlog(12, batch_size=1, pollers=ProvisionedPollers(2, 2))
    log.add(record(partition, 0) for partition in range(12))
    for _ in range(10):
        taken(log)
    assert (log.pollers, log.take(1.0)) == (2, None)


def test_a_batch_holds_partitions_of_one_poller_only() -> None:
    log = backlog(4, batch_size=100, pollers=ProvisionedPollers(2, 2))
    log.add(record(partition, 0, at=float(partition)) for partition in range(4))
    assert places(taken(log, 5.0)) == [(0, 0), (2, 0)]
    assert places(taken(log, 5.0)) == [(1, 0), (3, 0)]


def test_after_a_rebalance_the_pollers_fit_what_is_left() -> None:
    log = backlog(12)
    assert log.pollers == 3
    log.revoke()
    log.assign([3])
    assert log.pollers == 1
