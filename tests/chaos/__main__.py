"""`python -m tests.chaos --seconds N --seed S`: ends with 0 only if both sides are equal.

With `--broken` a rule of the pipeline is broken (`control.py`): the run must end as divergent, or
chaos could not see anything.
"""

from __future__ import annotations

import argparse
import sys
import time

from sandbox.parts.errors import SandboxError
from sandbox.parts.release import installed
from sandbox.stack import Stack
from tests.chaos.control import Rule, control
from tests.chaos.run import Options, run
from tests.chaos.soak import STATEMENTS, soak
from tests.chaos.verdict import Verdict
from tools import places
from tools.releases import RELEASES


def main() -> int:
    """Run once on a sandbox of its own."""
    arguments = _arguments()
    seed = arguments.seed if arguments.seed is not None else time.time_ns() % 100_000
    seconds = arguments.seconds
    nodes, name, options = 3, "chaos", Options(seed=seed, seconds=seconds)
    if rule := arguments.broken or arguments.same_without_broken:
        options = control(seed, Rule(rule), broken=bool(arguments.broken))
    if arguments.soak:
        nodes, name, options = 1, "soak", soak(seed, arguments.soak)
    folder = places.BUILD / name
    _say(f"{name}: seed {seed}")
    try:
        with Stack(nodes=nodes, release=installed(arguments.cassandra), say=_say) as stack:
            report = run(options, stack, folder, _say)
    except SandboxError as error:
        print(error, file=sys.stderr)
        return 1
    print(report)
    print(f"  the whole report: {folder / 'report.json'}")
    return 0 if report.verdict is Verdict.EQUAL else 1


def _say(line: str) -> None:
    print(line, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="of load and faults")
    parser.add_argument("--seed", type=int, help="without one a new one is drawn, and told")
    parser.add_argument(
        "--cassandra", choices=sorted(RELEASES), default="5.0", help="the source's release"
    )
    control_of = parser.add_mutually_exclusive_group()
    rules = [rule.value for rule in Rule]
    control_of.add_argument("--broken", choices=rules, help="a control: must diverge")
    control_of.add_argument(
        "--same-without-broken", choices=rules, help="a control's load, the shipped code"
    )
    control_of.add_argument(
        "--soak", type=int, const=STATEMENTS, nargs="?", help="so many statements on one node"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
