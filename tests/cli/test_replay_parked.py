"""`hintferry replay` on the parked queue: what is meant moves, the rest stays, nothing is lost."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

import botocore.client
import pytest

from hintferry_cli.replay import command, parked
from tests.cli.conftest import Deployment, refuse

pytestmark = pytest.mark.slow


def test_all_messages_are_moved_as_they_are(deployment: Deployment) -> None:
    bodies = [deployment.park(hint={"number": number}) for number in range(25)]
    result = deployment.run()
    assert result.exit_code == 0, result.output
    assert sorted(deployment.taken(deployment.replay_url)) == sorted(bodies)
    assert deployment.taken(deployment.parked_url) == []


@pytest.mark.parametrize(
    ("arguments", "moved"),
    [
        (["shop.orders"], [0, 1]),
        (["--reason", "stuck"], [1, 3]),
        (["shop.orders", "--reason", "stuck"], [1]),
        (["--reason", "unknown"], []),
    ],
)
def test_only_what_is_meant_is_moved_and_the_rest_is_visible_again(
    arguments: list[str], moved: list[int], deployment: Deployment
) -> None:
    bodies = [
        deployment.park("shop.orders", "schema"),
        deployment.park("shop.orders", "stuck"),
        deployment.park("shop.readings", "schema"),
        deployment.park("shop.readings", "stuck"),
    ]
    result = deployment.run(*arguments)
    assert result.exit_code == 0, result.output
    wanted = sorted(bodies[index] for index in moved)
    assert sorted(deployment.taken(deployment.replay_url)) == wanted
    left = sorted(body for index, body in enumerate(bodies) if index not in moved)
    assert sorted(deployment.taken(deployment.parked_url)) == left


def test_the_result_says_per_reason_what_was_sent_and_left(deployment: Deployment) -> None:
    for reason in ("schema", "schema", "stuck"):
        deployment.park(reason=reason)
    result = deployment.run("--reason", "schema", "--json")
    told = json.loads(result.stdout)
    assert [step["verb"] for step in told.pop("next_steps")] == ["status"]
    assert told == {
        "version": 1,
        "dry_run": False,
        "reasons": {
            "schema": {"sent": 2, "left": 0, "failed": 0},
            "stuck": {"sent": 0, "left": 1, "failed": 0},
        },
        "total": {"sent": 2, "left": 1, "failed": 0},
        "errors": {},
        "unfinished": None,
    }


def test_a_dry_run_moves_nothing_and_says_what_it_would(deployment: Deployment) -> None:
    bodies = sorted([deployment.park(), deployment.park(reason="stuck")])
    result = deployment.run("--dry-run")
    assert result.exit_code == 0
    assert "would send" in result.stdout
    assert ["stuck", "1", "0", "0"] in [line.split() for line in result.stdout.splitlines()]
    assert deployment.taken(deployment.replay_url) == []
    assert sorted(deployment.taken(deployment.parked_url)) == bodies


@pytest.mark.parametrize("body", ["not JSON", "[1]", "{}", "[" * 100_000, '{"reason": [1]}'])
def test_a_message_that_is_not_ours_has_no_known_reason(body: str, deployment: Deployment) -> None:
    deployment.sqs.send_message(QueueUrl=deployment.parked_url, MessageBody=body)
    result = deployment.run("--reason", "unknown")
    assert result.exit_code == 0
    assert deployment.taken(deployment.replay_url) == [body]


def test_poison_that_is_parked_again_meanwhile_is_not_taken_again(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a worker does that is quicker than the run."""
    deployment.park()
    time.sleep(1.1)  # the queue's clock, as the run learns it, has whole seconds
    ask = botocore.client.BaseClient._make_api_call
    sent = []

    def parked_again(client: Any, name: str, arguments: Any) -> Any:
        if name == "SendMessageBatch":
            sent.append(arguments)
            time.sleep(1.2)
            deployment.park()
            assert len(sent) < 5, "the run follows its own tail"
        return ask(client, name, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", parked_again)
    result = deployment.run()
    assert result.exit_code == 0
    assert len(sent) == 1
    assert len(deployment.taken(deployment.parked_url)) == 1


def test_a_message_that_becomes_visible_too_soon_is_looked_at_once(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parked, "HIDDEN_S", 0)
    deployment.park()
    result = deployment.run("--reason", "stuck", "--json")
    assert json.loads(result.stdout)["total"] == {"sent": 0, "left": 1, "failed": 0}


def test_one_empty_answer_does_not_end_the_run(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service may answer from hosts that hold none of the messages."""
    deployment.park()
    ask = botocore.client.BaseClient._make_api_call
    receives: Counter[str] = Counter()

    def nothing_at_first(client: Any, name: str, arguments: Any) -> Any:
        receives[name] += 1
        first = name == "ReceiveMessage" and receives[name] == 1
        return {} if first else ask(client, name, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", nothing_at_first)
    assert deployment.run().exit_code == 0
    monkeypatch.undo()
    assert len(deployment.taken(deployment.replay_url)) == 1


def test_what_the_replay_queue_does_not_take_stays_parked(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = deployment.park()
    refuse(monkeypatch, "SendMessageBatch")
    result = deployment.run("--json")
    assert result.exit_code == 4
    answer = json.loads(result.stdout)
    assert answer["total"] == {"sent": 0, "left": 0, "failed": 1}
    assert "out of order" in next(iter(answer["errors"]))
    assert deployment.taken(deployment.parked_url) == [body]


def test_a_message_is_deleted_only_after_it_was_sent(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where deleting fails it is in both queues, and the run says so."""
    body = deployment.park()
    refuse(monkeypatch, "DeleteMessageBatch")
    result = deployment.run()
    assert result.exit_code == 4
    assert "sent to the replay queue, but not deleted" in result.stderr
    assert deployment.taken(deployment.replay_url) == [body]
    assert deployment.taken(deployment.parked_url) == [body]


def test_a_fault_on_the_way_ends_the_run_and_leaves_the_rest_visible(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(25):
        deployment.park(reason="stuck")
    refuse(monkeypatch, "ReceiveMessage", after=2)
    result = deployment.run("--reason", "schema")
    assert result.exit_code == 4
    assert "run it again" in result.stderr
    assert "Traceback" not in result.output
    monkeypatch.undo()
    assert len(deployment.taken(deployment.parked_url)) == 25


def test_a_run_that_takes_too_long_ends_and_says_so(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.park()
    monkeypatch.setattr(command, "LONGEST_S", -1.0)
    result = deployment.run()
    assert result.exit_code == 4
    assert "run it again" in result.stderr
    assert len(deployment.taken(deployment.parked_url)) == 1


def test_no_more_are_sent_in_a_second_than_asked(deployment: Deployment) -> None:
    for _ in range(12):
        deployment.park()
    began = time.monotonic()
    result = deployment.run("--rate", "5")
    assert result.exit_code == 0
    assert time.monotonic() - began >= 2.0
    assert len(deployment.taken(deployment.replay_url)) == 12


def test_many_messages_are_moved_in_calls_of_ten(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(50):
        deployment.park()
    calls = refuse(monkeypatch, "nothing")
    deployment.run()
    assert calls["SendMessageBatch"] == calls["DeleteMessageBatch"] == 5


def test_large_messages_are_sent_in_calls_that_the_queue_takes(deployment: Deployment) -> None:
    for _ in range(3):
        deployment.park(filler="x" * 500_000)
    assert deployment.run().exit_code == 0
    assert len(deployment.taken(deployment.replay_url)) == 3
