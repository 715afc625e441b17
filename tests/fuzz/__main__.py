"""`python -m tests.fuzz --seed S --runs N`: ends with 0 only if nothing was found.

Each run draws a schema with its writes and takes it the user's way, on one sandbox. Beside each go
`OFFLINE` schemas that need no server. What fails is cut down, printed, and kept in build/fuzz.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from sandbox.parts.errors import SandboxError
from sandbox.parts.release import installed
from sandbox.stack import Stack
from tests.fuzz.case import Case
from tests.fuzz.faults import Fault
from tests.fuzz.live import Bench, Round, live_case, together
from tests.fuzz.offline import offline_case, offline_faults
from tests.fuzz.report import as_text, keep
from tests.fuzz.shrink import shrunk
from tests.fuzz.stacks import merged, stack_faults
from tools import places
from tools.releases import RELEASES

OFFLINE = 50
"""Schemas without a server for each live one: they take as long."""

_OFFLINE_ROUNDS, _LIVE_ROUNDS = 200, 12
_IN_A_SYNTHESIS = 8
_TABLES, _WRITES, _VERIFIED = 6, 40, 2
_SETTLED_S = 150.0
"""So long after a round nothing of it can be on its way any more."""


def main() -> int:
    """Run both parts, as long as there is time."""
    arguments = _arguments()
    seed = arguments.seed if arguments.seed is not None else time.time_ns() % 100_000
    end = time.monotonic() + arguments.minutes * 60
    _say(f"fuzz: seed {seed}")
    numbers = range(arguments.first, arguments.first + arguments.runs)
    failed = _offline(seed, range(numbers.start * OFFLINE, numbers.stop * OFFLINE), end)
    failed += _stacks(seed, range(numbers.start * OFFLINE, numbers.stop * OFFLINE, OFFLINE), end)
    if arguments.offline:
        return 1 if failed else 0
    try:
        with Stack(release=installed(arguments.cassandra), say=_say) as stack:
            failed += _live(Bench(stack, places.BUILD / "fuzz" / "live"), stack, seed, numbers, end)
    except SandboxError as error:
        print(error, file=sys.stderr)
        return 1
    return 1 if failed else 0


def _offline(seed: int, numbers: Sequence[int], end: float) -> int:
    failed = done = 0
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        for number in numbers:
            if time.monotonic() > end:
                break
            done += 1
            spelled = f"{seed}/{number}"
            if shown := _shown_offline(offline_case(seed, number), home, spelled):
                failed += 1
                how = f"python -m tests.fuzz --offline --seed {seed}, number {number}"
                _tell(*shown, how, f"{seed}-o{number}")
    _say(f"without a server: {done} schemas, {failed} with faults")
    return failed


def _stacks(seed: int, numbers: Sequence[int], end: float) -> int:
    """Synthesise the stacks of many schemas at once: it takes seconds."""
    # The CDK takes seconds to import.
    from infra.layer import build_layer

    failed = done = 0
    with tempfile.TemporaryDirectory() as name:
        layer = Path(name) / "layer"
        build_layer(layer)
        for number in numbers[::_IN_A_SYNTHESIS]:
            if time.monotonic() > end:
                break
            folder = Path(name) / str(number)
            (folder / "assets").mkdir(parents=True)
            (folder / "assets" / "layer").symlink_to(layer)
            cases = [offline_case(seed, number + place) for place in range(_IN_A_SYNTHESIS)]
            found = list(stack_faults(merged(cases), folder))
            done, failed = done + 1, failed + bool(found)
            for fault in found:
                _say(f"FAULT (the stacks of SEED={seed} numbers {number} and on): {fault}")
    _say(f"stacks: {done} synthesised, {failed} with faults")
    return failed


def _shown_offline(case: Case, home: Path, spelled: str) -> tuple[Case, list[Fault]] | None:
    """The least that shows what is wrong, and what that is; None where nothing is."""
    kinds = {fault.kind for fault in offline_faults(case, home, spelled)}

    def shows(cases: Sequence[Case]) -> list[bool]:
        found = [offline_faults(one, home, spelled) for one in cases]
        return [any(fault.kind in kinds for fault in one) for one in found]

    if not kinds:
        return None
    small = shrunk(case, shows, _OFFLINE_ROUNDS)
    return small, offline_faults(small, home, spelled)


def _live(bench: Bench, stack: Stack, seed: int, numbers: Sequence[int], end: float) -> int:
    failed, sums = 0, Counter[str]()
    vectors = stack.release.version != "4.1"
    for number in numbers:
        if time.monotonic() > end:
            break
        case = live_case(seed, number, tables=_TABLES, writes=_WRITES, vectors=vectors)
        done = bench.run(case, f"{seed}-{number}", verified=_VERIFIED)
        _tell_round(number, done)
        sums += Counter(
            runs=1, tables=done.tables, left_out=len(done.left_out), statements=done.written
        )
        if done.faults:
            failed += 1
            _say(f"FAULT in run {number}, cut down now:")
            for fault in done.faults:
                _say(f"  {fault}")
            small, found = cut_down(bench, case, done, f"{seed}-{number}", end)
            _tell(small, found, f"make fuzz SEED={seed}, run {number}", f"{seed}-{number}")
        for fault in bench.settle(_SETTLED_S):
            failed += 1
            _say(f"FAULT (SEED={seed}, after its round): {fault}")
    faults = bench.finish()
    for fault in faults:
        _say(f"FAULT (SEED={seed}, after its round): {fault}")
    failed += bool(faults)
    _say(f"live: {dict(sums)}, {failed} runs with faults")
    return failed


def cut_down(
    bench: Bench, case: Case, done: Round, name: str, end: float
) -> tuple[Case, list[Fault]]:
    """The least that shows one of the faults, and what it shows."""
    kinds = {fault.kind for fault in done.faults}
    tables = {fault.where for fault in done.faults}
    if None not in tables:
        case = replace(case, tables=tuple(one for one in case.tables if one.id in tables))
    found, rounds = {case: done.faults}, count()

    def shows(cases: Sequence[Case]) -> list[bool]:
        if time.monotonic() > end:
            return [False] * len(cases)
        found.update(zip(cases, together(bench, cases, f"{name}-{next(rounds)}"), strict=True))
        return [any(fault.kind in kinds for fault in found[one]) for one in cases]

    small = shrunk(case, shows, _LIVE_ROUNDS)
    return small, found[small]


def _tell_round(number: int, done: Round) -> None:
    refused, all_of_it = sum(done.refused.values()), sum(done.seconds.values())
    _say(
        f"run {number}: {done.tables} tables, {len(done.left_out)} left out, {done.written}"
        f" statements, {refused} not CQL, {all_of_it:.0f} s"
    )
    for late in done.late:
        _say(f"  late: {late}")
    for limit, rows in done.limits.items():
        _say(f"  {rows} rows: {limit.value}")


def _tell(case: Case, faults: list[Fault], how: str, name: str) -> None:
    folder = places.BUILD / "fuzz" / name
    keep(case, faults, how, folder)
    _say(f"FAULT ({how}), kept in {folder}")
    for fault in faults:
        _say(f"  {fault}")
    _say(as_text(case))


def _say(line: str) -> None:
    print(line, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, help="without one a new one is drawn, and told")
    parser.add_argument("--runs", type=int, default=10, help="on the real chain")
    parser.add_argument("--first", type=int, default=0, help="number of the first run")
    parser.add_argument("--minutes", type=float, default=60.0, help="no run begins later")
    parser.add_argument("--offline", action="store_true", help="only what needs no server")
    parser.add_argument(
        "--cassandra", choices=sorted(RELEASES), default="5.0", help="the source's release"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
