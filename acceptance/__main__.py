"""`python -m acceptance`: run Hintferry once in a test account of AWS, and tear it down.

It prints what it will make and the most that it may cost, and asks before it makes anything.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from acceptance.aws import AwsAccount
from acceptance.plan import (
    LEAST_MINUTES,
    MINUTES,
    MOST_MINUTES,
    Plan,
    checked_name,
    most_usd,
    new_name,
    told,
    usd_a_day,
)
from acceptance.ports import Account, Node, Refused, Say
from acceptance.run import Cost, refuse, run, tear_down
from acceptance.ssm_node import BUNDLE, SsmNode
from acceptance.steps import Bench, hours, steps
from hintferry.core.errors import HintferryError
from hintferry_cli.exits import INTERRUPTED, Status, status_of_error
from hintferry_cli.failures import sentence
from hintferry_ops.cost.fixed_cost import total
from hintferry_ops.cost.prices import price_book


@dataclass(frozen=True, slots=True)
class Wall:
    """The clock of a run that really takes place."""

    def now(self) -> float:
        """Return seconds that only grow."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator asks for."""

    plan: Plan
    dry_run: bool
    yes: bool
    keep: bool
    remove: str


def main(arguments: list[str]) -> int:
    """Do what is asked, and return the exit status of the table in docs/reference/command.md."""
    try:
        options = _options(arguments)
        session = boto3.Session(region_name=options.plan.region)
        if options.remove:
            return remove(AwsAccount(session.client), options.remove, _say)
        if not options.dry_run and not BUNDLE.exists():
            raise Refused("the bundle for the node is not built; run `make bundle` first")
        return begin(
            options, AwsAccount(session.client), SsmNode(options.plan.config, session.client), _say
        )
    except (HintferryError, BotoCoreError, ClientError) as error:
        print(f"acceptance: {sentence(error)}", file=sys.stderr)
        return status_of_error(error)
    except KeyboardInterrupt:
        print("acceptance: stopped, and nothing was made", file=sys.stderr)
        return INTERRUPTED


def begin(options: Options, account: Account, node: Node, say: Say) -> int:
    """Print the plan, ask, and run."""
    plan = options.plan
    migration = plan.write()
    book = price_book(Path.cwd())
    time_h = hours(plan)
    lines = most_usd(plan, migration, book, time_h)
    made = [f"{step.name}: {step.makes}" for step in steps(plan)]
    say(told(plan, lines, time_h, made, ", ".join(book.dated(plan.region))))
    if options.dry_run:
        return Status.DONE
    refuse(account)
    _ask(options, say)
    cost = Cost(total(lines), usd_a_day(migration, book))
    bench = Bench(plan, account, node, Wall(), say)
    return run(bench, steps(plan), cost, keep=options.keep)


def _ask(options: Options, say: Say) -> None:
    """Raises Refused where the operator does not say yes."""
    if options.yes:
        return
    if not options.keep:
        say("Everything is torn down at the end, also after Ctrl-C or an error.")
    if not sys.stdin.isatty():
        raise Refused("nobody is there to say yes; give --yes, or --dry-run to see the plan only")
    if input("Make this, and pay for it? [yes/no] ").strip() != "yes":
        raise Refused("nothing was made")


def remove(account: Account, name: str, say: Say) -> int:
    """Remove a run that was kept or killed. Raises Refused where there is none of that name."""
    runs = account.runs()
    if name not in runs:
        there = f"; there are {', '.join(runs)}" if runs else ""
        raise Refused(f"no run {name} is in this account and Region{there}")
    return Status.UNFINISHED if tear_down(account, name, say) else Status.DONE


def _options(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(prog="acceptance", description=__doc__)
    parser.add_argument("--region", help="Region; default: that of your AWS profile")
    parser.add_argument("--name", default=new_name(), help="default: acceptance- and six digits")
    parser.add_argument(
        "--minutes", type=int, default=MINUTES, help="minutes of the workload (default: 5)"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the plan, make nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--keep", action="store_true", help="leave everything in the account")
    parser.add_argument("--teardown", metavar="NAME", default="", help="remove that run")
    given = parser.parse_args(arguments)
    if not LEAST_MINUTES <= given.minutes <= MOST_MINUTES:
        raise Refused(f"--minutes is {given.minutes}; give {LEAST_MINUTES} to {MOST_MINUTES}")
    region = given.region or boto3.Session().region_name
    if not region:
        raise Refused("the Region is not set; give --region, or set AWS_DEFAULT_REGION")
    remove = checked_name(given.teardown) if given.teardown else ""
    plan = Plan(checked_name(given.name), region, given.minutes)
    return Options(plan, given.dry_run, given.yes, given.keep, remove)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
