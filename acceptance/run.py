"""Take the steps in order, write the record after each, and tear down whatever happens."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType

from botocore.exceptions import BotoCoreError, ClientError

from acceptance.plan import KEYSPACES_MADE
from acceptance.ports import Account, Refused, Say
from acceptance.record import DONE, FAILED, NOT_RUN, STOPPED, Record, StepRecord
from acceptance.steps import TEARDOWN_S, Bench, Step, hours
from hintferry.core.errors import HintferryError
from hintferry_cli import __version__
from hintferry_cli.exits import INTERRUPTED, Status
from hintferry_cli.failures import sentence


@dataclass(frozen=True, slots=True)
class Cost:
    """The bound of a run, and what it costs a day while it stands."""

    most_usd: float
    usd_a_day: float


def refuse(account: Account) -> None:
    """Raises Refused where an account has something that the run would meet; changes nothing."""
    left = account.runs()
    if left:
        raise Refused(f"the run {left[0]} was not torn down; remove it first: {removal(left[0])}")
    taken = sorted(set(KEYSPACES_MADE) & set(account.keyspaces()))
    if taken:
        raise Refused(
            f"Amazon Keyspaces has the keyspace {taken[0]} in this Region already, and the run"
            " would make one of that name; take another account or --region"
        )


def removal(name: str) -> str:
    """Return the command that removes a run."""
    return f'make acceptance ARGS="--teardown {name}"'


def run(bench: Bench, steps: Sequence[Step], cost: Cost, *, keep: bool) -> Status | int:
    """Run, tear down unless `keep`, and return the exit status."""
    plan = bench.plan
    record = Record(
        name=plan.name,
        region=plan.region,
        version=__version__,
        began=datetime.now(UTC).isoformat(timespec="seconds"),
        most_usd=cost.most_usd,
        hours=hours(plan),
    )
    with _signals_interrupt():
        interrupted = _take_all(bench, steps, record)
        try:
            if _made(record):
                _end(bench, record, cost, keep=keep)
        finally:
            record.write(plan.folder)
    bench.say(f"Record: {plan.folder / 'record.md'}")
    if record.stays and not keep:
        return Status.UNFINISHED
    if interrupted:
        return INTERRUPTED
    return Status.NEGATIVE if record.negative else Status.DONE


def _take_all(bench: Bench, steps: Sequence[Step], record: Record) -> bool:
    """Take each step whose needs are done; return whether the operator stopped the run."""
    try:
        for step in steps:
            _take(bench, step, record)
    except KeyboardInterrupt:
        return True
    finally:
        there = {one.name for one in record.steps}
        record.steps += [StepRecord(s.name, NOT_RUN) for s in steps if s.name not in there]
        record.questions = list(bench.questions)
    return False


def _take(bench: Bench, step: Step, record: Record) -> None:
    outcomes = {one.name: one.outcome for one in record.steps}
    if any(outcomes[need] != DONE for need in step.needs):
        record.steps.append(StepRecord(step.name, NOT_RUN))
        return
    bench.say(f"{step.name}: {step.makes} (at most {step.within_s / 60:.0f} min)")
    # It stands in the record from its first moment, so that what it made is torn down.
    taken = StepRecord(step.name, STOPPED)
    record.steps.append(taken)
    _act(bench, step, taken)
    bench.say(f"{step.name}: {taken.outcome} {taken.problem}".rstrip())
    record.questions = list(bench.questions)
    record.write(bench.plan.folder)


def _made(record: Record) -> bool:
    """Return whether a step after the first, which makes nothing, was begun."""
    return any(step.outcome != NOT_RUN for step in record.steps[1:])


def _act(bench: Bench, step: Step, taken: StepRecord) -> None:
    began = bench.clock.now()
    try:
        taken.found = step.act(bench, step.within_s)
        taken.outcome = DONE
    except (HintferryError, BotoCoreError, ClientError) as error:
        taken.outcome, taken.problem = FAILED, sentence(error)
    except subprocess.TimeoutExpired:
        taken.outcome, taken.problem = FAILED, f"it took over {step.within_s / 60:.0f} min"
    except Exception as error:  # noqa: BLE001 - what was made must go, whatever went wrong
        taken.outcome, taken.problem = FAILED, f"{type(error).__name__}: {error}"
    finally:
        taken.seconds = bench.clock.now() - began


def _end(bench: Bench, record: Record, cost: Cost, *, keep: bool) -> None:
    name = bench.plan.name
    if keep:
        record.stays = [f"all stacks {name}-…, the keyspaces {', '.join(KEYSPACES_MADE)}"]
        bench.say(
            f"Kept: {record.stays[0]}. They cost about USD {cost.usd_a_day:.2f} a day until you run"
            f" {removal(name)}"
        )
        return
    bench.say(f"Tearing down (at most {TEARDOWN_S / 60:.0f} min)")
    record.stays = tear_down(bench.account, name, bench.say)


def tear_down(account: Account, name: str, say: Say) -> list[str]:
    """Remove everything of a run, and return what stays; a second Ctrl-C ends it."""
    try:
        stays = list(account.remove(name, TEARDOWN_S, say))
    except KeyboardInterrupt:
        stays = [f"what of {name} was not removed yet when you pressed Ctrl-C"]
    except (HintferryError, BotoCoreError, ClientError) as error:
        stays = [f"what of {name} was not removed yet: {sentence(error)}"]
    if stays:
        say(f"Stays: {'; '.join(stays)}. Remove it: {removal(name)}")
    else:
        say("Torn down: nothing of it stays.")
    return stays


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP end the step that runs, and then the teardown."""
    kinds = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
    before = {kind: signal.signal(kind, _interrupt) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
