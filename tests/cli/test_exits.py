"""Every verb ends alike: one number for one kind of end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import typer
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ReadTimeoutError,
)
from rich.console import Console

from hintferry.core.errors import (
    ClockFault,
    ConfigurationError,
    Fenced,
    HintferryError,
    Masked,
    SchemaMismatch,
    Side,
    Throttled,
    Troubled,
    UnknownTable,
    Unreachable,
)
from hintferry.core.passes import Pass
from hintferry.core.schema import TableId
from hintferry.core.verdict import VerifySums
from hintferry.wiring import sweep as sweepers
from hintferry_cli.cutover import command as cutover
from hintferry_cli.cutover.undo import undone
from hintferry_cli.exits import INTERRUPTED, Status, Unfinished, status_of_error
from hintferry_cli.failures import GlobalOptions, told_plainly
from hintferry_cli.gate import view
from hintferry_cli.gate.view import TableStatus
from hintferry_cli.status import command as status
from hintferry_cli.sweep import one_pass
from hintferry_cli.sweep.state import RunState as Progress
from hintferry_ops.cutover.gate.condition import Condition, ConditionState
from tests.cli.test_sweep_command import BILL, TASK, run_of
from tests.unit.ops.test_gatekeeper import Scene
from tools import places

URL = {"endpoint_url": "https://sqs"}


def refused(code: str, http: int) -> ClientError:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": http}}
    return ClientError(answer, "GetQueueAttributes")


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (ConfigurationError("no table"), Status.UNUSABLE),
        (UnknownTable("shop.x"), Status.UNUSABLE),
        (SchemaMismatch("shop.x"), Status.UNUSABLE),
        (Fenced("shop.x"), Status.UNUSABLE),
        (ClockFault("60 s ahead"), Status.UNUSABLE),
        (Masked(Side.SOURCE, "masked"), Status.UNUSABLE),
        (Unreachable(Side.TARGET, "no AWS credentials were found"), Status.UNUSABLE),
        (Unreachable(Side.SOURCE, "Failed to authenticate"), Status.UNUSABLE),
        (Unreachable(Side.SOURCE, "Connection refused"), Status.UNAVAILABLE),
        (Troubled(Side.SOURCE, "ReadFailure"), Status.UNAVAILABLE),
        (Throttled(Side.TARGET, "asked for less"), Status.UNAVAILABLE),
        (NoCredentialsError(), Status.UNUSABLE),
        (NoRegionError(), Status.UNUSABLE),
        (EndpointConnectionError(**URL), Status.UNAVAILABLE),
        (ConnectTimeoutError(**URL), Status.UNAVAILABLE),
        (ReadTimeoutError(**URL), Status.UNAVAILABLE),
        (refused("AccessDenied", 403), Status.UNUSABLE),
        (refused("QueueDoesNotExist", 400), Status.UNUSABLE),
        (refused("ThrottlingException", 400), Status.UNAVAILABLE),
        (refused("SlowDown", 503), Status.UNAVAILABLE),
        (refused("InternalFailure", 500), Status.UNAVAILABLE),
        (Unfinished("half of it"), Status.UNFINISHED),
    ],
    ids=repr,
)
def test_an_error_ends_as_its_caller_has_to_go_on(error: Any, ends: Status) -> None:
    assert status_of_error(error) is ends
    with pytest.raises(typer.Exit) as ended, told_plainly(GlobalOptions(debug=False)):
        raise error
    assert ended.value.exit_code == ends


def test_a_side_that_goes_away_behind_the_fence_leaves_the_cutover_unfinished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene()

    def away(one: Pass) -> None:
        raise Unreachable(Side.TARGET, "cannot connect")

    monkeypatch.setattr(scene.passes, "enter", away)
    with pytest.raises(Unfinished, match="run it again, or with --undo"):
        cutover._cutover(scene.cutover(), scene.journal, Console(file=StringIO()))
    assert scene.fences.standing(scene.keeper.table) is not None


def test_a_clock_that_is_set_wrong_behind_the_fence_leaves_the_cutover_unfinished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene()
    real = scene.passes.enter

    def entered(one: Pass) -> None:
        real(one)
        scene.clock.error_us = 60_000_000

    monkeypatch.setattr(scene.passes, "enter", entered)
    with pytest.raises(Unfinished, match=r"run it again, or with --undo .*clock is 60"):
        cutover._cutover(scene.cutover(), scene.journal, Console(file=StringIO()))


def test_a_look_that_fails_behind_the_fence_leaves_the_cutover_unfinished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene, statuses = Scene(), []

    def status(keepers: Any) -> Any:
        statuses.append(keepers)
        raise Unreachable(Side.TARGET, "cannot connect")

    monkeypatch.setattr(view, "read_statuses", status)
    with pytest.raises(Unfinished):
        cutover._cutover(scene.cutover(), scene.journal, Console(file=StringIO()))
    assert len(statuses) == 1
    assert scene.fences.standing(scene.keeper.table) is not None


def test_a_fence_that_somebody_took_away_leaves_the_cutover_unfinished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene()
    monkeypatch.setattr(scene.passes, "enter", lambda one: scene.fences.lift(one.table))
    with pytest.raises(Unfinished, match="its fence was removed"):
        cutover._cutover(scene.cutover(), scene.journal, Console(file=StringIO()))


def test_a_side_that_goes_away_while_a_fence_is_lifted_leaves_it_unfinished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene()
    for _ in scene.cutover().hand_over():
        pass

    class NoWrites:
        def rows(self, table: TableId, since: float) -> Iterator[tuple[float, int]]:
            yield 1.0, 0

        def unseen(self, table: TableId) -> list[str]:
            return []

    def away(table: TableId) -> None:
        raise Unreachable(Side.TARGET, "cannot connect")

    monkeypatch.setattr(scene.fences, "lift", away)
    with pytest.raises(Unfinished, match="check `hintferry status"):
        undone(scene.cutover(), NoWrites(), scene.journal, Console(file=StringIO()), "", yes=True)


def progress(*, equal: int = 0, missing: int = 0, **changes: Any) -> Progress:
    found = Progress(VerifySums(equal=equal, missing=missing), BILL)
    for name, value in changes.items():
        setattr(found, name, value)
    return found


@pytest.mark.parametrize(
    ("state", "is_recorded", "ends"),
    [
        (progress(equal=9), True, Status.DONE),
        (progress(equal=9, missing=1), True, Status.NEGATIVE),
        (progress(equal=9), False, Status.UNFINISHED),
        (progress(missing=1, unfinished="3 ranges are not done"), False, Status.UNFINISHED),
        (progress(unfinished="no such table", is_refused=True), False, Status.UNUSABLE),
        (progress(unfinished="cut over", is_refused=True, keys=7), False, Status.UNFINISHED),
    ],
)
def test_a_pass_ends_by_what_is_left_of_it(
    state: Progress, is_recorded: bool, ends: Status
) -> None:
    assert one_pass.ended(TASK, state, is_recorded=is_recorded) is ends


def test_a_pass_that_no_side_takes_down_is_unfinished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All ranges are done: to say that nothing was would be wrong."""

    def away(*_: object) -> None:
        raise Unreachable(Side.TARGET, "cannot connect")

    monkeypatch.setattr(one_pass, "migration_from", lambda path: None)
    monkeypatch.setattr(sweepers, "sweeper", away)
    told: list[str] = []
    assert not one_pass.recorded(run_of(tmp_path), told.append)
    assert "could not be recorded in hintferry.passes: target: cannot connect; run" in told[0]


def unseen(*others: ConditionState) -> TableStatus:
    """A table with a side that does not answer, and what stands around it."""
    states = [ConditionState.FAILS, *others]
    conditions = [Condition(str(number), one, "", "") for number, one in enumerate(states)]
    return TableStatus(TableId("shop", "orders"), 0.0, None, conditions=conditions)


@pytest.mark.parametrize(
    ("statuses", "ends"),
    [
        ([], Status.DONE),
        ([unseen(ConditionState.HOLDS)], Status.UNAVAILABLE),
        ([unseen(ConditionState.WAITS), unseen(ConditionState.ASKS)], Status.UNAVAILABLE),
        ([unseen(ConditionState.HOLDS), unseen(ConditionState.FAILS)], Status.NEGATIVE),
    ],
)
def test_what_is_in_the_way_outweighs_what_could_not_be_seen(
    statuses: list[TableStatus], ends: Status
) -> None:
    assert status._ended(statuses) is ends


def test_every_error_of_ours_has_an_end() -> None:
    """None is told as done, or as a negative answer."""

    def below(kind: type[HintferryError]) -> Iterator[type[HintferryError]]:
        yield kind
        for one in kind.__subclasses__():
            yield from below(one)

    ends = set()
    for kind in below(HintferryError):
        error = kind.__new__(kind)
        error.args = ("x",)
        ends.add(status_of_error(error))
    assert ends == {Status.UNUSABLE, Status.UNAVAILABLE, Status.UNFINISHED}


def test_the_page_lists_every_exit_status() -> None:
    page = (places.ROOT / "docs" / "reference" / "command.md").read_text()
    section = page.partition("## Exit statuses\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| (\d) \|", section, re.M)
    assert listed == [str(one.value) for one in Status]
    assert f"ends with {INTERRUPTED}" in section
