"""Show an assessment on a terminal; `tree` is that of `assessment.as_tree`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from hintferry_cli.assess.assessment import Fit, sums_of
from hintferry_cli.console import say
from hintferry_cli.spans import span

STYLES = {
    Fit.FITS.value: "bold green",
    Fit.NOT_KNOWN.value: "bold yellow",
    Fit.AFTER_FIXES.value: "bold yellow",
    Fit.NOT.value: "bold red",
}


NONE_FOUND = ("none was found", "none was found in what could be checked")


def show(tree: dict[str, Any], out: Console) -> None:
    """Show the answer, then each part with a heading. Lines are not cut."""
    tables = f"{len(tree['tables']):,} tables" if len(tree["tables"]) != 1 else tree["tables"][0]
    out.print(Text.assemble((tree["fit"], STYLES[tree["fit"]]), f": {tables}"), soft_wrap=True)
    parts = (
        ("Risks", _risks(tree)),
        ("Open questions", _questions(tree)),
        ("Effort", effort(tree)),
        ("Cost, USD", cost(tree)),
        ("Time", times(tree)),
        ("Capture, each node", nodes(tree)),
    )
    for title, lines in parts:
        out.print(Text(f"\n{title}", style="bold"))
        for line in lines:
            say(out, f"  {line}")


def _risks(tree: dict[str, Any]) -> Iterator[str]:
    if not tree["risks"]:
        yield NONE_FOUND[tree["fit"] == Fit.NOT_KNOWN.value]
    for one in tree["risks"]:
        where = one["where"][0] if len(one["where"]) == 1 else f"{len(one['where'])} places"
        yield f"{one['level']}, {where}: {one['what']}"
        if one["fix"]:
            yield f"  → {one['fix']}"


def _questions(tree: dict[str, Any]) -> Iterator[str]:
    if not tree["questions"]:
        yield "none"
    for one in tree["questions"]:
        yield one["what"]
        if one["command"]:
            yield f"  → {one['command']}"


def effort(tree: dict[str, Any]) -> list[str]:
    """Return what people have to do, a line each."""
    work = tree["effort"]
    return [
        f"{work['faults']} kinds of fault to fix, with {work['statements']} statements of CQL",
        f"{work['connectors'] or 'an unknown number of'} nodes to install the connector on",
        f"{work['tables']:,} tables to copy, compare and cut over",
    ]


def cost(tree: dict[str, Any]) -> list[str]:
    """Return the cost, a line each."""
    found = tree["cost"]
    if found is None:
        return ["not known: see the open questions"]
    once, month = sums_of(found)
    least = ", at least" if found["unpriced"] else ""
    known = " as far as prices are known" if found["unpriced"] else ""
    pipeline = f"{found['month']['pipeline']:,.2f}{known}"
    return [
        f"once {once:,.2f}: backfill {found['once']['backfill']:,.2f},"
        f" a verify pass {found['once']['verify']:,.2f}",
        f"a month {month:,.2f}{least}: pipeline {pipeline} (until the cutover); sweeps"
        f" {found['month']['sweeps']:,.2f}; storage {found['month']['storage']:,.2f}",
        f"a million changes {found['million_changes']:,.2f}",
        f"prices of {found['region']}, {found['dated']}; {found['rows']:,} rows,"
        f" {found['gib']:,.2f} GiB, estimated from a sample",
    ]


def times(tree: dict[str, Any]) -> list[str]:
    """Return how long it takes, a line each."""
    found = tree["time"]
    if found is None:
        return ["not known: see the open questions"]
    return [
        f"backfill: {span(found['backfill_seconds'])} at least, by the declared capacity",
        f"a verify pass: about {span(found['verify_seconds'])} on one machine of 2 cores",
        "downtime of a cutover: `hintferry status` says it for each table",
    ]


def nodes(tree: dict[str, Any]) -> list[str]:
    """Return what capture needs on a node, a line each."""
    found = tree["nodes"]
    if found is None:
        return ["not known: see the open questions"]
    return [
        f"cdc_total_space {found['cdc_total_space_mib']:,} MiB,"
        f" archive {found['archive_mib']:,} MiB",
        f"{found['cpu_cores']:g} cores, {found['memory_mib']:,} MiB of memory",
    ]
