"""`python -m bench NAME` measures and keeps the figures; without a name it lists what there is.

Where the figures hold a verdict, the exit status is 0 only for `equal`.
"""

from __future__ import annotations

import argparse
import sys

from bench import results
from bench.results import BENCHES


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("name", nargs="?", choices=sorted(BENCHES))
    parser.add_argument("--size", type=int, help="how much of it, in place of the usual")
    parser.add_argument("--check", action="store_true", help="only compare with the kept ratios")
    chosen = parser.parse_args(arguments)
    if chosen.check:
        guarded = [name for name, bench in BENCHES.items() if hasattr(bench, "worse")]
        return max(map(_check, [chosen.name] if chosen.name else guarded))
    if chosen.name is None:
        for name, bench in BENCHES.items():
            print(f"  {name:10} {(bench.__doc__ or '').splitlines()[0]}")
        return 0
    figures = BENCHES[chosen.name].measure(chosen.size)
    print("\n".join(results.page_of(chosen.name, figures)))
    results.keep(chosen.name, figures)
    return int(figures.get("verdict", "equal") != "equal")


def _check(name: str) -> int:
    """Measure a little; 1 where a ratio is worse than the kept one by more than its margin."""
    bench = BENCHES[name]
    figures = bench.measure(bench.CHECKED_SIZE)
    print("\n".join(results.page_of(name, figures)))
    faults: list[str] = bench.worse(figures, results.kept(name))
    print("\n".join(faults) or f"{name}: no ratio is worse than kept")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
