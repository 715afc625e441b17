"""List what a run does, in order: each step with what it makes, its time, and what it needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from acceptance.on_node import LARGE_TABLE
from acceptance.plan import INSTANCE, ORDER_TABLE, RATE, Plan
from acceptance.ports import Account, Done, Node, Say, StepFailed
from acceptance.questions.catalog import QUESTIONS
from acceptance.questions.comparison import Verdict, assumed, verdict
from acceptance.questions.order import ORDER_QUESTIONS
from acceptance.questions.service import SERVICE_QUESTIONS, STREAM_PROBLEM, ServiceQuestion
from acceptance.record import Answer
from hintferry.core.errors import ConfigurationError
from hintferry_cli.exits import Status
from sandbox.workload import TABLES

CUT_OVER = "shop.orders"
"""The one table that is cut over: each waits minutes for its gate."""

GRACE_S = 50.0
"""A verify pass that counts begins 45 s after the backfill."""

POLL_S, PARKED_WITHIN_S = 5.0, 300.0
ORDER_POLL_S = 30.0
MINUTE, HOUR = 60.0, 3600.0
TEARDOWN_S = 1.5 * HOUR
"""Lambda's network interfaces alone may take 40 minutes to go."""


class Clock(Protocol):
    """Hold the time of a run, so that a test need not wait."""

    def now(self) -> float:
        """Return seconds that only grow."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


@dataclass(slots=True)
class Bench:
    """Hold what the steps work with; `questions` takes the answers."""

    plan: Plan
    account: Account
    node: Node
    clock: Clock
    say: Say
    questions: list[Answer] = field(default_factory=list)


Act = Callable[["Bench", float], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `act` raises StepFailed where the step did not do what it is for."""

    name: str
    makes: str
    within_s: float
    act: Act
    needs: Sequence[str] = ()


def steps(plan: Plan) -> list[Step]:
    """Return the steps of a run."""
    return [*_set_up(plan), *_use(plan)]


def _set_up(plan: Plan) -> list[Step]:
    return [
        Step("account", "nothing: `hintferry preflight --only account`", 5 * MINUTE, _check),
        Step(
            "deploy",
            f"the stacks {plan.name}-… with `make cdk`'s program, and {plan.name}-source: a VPC"
            f" with one {INSTANCE}, no inbound port, and a peering, and {plan.name}-order: two"
            f" functions that follow {ORDER_TABLE} and fail one record on purpose",
            1.5 * HOUR,
            _deploy,
            ["account"],
        ),
        Step(
            "node",
            "on that instance Cassandra, `hintferry`, and the tables of the workload",
            20 * MINUTE,
            _node,
            ["deploy"],
        ),
        Step(
            "capture",
            "on it capture, from the bundle, with the SSM document that the stacks made",
            20 * MINUTE,
            _capture,
            ["node"],
        ),
    ]


def _use(plan: Plan) -> list[Step]:
    load_s = plan.minutes * MINUTE
    return [
        Step(
            "workload",
            f"{RATE} mutations a second for {plan.minutes} min, as `make demo` has them",
            load_s + 5 * MINUTE,
            lambda bench, within_s: _workload(bench, within_s, load_s),
            ["capture"],
        ),
        Step("backfill", "copies of all rows", 20 * MINUTE, _backfill, ["workload"]),
        Step("verify", "nothing: it compares every row", 20 * MINUTE, _verify, ["backfill"]),
        Step(
            "replay",
            "one row that Keyspaces cannot hold, so that its hint is parked; then its replay",
            20 * MINUTE,
            _replay,
            ["workload"],
        ),
        Step("cutover", f"the fence of {CUT_OVER}", 20 * MINUTE, _cut_over, ["verify", "replay"]),
        Step(
            "questions",
            f"a keyspace of its own, for {len(QUESTIONS)} questions, and drops it",
            20 * MINUTE,
            _ask,
            ["node"],
        ),
        Step(
            "order",
            f"nothing: it reads how two mappings retry and commit, for {len(ORDER_QUESTIONS)}"
            " questions",
            20 * MINUTE,
            _order,
            ["workload"],
        ),
    ]


def hours(plan: Plan) -> float:
    """Return the hours in which everything is torn down again, at the latest."""
    return (sum(step.within_s for step in steps(plan)) + TEARDOWN_S) / HOUR


def _check(bench: Bench, within_s: float) -> Mapping[str, Any]:
    done = bench.account.check(bench.plan.config)
    if not done.out:
        raise StepFailed(_last(done))
    found = json.loads(done.out)["findings"]
    faults = [one for one in found if one["level"] == "fault"]
    if faults or done.status not in (Status.DONE, Status.UNAVAILABLE):
        told = [f"{one['where']} {one['what']}; {one['fix']}" for one in faults]
        raise StepFailed(f"{'. '.join(told) or _last(done)}. Nothing was made")
    return {"could not check": [one["where"] for one in found if one["level"] == "unknown"]}


def _deploy(bench: Bench, within_s: float) -> Mapping[str, Any]:
    done = bench.account.deploy(bench.plan.config, within_s)
    if done.status:
        raise StepFailed(f"the CDK ended with {done.status}: {_failed(done) or _last(done)}")
    return {}


def _node(bench: Bench, within_s: float) -> Mapping[str, Any]:
    found = bench.node.prepare(within_s)
    return {**found, **_program(bench, within_s, "tables")}


def _capture(bench: Bench, within_s: float) -> Mapping[str, Any]:
    return bench.node.install_capture(within_s)


def _workload(bench: Bench, within_s: float, load_s: float) -> Mapping[str, Any]:
    options = "--seconds", str(load_s), "--rate", str(RATE)
    found = _program(bench, within_s, "load", *options)
    if found["missing"]:
        raise StepFailed(f"no {', '.join(found['missing'])} succeeded on the source")
    return found


def _backfill(bench: Bench, within_s: float) -> Mapping[str, Any]:
    return _pass(bench, within_s, "backfill")


def _verify(bench: Bench, within_s: float) -> Mapping[str, Any]:
    bench.clock.sleep(GRACE_S)
    return _pass(bench, within_s, "verify", "--consistency", "all")


def _pass(bench: Bench, within_s: float, verb: str, *options: str) -> Mapping[str, Any]:
    answer = _hintferry(bench, within_s, verb, *TABLES, *options)
    return {one["table"]: {"keys": one["keys"], "s": one["seconds"]} for one in answer["tables"]}


def _replay(bench: Bench, within_s: float) -> Mapping[str, Any]:
    """Park a change hint, make its row fit, replay it, and see the queue empty."""
    _program(bench, within_s, "large")
    parked = _until_parked(bench, within_s)
    _program(bench, within_s, "small")
    answer = _hintferry(bench, within_s, "replay", LARGE_TABLE)
    bench.clock.sleep(POLL_S)
    left = _parked(bench, within_s)
    if left:
        raise StepFailed(f"{left} records of {LARGE_TABLE} are parked again after their replay")
    return {"parked": parked, "sent": answer["total"]["sent"]}


def _until_parked(bench: Bench, within_s: float) -> int:
    end = bench.clock.now() + PARKED_WITHIN_S
    while bench.clock.now() < end:
        found = _parked(bench, within_s)
        if found:
            return found
        bench.clock.sleep(POLL_S)
    raise StepFailed(f"a row too large for Keyspaces was not parked in {PARKED_WITHIN_S:.0f} s")


def _parked(bench: Bench, within_s: float) -> int:
    answer = _hintferry(bench, within_s, "replay", LARGE_TABLE, "--dry-run")
    return int(answer["total"]["sent"])


def _cut_over(bench: Bench, within_s: float) -> Mapping[str, Any]:
    options = "--writes-stopped", "now", "--writers-at-quorum"
    answer = _hintferry(bench, within_s, "cutover", CUT_OVER, *options)
    return {"table": CUT_OVER, "downtime_seconds": answer["downtime_seconds"]}


def _ask(bench: Bench, within_s: float) -> Mapping[str, Any]:
    found = _program(bench, within_s, "questions")
    expected = assumed()
    for one in QUESTIONS:
        answer = found[one.id]
        told = verdict(expected[one.id], answer).value
        bench.questions.append(Answer(one.id, one.text, one.by, expected[one.id], answer, told))
    answers = {**found, **bench.account.metrics(bench.plan.config)}
    _compare_service(bench, SERVICE_QUESTIONS, answers)
    return _verdicts(bench.questions)


def _order(bench: Bench, within_s: float) -> Mapping[str, Any]:
    """Wait until the record that fails is settled and MSK has reported it, or time is up."""
    end = bench.clock.now() + within_s - ORDER_POLL_S
    answers = bench.account.order(bench.plan.config)
    while len(answers) < len(ORDER_QUESTIONS) and bench.clock.now() < end:
        bench.clock.sleep(ORDER_POLL_S)
        answers = bench.account.order(bench.plan.config)
    _compare_service(bench, ORDER_QUESTIONS, answers)
    return _verdicts(bench.questions[-len(ORDER_QUESTIONS) :])


def _verdicts(answers: Sequence[Answer]) -> Mapping[str, int]:
    told = [one.verdict for one in answers]
    return {one.value: told.count(one.value) for one in Verdict}


def _compare_service(
    bench: Bench, questions: Sequence[ServiceQuestion], answers: Mapping[str, Any]
) -> None:
    for one in questions:
        answer = answers.get(one.id)
        told = Verdict.OPEN if answer is None else verdict(one.assumed, answer)
        if answer is None and one.id.startswith("stream-"):
            answer = answers.get(STREAM_PROBLEM)
        bench.questions.append(Answer(one.id, one.text, one.by, one.assumed, answer, told.value))


def _program(bench: Bench, within_s: float, *arguments: str) -> Mapping[str, Any]:
    return _answer(bench.node.run(["program", *arguments], within_s), arguments[0])


def _hintferry(bench: Bench, within_s: float, *arguments: str) -> Mapping[str, Any]:
    done = bench.node.run(["hintferry", *arguments, "--json"], within_s)
    return _answer(done, f"hintferry {' '.join(arguments)}")


def _answer(done: Done, what: str) -> Mapping[str, Any]:
    if done.status:
        raise StepFailed(f"{what} ended with {done.status}: {_last(done)}")
    try:
        found: Mapping[str, Any] = json.loads(done.out)
    except ValueError as error:
        raise ConfigurationError(f"{what} printed no JSON: {done.out[-200:]}") from error
    return found


def _failed(done: Done) -> str:
    """Return what CloudFormation said of the first resource that failed."""
    lines = (line for line in (done.out + done.err).splitlines() if "_FAILED" in line)
    return " ".join(next(lines, "").split())[:600]


def _last(done: Done) -> str:
    """Return the end of what a program said."""
    text = (done.err.strip() or done.out.strip()).splitlines()
    return " / ".join(text[-3:])[-600:]
