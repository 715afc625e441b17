"""Chaos for as long as a million statements take: whatever is killed, both sides end up equal."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

from bench import machine
from sandbox.parts.launch import tied
from tools import places

SEED = "20261130"


def measure(size: int | None) -> dict[str, Any]:
    """Run it with `size` statements."""
    about, commit = machine.described(), _commit()
    report = places.BUILD / "soak" / "report.json"
    report.unlink(missing_ok=True)
    statements = [str(size)] if size else []
    chaos = [sys.executable, "-m", "tests.chaos", "--seed", SEED, "--soak", *statements]
    # It ends with 1 where the sides differ: the report says so too.
    subprocess.run(tied(*chaos), cwd=places.ROOT, check=False)
    kept = json.loads(report.read_text())
    return {"when": f"{datetime.now(UTC):%Y-%m-%d}", "machine": about, "commit": commit, **kept}


def _commit() -> str:
    """Return the commit that ran."""
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=places.ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def page_of(figures: dict[str, Any]) -> list[str]:
    """Return the lines of RESULTS.md for these results."""
    faults, ends = figures["faults"], _ends(figures["functions"])
    killed = {name: count for name, count in faults.items() if "killed" in name}
    others = {name: count for name, count in faults.items() if name not in killed}
    return [
        "## A soak",
        "",
        f"A source of one node acknowledged {figures['statements']:,} statements of"
        f" {len(figures['operations'])} kinds, {figures['statements in batches']:,} of them in"
        f" {_batches(figures['operations']):,} batches."
        f" There were {figures['kills']} kills and {sum(others.values()):,} other faults in"
        f" {figures['seconds']['load'] / 60:.0f} minutes. Then both sides were compared completely:"
        f" **{figures['divergent']} rows differ**; the verdict: {figures['verdict']}"
        + "".join(f"; {reason}" for reason in figures["reasons"])
        + ".",
        "",
        "| killed | times |",
        "|---|---|",
        *(f"| {name.partition(' killed')[0]} | {count} |" for name, count in killed.items()),
        "",
        "| other fault | times |",
        "|---|---|",
        *(f"| {name} | {count} |" for name, count in others.items()),
        "",
        f"{figures['hints']['captured']:,} hints, and {figures['hints']['sent again']:,} that the"
        " run sent again. How records ended (one that is returned comes again): "
        + ", ".join(f"{end} {count:,}" for end, count in ends.items())
        + f". Parked are the {figures['poison parked']} that can never succeed, which the run made."
        f" `hintferry verify` then saw {figures['swept']['keys']:,} keys,"
        f" {figures['swept']['unequal']} of them unequal;"
        f" {figures['left behind by columns that came back']} is what columns that were dropped and"
        " added again leave behind. A killed node would lose what it alone acknowledged since the"
        " last sync, so the node was paused; three nodes are killed in chaos.",
        "",
        f"Seed {figures['seed']}, commit {figures['commit']}; drained"
        f" {figures['seconds']['drained'] / 60:.1f} minutes after the last write.",
    ]


def _batches(operations: dict[str, int]) -> int:
    return sum(count for kind, count in operations.items() if "batch" in kind)


def _ends(functions: list[dict[str, Any]]) -> dict[str, int]:
    names = functions[0]["ends"]
    return {name: sum(one["ends"][name] for one in functions) for name in names}
