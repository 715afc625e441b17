"""Put together what preflight, size and cost found, for the one who decides. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from hintferry_cli.cost.table_cost import together
from hintferry_cli.cost.view import CostOverview
from hintferry_cli.preflight.finding import Finding, Level, grouped
from hintferry_cli.size.arithmetic import Need
from hintferry_ops.cost.fixed_cost import total

VERIFIED_ROWS_PER_S = 44_000
"""Rows that a verify pass compares a second, measured by `python -m bench sweep` on 2 cores."""


RETRY = "hintferry preflight --only source --only account"
"""The command that checks again what could not be checked."""


class Fit(Enum):
    """The answer to whether the migration can be done."""

    FITS = "fits"
    NOT_KNOWN = "not known yet"
    """No fault was found, and not everything could be checked."""

    AFTER_FIXES = "fits once the faults are fixed"
    """Each fault has a statement that fixes it."""

    NOT = "does not fit as it is"


@dataclass(frozen=True, slots=True)
class Question:
    """An open question, and the command that answers it; empty where only a person can."""

    what: str
    command: str


@dataclass(frozen=True, slots=True)
class Facts:
    """The findings of each part; None, or nothing, of one that could not be asked."""

    made: float
    tables: Sequence[str]
    nodes: int
    findings: Sequence[Finding]
    bill: CostOverview | None
    need: Need | None
    questions: Sequence[Question] = field(default_factory=tuple)


def fit(findings: Sequence[Finding]) -> Fit:
    """Return the answer; a fault outweighs what is not known."""
    faults = [one for one in findings if one.level is Level.FAULT]
    if any(not one.cql for one in faults):
        return Fit.NOT
    if faults:
        return Fit.AFTER_FIXES
    is_open = any(one.level is Level.UNKNOWN for one in findings)
    return Fit.NOT_KNOWN if is_open else Fit.FITS


def as_tree(facts: Facts) -> dict[str, Any]:
    """Return the whole assessment; USD, seconds and epoch seconds."""
    questions = [
        *_unchecked(facts.findings),
        *facts.questions,
        *_unpriced(facts.bill),
        *_asked(facts.findings),
    ]
    return {
        "made": round(facts.made, 3),
        "tables": list(facts.tables),
        "fit": fit(facts.findings).value,
        "risks": _risks(facts.findings),
        "questions": [asdict(one) for one in questions],
        "effort": _effort(facts),
        "cost": None if facts.bill is None else _cost(facts.bill),
        "time": None if facts.bill is None else _time(facts.bill),
        "nodes": None if facts.need is None else asdict(facts.need),
    }


def _risks(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    kinds = [one for one in grouped(findings) if one.level in (Level.FAULT, Level.ADVICE)]
    return [
        {
            "level": kind.level.name.lower(),
            "what": kind.findings[0].what,
            "where": [finding.where for finding in kind.findings],
            "fix": kind.fixes[0] if kind.fixes else "",
        }
        for kind in kinds
    ]


def _unchecked(findings: Sequence[Finding]) -> list[Question]:
    kinds = grouped(one for one in findings if one.level is Level.UNKNOWN)
    return [
        Question(f"{kind.findings[0].where} could not be checked: {kind.findings[0].what}", RETRY)
        for kind in kinds
    ]


def _unpriced(bill: CostOverview | None) -> list[Question]:
    names = [one.name for one in bill.standing if one.usd is None] if bill else []
    if not names:
        return []
    what = f"What does the pipeline cost? No price is known of: {', '.join(names)}"
    return [Question(what, "hintferry cost")]


def _asked(findings: Sequence[Finding]) -> list[Question]:
    kinds = grouped(one for one in findings if one.level is Level.QUESTION)
    return [Question(kind.findings[0].what, "") for kind in kinds]


def _effort(facts: Facts) -> dict[str, int]:
    statements = {cql for one in facts.findings for cql in one.cql}
    faults = [one for one in grouped(facts.findings) if one.level is Level.FAULT]
    return {
        "tables": len(facts.tables),
        "connectors": facts.nodes,
        "statements": len(statements),
        "faults": len(faults),
    }


def _cost(bill: CostOverview) -> dict[str, Any]:
    sums, standing = together(bill.costs), bill.standing
    return {
        "region": bill.prices.region,
        "dated": bill.prices.dated,
        "once": {"backfill": sums.backfill, "verify": sums.sweep},
        "month": {
            "pipeline": total(standing),
            "sweeps": bill.sweeps_month,
            "storage": sums.month,
        },
        "unpriced": [line.name for line in standing if line.usd is None],
        "million_changes": sums.million_changes,
        "rows": sums.rows,
        "gib": sums.gib,
    }


def _time(bill: CostOverview) -> dict[str, float]:
    """Return seconds at least, where one table follows the other."""
    rows = together(bill.costs).rows
    return {
        "backfill_seconds": sum(one.backfill_s for one in bill.costs),
        "verify_seconds": rows / VERIFIED_ROWS_PER_S,
    }


def sums_of(tree: Mapping[str, Any]) -> tuple[float, float]:
    """Return USD once and USD a month, without what changes cost."""
    return sum(tree["once"].values()), sum(tree["month"].values())
