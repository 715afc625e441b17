"""`python -m bench NAME` measures and keeps the figures; without a name it lists what there is."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from bench import kills, results, sweep

BENCHES: dict[str, tuple[str, Callable[[int | None], dict[str, Any]]]] = {
    "kills": ("a verify that is killed 20 times; --size ROWS (default 1,000,000)", kills.measure),
    "sweep": ("verify and backfill beside DSBulk; --size ROWS (default 1,000,000)", sweep.measure),
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("name", nargs="?", choices=sorted(BENCHES))
    parser.add_argument("--size", type=int, help="how much of it, in place of the usual")
    chosen = parser.parse_args(arguments)
    if chosen.name is None:
        for name, (what, _) in BENCHES.items():
            print(f"  {name:10} {what}")
        return 0
    _, measure = BENCHES[chosen.name]
    figures = measure(chosen.size)
    print("\n".join(results.page_of(chosen.name, figures)))
    results.keep(chosen.name, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
