"""Writes whose answer is lost: whether they happened is unknown, and none may happen twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from keyspaces_local.faults import ErrorAnswer, Fault, FaultAction, Operation
from sandbox.chain import Chain
from sandbox.compare import compare_table
from sandbox.sessions import cassandra_session, create_keyspaces_tables
from sandbox.stack import Stack

pytestmark = pytest.mark.stack

LISTS = "CREATE TABLE ambiguous.lists (a int PRIMARY KEY, l list<int>, m map<int, int>)"
COUNTS = "CREATE TABLE ambiguous.counts (a int, b int, c counter, PRIMARY KEY (a, b))"
SWITCHES = "CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"
WAIT_S = 120.0
"""A counter whose write timed out waits for its lease to run out, perhaps more than once."""


@dataclass(frozen=True, slots=True)
class Bench:
    source: Any
    behind: Any
    chain: Chain
    stack: Stack

    def wait_until_equal(self, table: str) -> None:
        end = time.monotonic() + WAIT_S
        while differences := compare_table(self.source, self.behind, table).differences:
            if time.monotonic() > end:
                pytest.fail(f"{differences} {self.chain.last_error}")
            time.sleep(0.2)


@pytest.fixture(scope="module")
def bench(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    keyspace = "CREATE KEYSPACE ambiguous WITH replication = "
    stack.create_tables(
        keyspace + stack.replication, *(f"{table} WITH cdc = true" for table in (LISTS, COUNTS))
    )
    single = keyspace + "{'class': 'SingleRegionStrategy'}"
    create_keyspaces_tables(stack.target, "ambiguous", [single, f"{LISTS} WITH {SWITCHES}", COUNTS])
    tables = ["ambiguous.lists", "ambiguous.counts"]
    with (
        cassandra_session(stack.source) as source,
        cassandra_session(stack.behind) as behind,
        Chain(stack, tables, tmp_path_factory.mktemp("ambiguous")) as chain,
    ):
        yield Bench(source, behind, chain, stack)
        stack.keyspaces.control.reset()


@pytest.mark.parametrize("action", [FaultAction.DROP_ANSWER, FaultAction.CUT_AFTER])
def test_a_list_is_not_doubled(action: FaultAction, bench: Bench) -> None:
    control = bench.stack.keyspaces.control
    fault = Fault(action, share=0.3, table="ambiguous.lists", operation=Operation.WRITE, seed=3)
    control.add_fault(fault)
    for number in range(12):
        bench.source.execute(
            f"UPDATE ambiguous.lists SET l = l + [{number}] WHERE a = {number % 3}"
        )
        bench.source.execute(f"UPDATE ambiguous.lists SET m[{number}] = 1 WHERE a = {number % 3}")
        time.sleep(0.2)
    (count,) = control.faults()
    control.clear_faults()
    bench.wait_until_equal("ambiguous.lists")
    assert count.fired > 0, "the fault never fired: the test shows nothing"


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        (FaultAction.DROP_ANSWER, ErrorAnswer.THROTTLED),
        (FaultAction.CUT_AFTER, ErrorAnswer.THROTTLED),
        (FaultAction.REFUSE, ErrorAnswer.THROTTLED),
    ],
)
def test_a_counter_is_not_added_to_twice(
    action: FaultAction, answer: ErrorAnswer, bench: Bench
) -> None:
    """A lost answer or connection, and a throttle that looks like one: all leave doubt."""
    control = bench.stack.keyspaces.control
    control.add_fault(
        Fault(
            action,
            share=0.3,
            table="ambiguous.counts",
            operation=Operation.WRITE,
            answer=answer,
            seed=1,
        )
    )
    for number in range(20):
        bench.source.execute(
            f"UPDATE ambiguous.counts SET c = c + {number} WHERE a = {number % 2} AND b = 1"
        )
        time.sleep(0.1)
    time.sleep(2)
    (count,) = control.faults()
    control.clear_faults()
    bench.wait_until_equal("ambiguous.counts")
    assert count.fired > 0, "the fault never fired: the test shows nothing"
