"""Show the findings to a person, and as JSON to programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from hintferry_cli.exits import Status
from hintferry_cli.preflight.finding import Finding, FindingGroup, Level, grouped

_STYLES = {
    Level.FAULT: "bold red",
    Level.UNKNOWN: "yellow",
    Level.QUESTION: "magenta",
    Level.ADVICE: "cyan",
}
_FIT = {
    Status.DONE: ("fit", "bold green"),
    Status.NEGATIVE: ("not fit", "bold red"),
    Status.UNAVAILABLE: ("not fully checked", "bold yellow"),
}

_ON_TARGET = "-- On Keyspaces:"
_ON_SOURCE = "-- On the source, once the stacks are deployed (capture waits for topics):"


def show(findings: Sequence[Finding], status: Status, out: Console) -> None:
    """Show each kind of finding with its fix below it, the worst first, and the verdict.

    Lines are not cut: statements are there to be copied.
    """
    kinds = grouped(findings)
    for kind in kinds:
        for line in _lines(kind):
            out.print(line, soft_wrap=True)
    counts = Counter(kind.level for kind in kinds)
    told = ", ".join(f"{level.value} {counts[level]}" for level in Level if counts[level])
    word, style = _FIT[status]
    out.print(Text.assemble((word, style), f": {told or 'nothing found'}"), soft_wrap=True)


def as_cql(findings: Sequence[Finding]) -> str:
    """Return the statements that fix the findings, as a file for cqlsh for each side."""
    on_target = [cql for one in findings if one.where == "target" for cql in one.cql]
    on_source = [cql for one in findings if one.where != "target" for cql in one.cql]
    parts = [(_ON_TARGET, on_target), (_ON_SOURCE, on_source)]
    lines = [
        line
        for head, statements in parts
        if statements
        for line in (head, *(f"{one};" for one in dict.fromkeys(statements)))
    ]
    return "".join(f"{line}\n" for line in lines)


def as_tree(findings: Sequence[Finding], status: Status) -> dict[str, Any]:
    """Return the same for JSON."""
    return {
        "fit": status is Status.DONE,
        "findings": [
            {
                "level": finding.level.name.lower(),
                "where": finding.where,
                "what": finding.what,
                "fix": finding.fix,
                "cql": list(finding.cql),
            }
            for finding in findings
        ],
    }


def _lines(kind: FindingGroup) -> Iterator[Text]:
    first, *others = kind.findings
    level = (kind.level.value, _STYLES[kind.level])
    if not others:
        yield Text.assemble(level, f" {first.where}: {first.what}")
    else:
        yield Text.assemble(level, f" in {len(kind.findings)} places: {first.what}")
        yield Text("  " + ", ".join(finding.where for finding in kind.findings))
    fixes = kind.fixes
    if fixes:
        yield Text(f"  {fixes[0]}")
    if len(fixes) > 1:
        yield Text("  Likewise for the others; --json has the words for each.")
