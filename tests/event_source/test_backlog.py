"""Test how batches are cut, held, retried and committed, without Kafka or a clock."""

from __future__ import annotations

import pytest

from sandbox.services.event_source.batch import PAYLOAD_LIMIT_BYTES
from sandbox.services.event_source.settings import EventSourceSettings
from tests.event_source.backlogs import FRAME, backlog, places, record


def test_a_batch_waits_for_its_window() -> None:
    log = backlog(window_s=0.5)
    log.add([record(0, 1, at=10.0)])
    assert log.due_at() == 10.5
    assert log.take(10.4) is None
    assert places(log.take(10.5)) == [(0, 1)]


def test_a_full_batch_does_not_wait() -> None:
    log = backlog(window_s=300, batch_size=3)
    log.add(record(0, offset, at=10.0) for offset in range(4))
    assert places(log.take(10.0)) == [(0, 0), (0, 1), (0, 2)]


def test_several_partitions_share_a_payload_each_in_order() -> None:
    log = backlog(batch_size=10)
    log.add([record(1, 5), record(0, 7), record(1, 6)])
    assert sorted(places(log.take(1.0))) == [(0, 7), (1, 5), (1, 6)]


def test_the_partition_that_waits_longest_goes_first() -> None:
    log = backlog(batch_size=1)
    log.add([record(0, 1, at=2.0), record(1, 1, at=1.0)])
    assert places(log.take(3.0)) == [(1, 1)]


def test_a_partition_in_flight_is_not_taken_again() -> None:
    log = backlog(batch_size=1)
    log.add([record(0, 1), record(0, 2)])
    first = log.take(1.0)
    assert first is not None
    assert log.take(1.0) is None
    assert log.due_at() is None
    log.settle(first, (), 1.0)
    assert places(log.take(1.0)) == [(0, 2)]


def test_a_batch_is_cut_before_6_mb() -> None:
    log = backlog(batch_size=10_000)
    log.add(record(offset % 2, offset, size=500_000) for offset in range(40))
    batch = log.take(1.0)
    assert batch is not None
    size = len(FRAME.event(batch.records))
    assert PAYLOAD_LIMIT_BYTES - 500_000 < size <= PAYLOAD_LIMIT_BYTES


def test_six_megabytes_are_a_reason_not_to_wait() -> None:
    log = backlog(batch_size=10_000, window_s=300)
    log.add(record(0, offset, at=10.0, size=1_000_000) for offset in range(7))
    assert len(places(log.take(10.0))) == 6


def test_a_record_that_fits_no_payload_is_dropped_and_passed() -> None:
    log = backlog()
    log.add([record(0, 1), record(0, 2, size=PAYLOAD_LIMIT_BYTES), record(0, 3)])
    batch = log.take(1.0)
    assert batch is not None
    log.settle(batch, (), 1.0)
    assert log.counters.dropped == 0
    assert places(log.take(1.0)) == [(0, 3)]
    assert log.counters.dropped == 1


def test_offsets_move_only_over_records_that_are_done() -> None:
    log = backlog()
    log.add([record(0, 4), record(0, 5), record(1, 9)])
    assert log.commits() == {}
    batch = log.take(1.0)
    assert batch is not None
    assert log.commits() == {}
    log.settle(batch, (), 1.0)
    assert log.commits() == {0: 6, 1: 10}
    assert log.commits() == {}


def test_a_failed_commit_is_made_again() -> None:
    log = backlog()
    log.add([record(0, 4)])
    batch = log.take(1.0)
    assert batch is not None
    log.settle(batch, (), 1.0)
    log.commits()
    log.commit_failed()
    assert log.commits() == {0: 5}


def test_a_failed_batch_is_given_again_whole_after_a_growing_pause() -> None:
    log = backlog(retry_backoff_s=1.0, retry_backoff_cap_s=3.0)
    log.add([record(0, 1), record(0, 2)])
    now, pauses = 1.0, []
    for _ in range(4):
        batch = log.take(now)
        assert places(batch) == [(0, 1), (0, 2)]
        assert batch is not None
        log.settle(batch, batch.records, now)
        due = log.due_at()
        assert due is not None
        assert log.take(due - 0.01) is None
        pauses.append(due - now)
        now = due
    assert pauses == [1.0, 2.0, 3.0, 3.0]
    assert log.commits() == {}


def test_only_failed_records_are_given_again_and_hold_their_partition() -> None:
    log = backlog(retry_backoff_s=1.0)
    log.add([*(record(0, offset) for offset in range(1, 6)), record(1, 1)])
    batch = log.take(1.0)
    assert batch is not None
    log.add([record(0, 6), record(1, 2)])
    log.settle(batch, [r for r in batch.records if (r.partition, r.offset) == (0, 3)], 1.0)
    assert log.commits() == {0: 3, 1: 2}
    assert places(log.take(1.0)) == [(1, 2)]
    again = log.take(2.0)
    assert places(again) == [(0, 3)]
    assert again is not None
    log.settle(again, (), 2.0)
    assert log.commits() == {0: 6}
    assert places(log.take(2.0)) == [(0, 6)]


def test_retries_end_where_the_limit_says() -> None:
    log = backlog(maximum_retry_attempts=2, retry_backoff_s=0.0)
    log.add([record(0, 1), record(0, 2)])
    for _ in range(3):
        batch = log.take(1.0)
        assert batch is not None
        log.settle(batch, batch.records[:1], 1.0)
    assert log.counters.dropped == 1
    assert log.counters.invocations == 3
    assert log.idle
    assert log.commits() == {0: 3}


def test_every_polled_record_ends_committed_and_nothing_stays_in_flight() -> None:
    log = backlog(batch_size=3, retry_backoff_s=0.0)
    log.add(record(offset % 2, offset) for offset in range(20))
    for turn in range(1000):
        batch = log.take(1.0)
        if batch is None:
            break
        log.settle(batch, batch.records[::2] if turn % 3 == 0 else (), 1.0)
    counters = log.counters
    assert (counters.polled, counters.committed, counters.in_flight) == (20, 20, 0)
    assert counters.invoked == 20 + counters.failed
    assert log.idle


def test_a_batch_settled_after_a_rebalance_moves_no_offset() -> None:
    log = backlog()
    log.add([record(0, 1)])
    before = log.take(1.0)
    assert before is not None
    log.revoke()
    log.assign([0])
    log.add([record(0, 1)])
    again = log.take(1.0)
    assert again is not None
    log.settle(before, (), 1.0)
    assert log.commits() == {}
    assert log.take(1.0) is None
    log.settle(again, (), 1.0)
    assert log.commits() == {0: 2}


def test_a_retry_is_forgotten_with_its_assignment() -> None:
    log = backlog(retry_backoff_s=0.0)
    log.add([record(0, 1)])
    batch = log.take(1.0)
    assert batch is not None
    log.settle(batch, batch.records, 1.0)
    log.revoke()
    assert log.due_at() is None
    assert log.idle


def test_a_partition_that_grows_too_long_is_paused_until_it_is_short() -> None:
    log = backlog(batch_size=1500)
    log.add(record(0, offset) for offset in range(3000))
    assert (log.to_pause(), log.to_pause()) == ([0], [])
    assert log.to_resume() == []
    batch = log.take(1.0)
    assert batch is not None
    log.settle(batch, (), 1.0)
    assert log.to_resume() == []
    log.take(1.0)
    assert (log.to_resume(), log.to_resume()) == ([0], [])


@pytest.mark.parametrize("attempt", [0, 5, 10_000])
def test_the_pause_never_passes_its_cap(attempt: int) -> None:
    assert EventSourceSettings().backoff_s(attempt) <= 10.0
