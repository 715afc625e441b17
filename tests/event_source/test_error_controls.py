"""Test what happens to records that fail: retry limits, age, bisect, both readings of a failure,
and what is given up.
"""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.services.event_source.backlog import Backlog
from sandbox.services.event_source.batch import PAYLOAD_LIMIT_BYTES, Batch
from sandbox.services.event_source.discard import Discard, DiscardReason
from sandbox.services.event_source.settings import EventSourceSettings, PartialRetry
from tests.event_source.backlogs import backlog, named, places, record, taken

AT_ONCE: Any = {"retry_backoff_s": 0.0}


def fail_whole(log: Backlog, batch: Batch, now: float = 1.0) -> None:
    log.settle(batch, batch.records, now, function_error=True, request_id="r")


def given_up(log: Backlog) -> Discard:
    discard = log.next_discard()
    assert discard is not None
    return discard


class TestRetryLimit:
    @pytest.mark.parametrize(
        ("attempts", "has_destination", "limit"),
        [(-1, False, -1), (-1, True, 10), (0, True, 0), (10_000, True, 10_000)],
    )
    def test_endless_retries_with_a_destination_are_ten(
        self, attempts: int, has_destination: bool, limit: int
    ) -> None:
        settings = EventSourceSettings(maximum_retry_attempts=attempts)
        assert settings.retry_limit(has_destination=has_destination) == limit

    def test_the_hidden_ten_retries_are_eleven_invocations(self) -> None:
        log = backlog(has_destination=True, **AT_ONCE)
        log.add([record(0, 1)])
        while batch := log.take(1.0):
            fail_whole(log, batch)
        assert log.counters.invocations == 11
        discard = given_up(log)
        assert (discard.condition, discard.batch.invocations) == (DiscardReason.RETRIES, 11)
        assert (discard.request_id, discard.function_error) == ("r", True)

    def test_without_a_destination_they_are_endless(self) -> None:
        log = backlog(**AT_ONCE)
        log.add([record(0, 1)])
        for _ in range(1000):
            fail_whole(log, taken(log))
        assert log.counters.dropped == 0

    def test_a_partial_failure_gives_up_what_failed(self) -> None:
        log = backlog(has_destination=True, maximum_retry_attempts=0)
        log.add([record(0, 1), record(0, 2), record(1, 1)])
        batch = taken(log)
        log.settle(batch, named(batch, (0, 2)), 1.0)
        discard = given_up(log)
        assert (places(discard.batch), discard.function_error) == ([(0, 2)], False)


class TestDelivery:
    def test_no_offset_passes_records_before_they_are_delivered(self) -> None:
        log = backlog(has_destination=True, maximum_retry_attempts=0)
        log.add([record(0, 1), record(1, 1)])
        fail_whole(log, taken(log))
        log.add([record(0, 2)])
        assert log.due_at() == 0.0
        discard = given_up(log)
        assert (log.commits(), log.take(1.0), log.due_at()) == ({}, None, None)
        assert (log.idle, log.working) == (False, 1)
        log.discarded(discard, delivered=True)
        assert log.commits() == {0: 2, 1: 2}
        assert places(log.take(1.0)) == [(0, 2)]
        assert (log.counters.delivered, log.counters.dropped) == (2, 0)

    def test_a_failed_delivery_is_lost_data_and_the_stream_goes_on(self) -> None:
        log = backlog(has_destination=True, maximum_retry_attempts=0)
        log.add([record(0, 1)])
        fail_whole(log, taken(log))
        log.discarded(given_up(log), delivered=False)
        counters = log.counters
        assert (counters.delivered, counters.dropped, counters.delivery_errors) == (0, 1, 1)
        assert log.commits() == {0: 2}

    def test_without_a_destination_dropping_is_no_delivery_error(self) -> None:
        log = backlog(maximum_retry_attempts=0)
        log.add([record(0, 1)])
        fail_whole(log, taken(log))
        assert (log.counters.dropped, log.counters.delivery_errors) == (1, 0)
        assert log.next_discard() is None

    def test_what_is_delivered_after_a_rebalance_moves_no_offset(self) -> None:
        log = backlog(has_destination=True, maximum_retry_attempts=0)
        log.add([record(0, 1)])
        fail_whole(log, taken(log))
        discard = given_up(log)
        log.revoke()
        log.assign([0])
        log.add([record(0, 1)])
        again = taken(log)
        log.discarded(discard, delivered=True)
        assert (log.commits(), log.take(1.0)) == ({}, None)
        log.settle(again, (), 1.0)
        assert log.commits() == {0: 2}

    def test_a_record_over_6_mb_is_delivered_alone_and_never_invoked(self) -> None:
        log = backlog(1, has_destination=True)
        log.add([record(0, 1), record(0, 2, size=PAYLOAD_LIMIT_BYTES), record(0, 3)])
        log.settle(taken(log), (), 1.0)
        assert log.take(1.0) is None
        discard = given_up(log)
        assert (discard.condition, places(discard.batch)) == (DiscardReason.SIZE, [(0, 2)])
        assert discard.batch.invocations == 0
        log.discarded(discard, delivered=True)
        assert places(log.take(1.0)) == [(0, 3)]


class TestAge:
    def test_what_is_too_old_is_never_invoked(self) -> None:
        log = backlog(1, has_destination=True, maximum_record_age_s=60)
        log.add([record(0, 1, written_ms=1_000), record(0, 2, written_ms=2_000), record(0, 3)])
        assert places(log.take(61.0)) == [(0, 1), (0, 2)]
        log = backlog(1, has_destination=True, maximum_record_age_s=60)
        log.add([record(0, 1, written_ms=1_000), record(0, 2, written_ms=9_000)])
        assert log.take(61.1) is None
        discard = given_up(log)
        assert (discard.condition, places(discard.batch)) == (DiscardReason.AGE, [(0, 1)])
        log.discarded(discard, delivered=True)
        assert places(log.take(61.1)) == [(0, 2)]

    def test_a_retry_gives_up_what_has_become_too_old(self) -> None:
        log = backlog(2, has_destination=True, maximum_record_age_s=60, **AT_ONCE)
        log.add([record(0, 1, written_ms=1_000), record(0, 2, written_ms=9_000), record(1, 1)])
        batch = taken(log, 1.0)
        log.settle(batch, named(batch, (0, 1), (0, 2)), 1.0)
        assert log.take(62.0) is None
        discard = given_up(log)
        assert (places(discard.batch), discard.batch.invocations) == ([(0, 1)], 1)
        log.discarded(discard, delivered=True)
        assert places(log.take(62.0)) == [(0, 2)]

    def test_without_a_destination_the_old_are_dropped_and_the_young_taken(self) -> None:
        log = backlog(1, maximum_record_age_s=60)
        log.add([*(record(0, n, written_ms=1_000) for n in range(250))])
        log.add([record(0, 250, written_ms=90_000)])
        assert places(log.take(100.0)) == [(0, 250)]
        assert (log.counters.dropped, log.counters.committed) == (250, 250)

    def test_old_records_are_given_up_in_batches_of_the_batch_size(self) -> None:
        log = backlog(1, has_destination=True, maximum_record_age_s=60, batch_size=2)
        log.add(record(0, offset) for offset in range(3))
        log.take(100.0)
        discard = given_up(log)
        assert places(discard.batch) == [(0, 0), (0, 1)]


class TestBisect:
    def test_halves_come_one_after_the_other_where_they_share_a_partition(self) -> None:
        log = backlog(1, bisect_batch_on_function_error=True, **AT_ONCE)
        log.add(record(0, offset) for offset in range(4))
        fail_whole(log, taken(log))
        first = taken(log)
        assert places(first) == [(0, 0), (0, 1)]
        assert (log.take(1.0), log.due_at()) == (None, None)
        log.settle(first, (), 1.0)
        assert log.commits() == {0: 2}
        assert places(log.take(1.0)) == [(0, 2), (0, 3)]

    def test_halves_of_different_partitions_come_side_by_side(self) -> None:
        log = backlog(2, bisect_batch_on_function_error=True, **AT_ONCE)
        log.add([record(0, 1), record(1, 1)])
        fail_whole(log, taken(log))
        assert {tuple(places(log.take(1.0))) for _ in range(2)} == {((0, 1),), ((1, 1),)}

    def test_a_poison_record_ends_alone_and_the_others_pass_in_order(self) -> None:
        log = backlog(
            1, has_destination=True, bisect_batch_on_function_error=True, maximum_retry_attempts=1,
            **AT_ONCE,
        )  # fmt: skip
        log.add(record(0, offset) for offset in range(8))
        passed: list[int] = []
        for _ in range(100):
            if discard := log.next_discard():
                assert places(discard.batch) == [(0, 5)]
                log.discarded(discard, delivered=True)
            if (batch := log.take(1.0)) is None:
                break
            offsets = [offset for _, offset in places(batch)]
            if 5 in offsets:
                fail_whole(log, batch)
            else:
                passed += offsets
                log.settle(batch, (), 1.0)
        assert passed == [0, 1, 2, 3, 4, 6, 7]
        assert log.commits() == {0: 8}
        assert (log.counters.delivered, log.idle) == (1, True)

    def test_a_half_that_waits_for_its_retry_is_not_passed_by_the_other(self) -> None:
        log = backlog(1, bisect_batch_on_function_error=True, retry_backoff_s=1.0)
        log.add(record(0, offset) for offset in range(4))
        fail_whole(log, taken(log, 1.0), 1.0)
        fail_whole(log, taken(log, 2.0), 2.0)
        assert (log.take(2.9), log.due_at()) == (None, 3.0)
        assert places(log.take(3.0)) == [(0, 0)]

    @pytest.mark.parametrize("attempts", [0, 1])
    def test_splitting_uses_up_no_retry(self, attempts: int) -> None:
        log = backlog(
            1,
            has_destination=True,
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=attempts,
            **AT_ONCE,
        )
        log.add(record(0, offset) for offset in range(2))
        for _ in range(2 + attempts):
            assert log.next_discard() is None
            fail_whole(log, taken(log))
        assert given_up(log).batch.invocations == 2 + attempts

    def test_a_partial_failure_does_not_split(self) -> None:
        log = backlog(1, bisect_batch_on_function_error=True, **AT_ONCE)
        log.add(record(0, offset) for offset in range(4))
        batch = taken(log)
        log.settle(batch, batch.records, 1.0)
        assert len(places(log.take(1.0))) == 4


class TestPartialFailure:
    def test_reading_one_only_the_failed_come_again(self) -> None:
        log = backlog(partial_retry=PartialRetry.FAILED_ONLY, **AT_ONCE)
        log.add([*(record(0, offset) for offset in range(4)), record(1, 0), record(1, 1)])
        batch = taken(log)
        log.settle(batch, named(batch, (0, 1)), 1.0)
        assert log.commits() == {0: 1, 1: 2}
        assert places(log.take(1.0)) == [(0, 1)]

    def test_reading_two_all_from_the_first_failed_on_come_again(self) -> None:
        log = backlog(partial_retry=PartialRetry.FROM_FIRST_FAILED, **AT_ONCE)
        log.add([*(record(0, offset) for offset in range(4)), record(1, 0), record(1, 1)])
        batch = taken(log)
        log.settle(batch, named(batch, (0, 3), (0, 1)), 1.0)
        assert log.commits() == {0: 1, 1: 2}
        again = taken(log)
        assert places(again) == [(0, 1), (0, 2), (0, 3)]
        assert log.counters.failed == 2
        log.settle(again, (), 1.0)
        assert log.commits() == {0: 4}

    @pytest.mark.parametrize("reading", PartialRetry)
    def test_under_both_nothing_passes_a_failed_record_and_all_is_committed(
        self, reading: PartialRetry
    ) -> None:
        log = backlog(3, partial_retry=reading, batch_size=4, **AT_ONCE)
        log.add(record(offset % 3, offset) for offset in range(30))
        last: dict[int, int] = {}
        for turn in range(500):
            if (batch := log.take(1.0)) is None:
                break
            failed = batch.records[1::2] if turn % 2 else ()
            for number in batch.partitions:
                first = min(offset for part, offset in places(batch) if part == number)
                assert first >= last.get(number, -1)
                lost = [one.offset for one in failed if one.partition == number]
                last[number] = min(lost, default=max(o for p, o in places(batch) if p == number))
            log.settle(batch, failed, 1.0)
        assert log.idle
        assert log.commits() == {0: 28, 1: 29, 2: 30}


class TestOnDemandMode:
    @pytest.mark.parametrize(
        "control",
        [
            {"maximum_retry_attempts": 3},
            {"maximum_record_age_s": 60},
            {"bisect_batch_on_function_error": True},
            {"report_batch_item_failures": True},
        ],
    )
    def test_controls_of_errors_need_provisioned_pollers(self, control: dict[str, int]) -> None:
        plain = {"pollers": None, "report_batch_item_failures": False}
        EventSourceSettings(**plain)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="need ProvisionedPollers"):
            EventSourceSettings(**{**plain, **control})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ({"batch_size": 10_001}, "BatchSize"),
        ({"batch_size": 0}, "BatchSize"),
        ({"window_s": 301}, "MaximumBatchingWindowInSeconds"),
        ({"window_s": 0.05}, "MaximumBatchingWindowInSeconds"),
        ({"window_s": 1.5}, "MaximumBatchingWindowInSeconds"),
        ({"maximum_retry_attempts": 10_001}, "MaximumRetryAttempts"),
        ({"maximum_record_age_s": 59}, "MaximumRecordAgeInSeconds"),
        ({"maximum_record_age_s": 604_801}, "MaximumRecordAgeInSeconds"),
    ],
)
def test_what_the_service_refuses_is_refused_by_name(setting: dict[str, int], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        EventSourceSettings(**setting)  # type: ignore[arg-type]
