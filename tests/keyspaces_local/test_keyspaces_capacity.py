"""Capacities and faults as values: what is let through, what fires, on a clock of the test's."""

from typing import Any

import pytest

from keyspaces_local.behaviour import Behaviour, Conduct
from keyspaces_local.capacity import (
    BURST_SECONDS,
    Bucket,
    Capacities,
    ChargedRead,
    TableCapacity,
    own_capacity,
)
from keyspaces_local.faults import ArmedFault, Fault, FaultAction, Operation
from keyspaces_local.messages import (
    behaviour_message,
    behaviour_of,
    capacity_of,
    fault_count_message,
    fault_count_of,
    fault_message,
    fault_of,
)
from keyspaces_local.meters import ReadMeter
from keyspaces_local.properties import TableSettings, defaults


def drain(bucket: Bucket, now: float, units: float = 1) -> int:
    """Return how many requests get through at one moment."""
    done = 0
    while bucket.has(units, now):
        bucket.take(units)
        done += 1
        assert done < 100_000
    return done


def test_a_bucket_gives_its_rate() -> None:
    bucket = Bucket(10, 0, now=100)
    assert [drain(bucket, moment) for moment in (100, 100.05, 100.5, 103, 200)] == [
        10,
        0,
        5,
        10,
        10,
    ]


def test_what_is_unused_is_kept_for_a_burst() -> None:
    bucket = Bucket(10, 300, now=0)
    assert drain(bucket, 0) == 10
    assert drain(bucket, 100) == 1000
    assert drain(bucket, 10_000) == 3000


def test_a_row_larger_than_a_second_needs_a_full_bucket() -> None:
    bucket = Bucket(10, 0, now=0)
    assert drain(bucket, 0, units=40) == 1
    assert drain(bucket, 3.9, units=40) == 0
    assert drain(bucket, 4, units=40) == 1


def test_a_read_is_charged_when_it_is_answered() -> None:
    bucket, meter = Bucket(10, 0, now=0), ReadMeter()
    assert bucket.has(1, 0)
    bucket.take(1)
    ChargedRead(meter, [bucket], 1.0, 1.0).add(5 * 4096)
    assert (meter.requests, meter.units, bucket.level) == (1, 5, 5)
    ChargedRead(meter, [bucket], 0.5, 0.5).add(100)
    assert (meter.units, bucket.level) == (6, 5)


def settings(**mode: str) -> TableSettings:
    properties = defaults(0)
    if mode:
        properties["capacity_mode"] = mode
    return TableSettings("ks", "t", properties=properties)


PROVISIONED = {
    "throughput_mode": "PROVISIONED",
    "read_capacity_units": "20",
    "write_capacity_units": "5",
}


def test_a_table_has_the_capacity_of_its_mode() -> None:
    assert own_capacity(settings()) == TableCapacity(4000, 12000)
    assert own_capacity(settings(**PROVISIONED)) == TableCapacity(5, 20, BURST_SECONDS)
    warm = settings()
    warm.properties["warm_throughput"] = {"write_units_per_second": "9000"}
    assert own_capacity(warm) == TableCapacity(9000, 12000)


def admitted(capacities: Capacities, table: TableSettings, key: bytes, write: bool = True) -> int:
    done = 0
    while capacities.admit(table, key, 1, write, 0.0) is not None:
        done += 1
        if done > 50_000:
            return -1
    return done


def test_nothing_is_limited_until_it_is_asked_for() -> None:
    capacities = Capacities()
    assert not capacities.active
    assert admitted(capacities, settings(), b"k") == -1


def test_a_partition_a_table_and_the_others_are_told_apart() -> None:
    capacities, table = Capacities(), settings()
    capacities.quotas = True
    assert [admitted(capacities, table, key) for key in (b"a", b"b", b"c")] == [1000] * 3
    assert admitted(capacities, table, b"a", write=False) == 3000
    assert [admitted(capacities, table, key) for key in (b"d", b"e")] == [1000, 0]
    other = TableSettings("ks", "other", properties=defaults(0))
    assert admitted(capacities, other, b"a") == 1000


def test_an_explicit_capacity_goes_before_the_mode() -> None:
    capacities, table = Capacities(), settings(**PROVISIONED)
    capacities.quotas = True
    assert admitted(capacities, table, b"a") == 5
    capacities.explicit["ks.t"] = TableCapacity(write=70)
    assert admitted(capacities, table, b"a") == 70
    capacities.explicit["ks.t"] = TableCapacity(read=3)
    assert admitted(capacities, table, b"b") == 1000


def test_a_refused_request_takes_nothing() -> None:
    capacities, table = Capacities(), settings()
    capacities.explicit["ks.t"] = TableCapacity(write=10)
    assert capacities.admit(table, None, 8, True, 0) is not None
    assert capacities.admit(table, None, 8, True, 0) is None
    assert capacities.admit(table, None, 2, True, 0) is not None


# --- faults

SOME = Fault(FaultAction.CUT, share=0.3, table="ks.t", operation=Operation.WRITE, seed=5)


def test_the_same_seed_hits_the_same_requests() -> None:
    fates = []
    for seed in (5, 5, 6):
        armed = ArmedFault(1, Fault(FaultAction.CUT, share=0.3, seed=seed))
        fates.append([armed.fires() for _ in range(1000)])
        assert (armed.count().met, armed.count().fired) == (1000, sum(fates[-1]))
    assert fates[0] == fates[1] != fates[2]
    assert 250 < sum(fates[0]) < 350


@pytest.mark.parametrize(
    ("table", "write", "met"), [("ks.t", True, True), ("ks.t", False, False), ("ks.u", True, False)]
)
def test_a_fault_meets_its_table_and_operation(table: str, write: bool, met: bool) -> None:
    assert ArmedFault(1, SOME).meets(table, write) is met
    assert ArmedFault(2, Fault(FaultAction.REFUSE)).meets(table, write)


def test_faults_come_and_go() -> None:
    conduct = Conduct()
    numbers = [conduct.add_fault(Fault(FaultAction.REFUSE, table=name)).number for name in "ab"]
    assert (numbers, conduct.gated) == ([1, 2], True)
    found = conduct.fault_for("b", True)
    assert found is not None
    assert found.table == "b"
    conduct.clear_faults(1)
    assert [armed.number for armed in conduct.faults] == [2]
    conduct.clear_faults()
    assert (conduct.faults, conduct.gated, conduct.fault_for("b", True)) == ([], False, None)


def test_messages_give_back_what_went_in() -> None:
    for fault in (SOME, Fault(FaultAction.DELAY, seconds=0.5)):
        assert fault_of(fault_message(fault)) == fault
        count = ArmedFault(3, fault).count()
        assert fault_count_of(fault_count_message(count)) == count
    behaviour = Behaviour(ddl_seconds=2, quotas=True, overwrites_do_not_shadow=True)
    assert behaviour_of(behaviour_message(behaviour)) == behaviour
    assert behaviour_of({"quotas": True}, Behaviour(ddl_seconds=2)).ddl_seconds == 2
    assert capacity_of({"write": 5}) == TableCapacity(write=5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: fault_of({"action": "explode"}), "explode"),
        (lambda: fault_of({"action": "cut", "share": 0}), "above 0 and at most 1"),
        (lambda: fault_of({"action": "cut", "share": "much"}), "share is a number"),
        (lambda: fault_of({"action": "cut", "seconds": 1}), "belong to a delay"),
        (lambda: fault_of({"action": "delay"}), "belong to a delay"),
        (lambda: fault_of({"action": "cut", "tables": "a.b"}), "has the fields"),
        (lambda: behaviour_of({"quotas": 1}), "true or false"),
        (lambda: behaviour_of({"ddl_seconds": True}), "a number"),
        (lambda: behaviour_of({"ddl_seconds": -1}), "0 or more"),
        (lambda: behaviour_of({"idle_seconds": 0}), "above 0"),
        (lambda: behaviour_of({"wibble": 1}), "has the fields"),
        (lambda: capacity_of({"write": 0}), "above 0"),
        (lambda: capacity_of({"write": "5"}), "a number"),
    ],
)
def test_wrong_messages_are_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
