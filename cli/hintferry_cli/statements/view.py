"""Show the judged statements: what fails first, then what differs, then what costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from hintferry_cli.console import say
from hintferry_ops.statements.collection import Collection, Found
from hintferry_ops.statements.hot import Hot
from hintferry_ops.statements.judge import Judged, Units, Verdict
from hintferry_ops.statements.rules import Effect, Rule

_STYLES = {
    Verdict.REFUSED: "bold red",
    Verdict.DIFFERS: "yellow",
    Verdict.UNKNOWN: "magenta",
    Verdict.RUNS: "green",
}
_EFFECTS = {
    Effect.REFUSED: ("refused", "bold red"),
    Effect.DIFFERS: ("differs", "yellow"),
    Effect.UNSURE: ("unknown", "magenta"),
    Effect.COSTS: ("costs", "cyan"),
}
MOST_SHOWN, MOST_HOT, WIDEST = 20, 10, 240
"""Statements below one rule, partitions, and characters of a statement, on a terminal."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found; `region` and `dated` are those of the prices, empty without any."""

    judged: Sequence[Judged]
    collection: Collection
    hot: Sequence[Hot]
    endpoint: str
    region: str
    dated: str

    @property
    def counts(self) -> dict[Verdict, int]:
        """Return the number of statements by verdict."""
        found = Counter(one.verdict for one in self.judged)
        return {verdict: found[verdict] for verdict in Verdict}


def show(report: Report, out: Console) -> None:
    """Show it to a person; JSON has every statement, here each rule has its first ones."""
    for effect in _EFFECTS:
        _show_effect(report, effect, out)
    for one in report.collection.unread[:MOST_SHOWN]:
        say(out, f"does not parse  {one.origin}: {one.why}")
    more = report.collection.unread_count - MOST_SHOWN
    if more > 0:
        say(out, f"does not parse  and {more:,} more")
    for hot in report.hot[:MOST_HOT]:
        say(out, _hot_line(hot))
    for remark in _remarks(report):
        say(out, f"note  {remark}")
    line = Text(f"{len(report.judged):,} statements: ")
    counts = [(verdict, count) for verdict, count in report.counts.items() if count]
    for number, (verdict, count) in enumerate(counts):
        line.append(", " * bool(number))
        line.append(f"{verdict.value} {count:,}", _STYLES[verdict])
    out.print(line, soft_wrap=True)


def _show_effect(report: Report, effect: Effect, out: Console) -> None:
    by_rule: dict[str, tuple[Rule, list[Judged]]] = {}
    for one in report.judged:
        if one.verdict is Verdict.REFUSED and effect is not Effect.REFUSED:
            # Shown above; what it would do if it ran comes after it runs.
            continue
        for rule in one.rules:
            if rule.effect is effect:
                by_rule.setdefault(rule.name, (rule, []))[1].append(one)
    for rule, found in by_rule.values():
        _head(effect, rule.name, rule.what, out)
        say(out, f"  instead: {rule.instead}")
        say(out, f"  source: {rule.source}{f' (met: {rule.seen})' if rule.seen else ''}")
        _statements(found, out)
    rest = [one for one in report.judged if _unexplained(one, effect)]
    for words in dict.fromkeys(one.said or one.why for one in rest):
        found = [one for one in rest if (one.said or one.why) == words]
        by = "the endpoint" if found[0].said else "not judged"
        _head(effect, by, words, out)
        _statements(found, out, said=False)


def _unexplained(one: Judged, effect: Effect) -> bool:
    """Return whether no rule of this effect says why the verdict is what it is."""
    explained = any(rule.effect is effect for rule in one.rules)
    verdict = {Effect.REFUSED: Verdict.REFUSED, Effect.UNSURE: Verdict.UNKNOWN}.get(effect)
    return one.verdict is verdict and not explained


def _head(effect: Effect, name: str, what: str, out: Console) -> None:
    word, style = _EFFECTS[effect]
    out.print(Text.assemble((word, style), f"  {name}: {what}"), soft_wrap=True)


def _statements(found: Sequence[Judged], out: Console, *, said: bool = True) -> None:
    for one in found[:MOST_SHOWN]:
        text = one.found.text
        short = text if len(text) <= WIDEST else f"{text[:WIDEST]} …"
        say(out, f"  - {short}")
        say(out, f"    {_where(one.found)}{_cost(one)}")
        if said and one.said:
            say(out, f"    the endpoint: {one.said}")
    if len(found) > MOST_SHOWN:
        say(out, f"  - and {len(found) - MOST_SHOWN:,} more; --json has all")


def _where(found: Found) -> str:
    places = ", ".join(found.origins)
    times = f"{found.count:,} times" if found.count > 1 else "once"
    return f"{times}, {places}"


def _cost(one: Judged) -> str:
    units = _units(one.units)
    usd = f", {one.usd_month:,.2f} USD a month" if one.usd_month is not None else ""
    return f"; at least {units} a call{usd}" if units else ""


def _units(units: Units) -> str:
    parts = [
        f"{number:g} {name} unit{'s' if number != 1 else ''}"
        for number, name in ((units.read, "read"), (units.write, "write"))
        if number
    ]
    return " and ".join(parts)


def _hot_line(hot: Hot) -> str:
    over = ": more than one partition takes" if hot.is_over else ""
    return (
        f"hot partition  {hot.table} 0x{hot.key}: {100 * hot.share:.0f} % of its calls, at most"
        f" {hot.most_writes:,} writes and {hot.most_reads:,} reads in a second{over}"
    )


def _remarks(report: Report) -> Iterator[str]:
    collection = report.collection
    yield from collection.remarks
    if collection.left_out:
        yield (
            f"{collection.left_out:,} calls are of statements beyond the first"
            f" {len(collection.found):,} different ones, and are not judged"
        )
    sums = [one.usd_month for one in report.judged if one.usd_month is not None]
    if sums:
        yield (
            f"at the rate of the log all statements take at least {sum(sums):,.2f} USD a month"
            f" (prices of {report.region}, {report.dated}; rows of one unit; log of"
            f" {collection.seconds:,.0f} s)"
        )
    tried = Counter(one.tried for one in report.judged)
    if report.endpoint:
        yield (
            f"on {report.endpoint}: {tried['run']:,} run, {tried['prepared']:,} prepared,"
            f" {tried['no']:,} not tried"
        )
    else:
        yield "nothing was tried (--rules-only), so no statement is said to run"


def as_tree(report: Report) -> dict[str, Any]:
    """Return the same for JSON, with every statement."""
    collection = report.collection
    return {
        "endpoint": report.endpoint,
        "prices": {"region": report.region, "dated": report.dated},
        "seconds": collection.seconds,
        "verdicts": {verdict.value: count for verdict, count in report.counts.items()},
        "statements": [_statement(one) for one in report.judged],
        "unread": [{"origin": one.origin, "why": one.why} for one in collection.unread],
        "unread_count": collection.unread_count,
        "left_out": collection.left_out,
        "hot_partitions": [
            {
                "table": str(one.table),
                "key": one.key,
                "share": one.share,
                "most_reads_in_a_second": one.most_reads,
                "most_writes_in_a_second": one.most_writes,
                "over": one.is_over,
            }
            for one in report.hot
        ],
        "remarks": collection.remarks,
    }


def _statement(one: Judged) -> dict[str, Any]:
    return {
        "statement": one.found.text,
        "keyspace": one.found.keyspace,
        "count": one.found.count,
        "origins": one.found.origins,
        "verdict": one.verdict.value,
        "tried": one.tried,
        "said": one.said,
        "why": one.why,
        "rules": [
            {
                "name": rule.name,
                "effect": rule.effect.value,
                "what": rule.what,
                "instead": rule.instead,
                "source": rule.source,
                "met": rule.seen,
            }
            for rule in one.rules
        ],
        "units": {
            "read": one.units.read,
            "write": one.units.write,
            "grows_with_rows": one.units.more,
        },
        "usd_month": one.usd_month,
    }
