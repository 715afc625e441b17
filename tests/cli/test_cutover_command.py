"""`hintferry status` and `cutover`: wrong calls, and what is shown and told."""

from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from hintferry.adapters.clocks.both_sides import CqlClocks
from hintferry.adapters.clocks.cached_answer import CACHED_S
from hintferry.adapters.config.places import Queues
from hintferry.core.clock_offset import Offset
from hintferry.core.errors import ConfigurationError
from hintferry.core.limits import CUTOVER_WAIT_S
from hintferry.core.schema import TableId
from hintferry.ports import Fence
from hintferry_cli.app import app
from hintferry_cli.cutover import command
from hintferry_cli.gate import options, view
from hintferry_cli.gate.view import Standing, TableStatus
from hintferry_cli.gate.waiting import QueuesAndBucket
from hintferry_cli.spans import span
from hintferry_ops.cutover.gate import gate
from hintferry_ops.cutover.gate.queues import IN_FLIGHT
from tests.unit.ops import test_gate as gates
from tools import places

QUEUES = ["--parked-queue-url", "p", "--replay-queue-url", "r", "--bucket", "b"]
CONFIG = (
    '[source]\ncontact_points = ["127.0.0.1"]\nport = 1\ndatacenter = "d"\n'
    '[target]\nendpoint = "127.0.0.1"\nport = 1\nregion = "eu-west-1"\n'
)
WITH_ORDERS = CONFIG + '[tables."shop.orders"]\n'
OPEN = gates.OPEN


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["status"], "--parked-queue-url"),
        (["status", *QUEUES], "lists no table"),
        (["status", "orders", *QUEUES], "keyspace.table"),
        (["status", "shop.orders", *QUEUES, "--writes-stopped", "noon"], "is not a time"),
        (
            ["status", "shop.orders", *QUEUES, "--repaired", "2026-11-26T14:03:20"],
            "has no time zone",
        ),
        (["cutover", *QUEUES], "lists no table"),
        (["cutover", "shop.orders", "--undo", "--writes-stopped", "now"], "cannot be combined"),
    ],
)
def test_a_wrong_call_says_what_to_fix(
    arguments: list[str], says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("PARKED_QUEUE_URL", "REPLAY_QUEUE_URL", "BUCKET"):
        monkeypatch.delenv(f"HINTFERRY_{name}", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    config = tmp_path / "migration.toml"
    config.write_text(CONFIG)
    result = CliRunner().invoke(app, [*arguments, "--config", str(config)])
    assert result.exit_code == 2, result.output
    assert says in re.sub(r"\s+", " ", result.stderr)
    assert "Traceback" not in result.output
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["shop.orders"], "--parked-queue-url"),
        (["orders"], "write shop.orders"),
        ([], "give tables as keyspace.table, keyspaces, groups, waves, or --all alone"),
        (["shop.carts"], "shop.carts is in the group checkout, which is cut over as one; name"),
        (["shop.carts", "--undo", "--yes"], "so that shop.visits goes with it"),
    ],
)
def test_a_wrong_choice_of_tables_says_what_to_write(
    arguments: list[str], says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("PARKED_QUEUE_URL", "REPLAY_QUEUE_URL", "BUCKET"):
        monkeypatch.delenv(f"HINTFERRY_{name}", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    config = tmp_path / "migration.toml"
    group = '[tables."shop.carts"]\n[tables."shop.visits"]\n'
    group += '[groups]\ncheckout = ["shop.carts", "shop.visits"]\n'
    config.write_text(WITH_ORDERS + group)
    result = CliRunner().invoke(app, ["cutover", *arguments, "--config", str(config)])
    assert result.exit_code == 2, result.output
    assert says in re.sub(r"\s+", " ", result.stderr)


def test_a_side_that_does_not_answer_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    config = tmp_path / "migration.toml"
    config.write_text(WITH_ORDERS)
    result = CliRunner().invoke(app, ["cutover", "shop.orders", *QUEUES, "--config", str(config)])
    assert result.exit_code == 3, result.output
    assert "cannot connect" in re.sub(r"\s+", " ", result.stderr)
    assert "Traceback" not in result.output
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments", [["status"], ["cutover"], ["cutover", "--undo", "--yes"]], ids=" ".join
)
def test_by_a_clock_that_is_wrong_no_fence_is_set_or_judged(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ahead = Offset(60_000_000, 60_002_000)
    monkeypatch.setattr(CqlClocks, "target", lambda clocks: ahead)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    config = tmp_path / "migration.toml"
    config.write_text(WITH_ORDERS)
    call = [*arguments, "shop.orders", *QUEUES, "--config", str(config)]
    result = CliRunner().invoke(app, call)
    assert result.exit_code == 2, result.output
    assert "this machine's clock is 60.001 s" in result.stderr


def status(**changes: Any) -> TableStatus:
    facts = replace(OPEN, **changes)
    return view.status_from_gate(facts, gate(facts))


def fenced(ago_s: float) -> TableStatus:
    return TableStatus(OPEN.table, gates.NOW, Fence(gates.NOW - ago_s, None))


RUNNING: dict[str, Any] = {"confirmations": replace(gates.ANSWERS, stopped_at=None)}


@pytest.mark.parametrize(
    ("seen", "standing"),
    [
        (status(), Standing.OPEN),
        (fenced(CUTOVER_WAIT_S), Standing.CUTOVER),
        (fenced(CUTOVER_WAIT_S - 1), Standing.FENCED),
        (status(open_items=[gates.item("repair", gates.NOW)]), Standing.SOON),
        (status(**RUNNING), Standing.STOP),
        (status(parked={"schema": 1}), Standing.SHUT),
        (status(given_up=1, **RUNNING), Standing.SHUT),
    ],
)
def test_how_a_table_stands(seen: TableStatus, standing: Standing) -> None:
    assert seen.standing is standing
    tree = view.as_tree(seen)
    assert tree["open"] is (standing is Standing.OPEN)
    assert tree["cut_over"] is (standing is Standing.CUTOVER)


def test_a_terminal_shows_each_condition_with_its_fix() -> None:
    out = StringIO()
    view.show(view.as_tree(status(parked={"schema": 1})), Console(file=out, width=120))
    shown = out.getvalue()
    assert shown.startswith("shop.orders: not yet\n")
    assert re.search(r"✗  nothing parked +1 record parked: schema 1", shown)
    assert "→ fix the cause, then run `hintferry replay shop.orders`" in shown
    assert shown.count("✓") == 8
    assert "downtime to expect: at most 2 min 21 s" in shown


def test_a_terminal_shows_the_watermark_and_the_node_that_holds_it_back() -> None:
    out = StringIO()
    seen = gates.progress(behind=[gates.THIRD])
    view.show(tree := view.as_tree(status(**seen)), Console(file=out, width=120))
    said = "every change from before 2025-11-24 15:55:01Z is on Keyspaces, or parked"
    waits = "10.0.3.11: 2 segments are set aside"
    assert f"watermark: {said} (4 min 59 s ago); {waits}\n" in out.getvalue()
    assert tree["watermark"] == {
        "number": 7,
        "before": gates.LOW.drawn_at,
        "age_seconds": 299.0,
        "held_by": "10.0.1.11",
        "waits": [{"node": "10.0.3.11", "reason": gates.THIRD.why, "fix": gates.THIRD.fix}],
    }
    facts = gates.STOCK
    tree = view.as_tree(view.status_from_gate(facts, gate(facts)))
    assert (tree["watermark"], tree["lag"]) == (None, 0)


def test_a_fence_that_is_not_waited_out_is_not_told_as_a_cutover() -> None:
    """O1: a colleague who reads it must not let the application write."""
    out, tree = StringIO(), view.as_tree(fenced(6.0))
    view.show(tree, Console(file=out, width=200))
    assert out.getvalue() == (
        "shop.orders: fence set, 44 s left: the application must not write Keyspaces yet\n"
    )
    assert (tree["cut_over"], tree["fenced"], tree["fence_left_seconds"]) == (False, True, 44.0)


def test_a_group_of_which_a_table_has_no_fence_is_not_told_as_a_cutover() -> None:
    """A run that ended between two fences leaves tables on both sides."""
    out, carts = StringIO(), TableId("shop", "carts")
    half = replace(fenced(86_400.0), fellows={carts: None})
    assert half.standing is Standing.FENCED
    view.show(tree := view.as_tree(half), Console(file=out, width=200))
    assert out.getvalue() == (
        "shop.orders: fence set, shop.carts of its group has none: the application must not write"
        " Keyspaces yet\n"
    )
    assert (tree["cut_over"], tree["cut_over_at"]) == (False, None)
    late = replace(half, fellows={carts: Fence(gates.NOW - CUTOVER_WAIT_S + 1, None)})
    assert (late.standing, late.fence_left_s) == (Standing.FENCED, 1.0)
    whole = replace(half, fellows={carts: Fence(gates.NOW - CUTOVER_WAIT_S, None)})
    assert whole.standing is Standing.CUTOVER
    assert view.as_tree(whole)["cut_over_at"] == gates.NOW, "the latest of the group"


def test_of_several_tables_the_worst_comes_first() -> None:
    waits = status(open_items=[gates.item("repair", gates.NOW)])
    fails = status(parked={"schema": 1})
    worse = status(parked={"schema": 1}, given_up=1)
    found = view.worst_first([status(), fenced(9.0), waits, fails, worse])
    assert found[:3] == [worse, fails, waits]
    assert [one.standing for one in found[3:]] == [Standing.OPEN, Standing.FENCED]


def test_a_cutover_tells_since_when_and_the_downtime_until_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """O10: also where the run was interrupted, and resumed a day later."""
    fence = Fence(gates.NOW - 86_400, gates.NOW - 86_530)
    seen, names = TableStatus(OPEN.table, gates.NOW, fence), command._Names([], Path())
    command._tell([seen], names, Console(width=200), json=False)
    shown = capsys.readouterr().out
    assert shown.startswith("shop.orders: cut over since 2025-11-23 16:00:50Z\n")
    assert "Downtime until then: 3 min 00 s. Let the application write." in shown


def test_a_moment_is_now_or_a_time_with_its_zone() -> None:
    confirmations = options.confirmations(
        "2026-11-26T14:03:20Z", "2026-11-26T15:03:20+01:00", False
    )
    assert confirmations.stopped_at == confirmations.repaired_at == 1_795_701_800.0
    with pytest.raises(ConfigurationError, match="has no time zone"):
        options.confirmations("2026-11-26", None, False)


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (0.42, "0.4 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (250, "4 min 10 s"),
        (7_500, "2 h 05 min"),
        (86_400_000, "24,000 h 00 min"),
    ],
)
def test_spans(seconds: float, says: str) -> None:
    assert span(seconds) == says


class Sqs:
    """Messages of the parked queue that are received once, and the counts of both."""

    def __init__(self, bodies: list[str]) -> None:
        self.bodies, self.in_flight = bodies, 0
        self.receives = 0
        self.released = 0

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:
        counts = [len(self.bodies), self.in_flight, 0] if QueueUrl == "parked" else [1, 2, 3]
        date = {"HTTPHeaders": {"date": "Thu, 26 Nov 2026 14:00:00 GMT"}}
        named = dict(zip(AttributeNames, map(str, counts), strict=False))
        return {"Attributes": named, "ResponseMetadata": date}

    def receive_message(self, **_: Any) -> dict[str, Any]:
        self.receives += 1
        if self.receives % 3 != 1:
            return {}
        sent = {"SentTimestamp": "0"}
        return {
            "Messages": [
                {"MessageId": str(n), "ReceiptHandle": str(n), "Body": body, "Attributes": sent}
                for n, body in enumerate(self.bodies)
            ]
        }

    def change_message_visibility_batch(self, QueueUrl: str, Entries: list[Any]) -> None:
        self.released += len(Entries)


def test_parked_records_are_counted_for_their_table_and_let_go() -> None:
    bodies = [
        '{"table": "shop.orders", "reason": "schema"}',
        '{"table": "shop.orders", "reason": "schema"}',
        '{"table": "shop.other", "reason": "stuck"}',
        '{"table": null, "reason": "undecodable"}',
    ]
    sqs = Sqs(bodies)
    now = [0.0]
    waiting = QueuesAndBucket(sqs, None, Queues("parked", "replay", "bucket"), lambda: now[0])
    assert waiting.parked(TableId("shop", "orders")) == {"schema": 2, "undecodable": 1}
    receives = sqs.receives
    assert waiting.parked(TableId("shop", "none")) == {"undecodable": 1}
    assert sqs.receives == receives, "many tables that ask in one moment look once"
    assert sqs.released == len(bodies)
    sqs.in_flight = 2
    assert waiting.parked(TableId("shop", "none")) == {"undecodable": 1}, "asked just now"
    now[0] += CACHED_S
    assert waiting.parked(TableId("shop", "none")) == {"undecodable": 1, IN_FLIGHT: 2}


def test_while_one_record_goes_and_another_comes_the_new_one_is_seen() -> None:
    """C5b: the number of messages is the same at both looks."""
    sqs, now = Sqs(['{"table": "shop.other", "reason": "schema"}']), [0.0]
    waiting = QueuesAndBucket(sqs, None, Queues("parked", "replay", "bucket"), lambda: now[0])
    assert waiting.parked(TableId("shop", "orders")) == {}
    sqs.bodies[:] = ['{"table": "shop.orders", "reason": "stuck"}']
    now[0] += CACHED_S
    assert waiting.parked(TableId("shop", "orders")) == {"stuck": 1}


def test_the_examples_of_the_help_and_of_the_documents_name_known_options() -> None:
    pages = (places.ROOT / "docs" / "how-to").glob("*.md")
    text = "".join(page.read_text() for page in pages)
    for verb in ("status", "cutover"):
        shown = CliRunner().invoke(app, [verb, "--help"], env={"COLUMNS": "200"}).stdout
        examples = re.findall(rf"hintferry {verb} ([^#\n`]*)", shown + text)
        assert len(examples) >= 3
        for example in examples:
            for option in re.findall(r"--[a-z-]+", example):
                assert re.search(rf"{option}\b", shown.partition("Options")[2]), option
