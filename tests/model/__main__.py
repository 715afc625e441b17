"""Runs the model for as long as one likes: `python -m tests.model --runs 20000 --seed 7`.

Ends with 1 where a promise is broken, a mutant survives, or something that should have happened
did not. A failing run is cut down to the steps that matter, and printed with its number; with
`--first NUMBER --runs 1` and the same seed it runs again.
"""

from __future__ import annotations

import argparse
import sys
from pprint import pformat

from tests.model.campaign import Campaign, campaign, hunt
from tests.model.mutants import MUTANTS
from tests.model.profiles import BEHIND, FAR, NEAR
from tests.model.run import run, shrink

SHARE_OF_FAR = 5
MUTANT_RUNS = 5_000


def main() -> int:
    """Run the campaigns and the mutants."""
    arguments = _arguments()
    numbers = range(arguments.first, arguments.first + arguments.runs)
    done = [
        campaign(NEAR, arguments.seed, numbers),
        campaign(FAR, arguments.seed, numbers[:: min(SHARE_OF_FAR, len(numbers))]),
        campaign(BEHIND, arguments.seed, numbers[:: min(SHARE_OF_FAR, len(numbers))]),
    ]
    for one in done:
        print(one, flush=True)
        _print_failures(one)
    is_short = arguments.runs < 1_000
    survivors = [] if arguments.no_mutants else _survivors(arguments.seed)
    missing = [] if is_short else [name for one in done for name in one.missing]
    if missing:
        print(f"unknown: {', '.join(missing)} never happened")
    return 1 if survivors or missing or any(one.failures for one in done) else 0


def _survivors(seed: int) -> list[str]:
    survivors = []
    for mutant in MUTANTS:
        catch = hunt(mutant, seed, range(MUTANT_RUNS))
        if catch is None:
            survivors.append(mutant.name)
            print(f"  SURVIVED   {mutant.name}", flush=True)
        else:
            number, violation = catch
            print(f"  run {number:6,} {mutant.name}: {str(violation)[:80]}", flush=True)
    print(f"mutants caught {len(MUTANTS) - len(survivors)} of {len(MUTANTS)}")
    return survivors


def _print_failures(done: Campaign) -> None:
    for number, result in done.failures[:3]:
        small = shrink(result.program, done.profile)
        print(f"run {number}: {result.violation}\n{pformat(small, width=100)}")
        print(f"which ends in: {run(small, done.profile).violation}")
    for number, result in done.failures[3:]:
        print(f"run {number}: {result.violation}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first run")
    parser.add_argument("--no-mutants", action="store_true", help="only the unbroken rules")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
