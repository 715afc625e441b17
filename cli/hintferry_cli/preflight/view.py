"""The findings for a person, and for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from hintferry_cli.failures import Status
from hintferry_cli.preflight.finding import Finding, Level

_STYLES = {
    Level.FAULT: "bold red",
    Level.UNKNOWN: "yellow",
    Level.QUESTION: "magenta",
    Level.ADVICE: "cyan",
}
_FIT = {
    Status.DONE: ("fit", "bold green"),
    Status.FAILED: ("not fit", "bold red"),
    Status.UNUSABLE: ("not seen in full", "bold yellow"),
}


def show(findings: Sequence[Finding], status: Status, out: Console) -> None:
    """Each finding with its mend below it, the worst first, and the verdict.

    Lines are not cut: statements are there to be copied.
    """
    for level in Level:
        for finding in findings:
            if finding.level is level:
                out.print(_line(finding, _STYLES[level]), soft_wrap=True)
                if finding.mend:
                    out.print(Text(f"  {finding.mend}"), soft_wrap=True)
    counts = Counter(finding.level for finding in findings)
    told = ", ".join(f"{level.value} {counts[level]}" for level in Level if counts[level])
    word, style = _FIT[status]
    out.print(Text.assemble((word, style), f": {told or 'nothing found'}"), soft_wrap=True)


def as_json(findings: Sequence[Finding], status: Status) -> str:
    """The same as one JSON object."""
    return json.dumps(
        {
            "fit": status is Status.DONE,
            "findings": [
                {
                    "level": finding.level.name.lower(),
                    "where": finding.where,
                    "what": finding.what,
                    "mend": finding.mend,
                }
                for finding in findings
            ],
        }
    )


def _line(finding: Finding, style: str) -> Text:
    return Text.assemble((finding.level.value, style), f" {finding.where}: {finding.what}")
