"""The first days of a pipeline: it comes up, survives a failure, goes, and comes again."""

from __future__ import annotations

import pytest

from tests.rehearsal.account import Account
from tests.rehearsal.journey import Journey

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("rehearsal")]

STACKS = {"alarms", "kafka", "network", "nodes", "pipeline", "sweep", "tables"}


def test_a_first_deploy_and_a_second_without_a_change(journey: Journey) -> None:
    first = journey.deploy()
    assert first.ok, first.text
    assert set(journey.statuses()) == STACKS
    assert set(journey.columns()) == {"orders", "visits"}
    second = journey.deploy()
    assert second.ok, second.text
    assert second.text.count("(no changes)") == len(STACKS)


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("Custom::KeyspacesTable", "visits"),
        pytest.param("AWS::MSK::Topic", "visits", marks=pytest.mark.soak),
        pytest.param("AWS::Lambda::EventSourceMapping", "visits", marks=pytest.mark.soak),
    ],
)
def test_what_failed_in_the_middle_is_deployed_again(
    account: Account, journey: Journey, kind: str, named: str
) -> None:
    account.fail(kind, "the service had a bad moment", named)
    failed = journey.deploy()
    assert not failed.ok
    assert "the service had a bad moment" in failed.text
    again = journey.deploy()
    assert again.ok, again.text
    assert set(journey.statuses()) == STACKS
    assert len(journey.mappings()) == len(journey.topics()) == 3


def test_what_was_destroyed_is_deployed_again_over_the_tables(journey: Journey) -> None:
    assert journey.deploy().ok
    gone = journey.destroy()
    assert gone.ok, gone.text
    assert journey.statuses() == {}
    assert set(journey.columns()) == {"orders", "visits"}, "no stack ever drops a table"
    again = journey.deploy()
    assert again.ok, again.text


def test_two_pipelines_share_an_account(journey: Journey, account: Account) -> None:
    """Of the same tables even: names, topics and groups are each one's own."""
    first = journey.deploy()
    assert first.ok, first.text
    (journey.folder / "other").mkdir()
    other = Journey(account, journey.folder / "other", f"{journey.name}-b")
    other.keyspace, other.schema = journey.keyspace, journey.schema
    second = other.deploy()
    assert second.ok, second.text
    assert set(journey.mappings().values()).isdisjoint(other.mappings().values())
