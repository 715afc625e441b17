"""`python -m bench NAME` measures and keeps the figures; without a name it lists what there is."""

from __future__ import annotations

import argparse
import sys

from bench import results
from bench.results import BENCHES


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("name", nargs="?", choices=sorted(BENCHES))
    parser.add_argument("--size", type=int, help="how much of it, in place of the usual")
    chosen = parser.parse_args(arguments)
    if chosen.name is None:
        for name, bench in BENCHES.items():
            print(f"  {name:10} {(bench.__doc__ or '').splitlines()[0]}")
        return 0
    figures = BENCHES[chosen.name].measure(chosen.size)
    print("\n".join(results.page_of(chosen.name, figures)))
    results.keep(chosen.name, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
