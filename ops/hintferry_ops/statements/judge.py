"""Judge each statement: what the endpoint answered, what the rules say, and what a call takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from hintferry.core.schema import TableId
from hintferry_ops.cost.prices import HOURS_A_MONTH, Prices
from hintferry_ops.statements.collection import Collection, Found
from hintferry_ops.statements.normal import scrubbed
from hintferry_ops.statements.rules import Effect, Rule, Subject, findings, subqueries
from hintferry_ops.statements.shape import BatchKind, Kind, Shape


class Verdict(Enum):
    """The verdict on a statement, the worst first."""

    REFUSED = "refused"
    DIFFERS = "differs"
    UNKNOWN = "unknown"
    RUNS = "runs"


@dataclass(frozen=True, slots=True)
class Answer:
    """The endpoint's answer: `refusal` in its words, or empty. `ran`: run, not only prepared.

    `silence` says why there is no answer.
    """

    refusal: str = ""
    ran: bool = False
    silence: str = ""


@dataclass(frozen=True, slots=True)
class Units:
    """The least units of one call; `more`: whether it grows with rows that nobody has counted."""

    read: float = 0.0
    write: float = 0.0
    more: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """One statement with its verdict. `why` says what stands behind an unknown one.

    `said`: the endpoint's refusal, without the statement's literals. `usd_month`: at least, at the
    rate of the log; None where no rate or no price is known.
    """

    found: Found
    verdict: Verdict
    rules: tuple[Rule, ...]
    said: str
    why: str
    tried: str
    units: Units
    usd_month: float | None


@dataclass(frozen=True, slots=True)
class Migrated:
    """The tables that are migrated; `refused`: those that cannot be, each with the reason.

    `without_ttl`: those that have TTL switched off on Keyspaces.
    """

    refused: Mapping[TableId, str]
    without_ttl: frozenset[TableId] = frozenset()
    listed: frozenset[TableId] = frozenset()


_DRIFTED = re.compile(
    r"undefined column|unconfigured (?:table|keyspace)|unknown (?:identifier|column|type)"
    r"|keyspace .* does not exist",
    re.IGNORECASE,
)


def judged(
    collection: Collection,
    migrated: Migrated,
    answers: Mapping[tuple[str, str], Answer],
    prices: Prices | None,
) -> list[Judged]:
    """Return all statements, the worst first and then the most frequent.

    `answers`: by keyspace and normal form.
    """
    found = [
        _judged(one, collection, migrated, answers.get((one.keyspace, one.text)), prices)
        for one in collection.statements
    ]
    order = list(Verdict)
    return sorted(found, key=lambda one: (order.index(one.verdict), _weight(one)))


def subjects(one: Found, collection: Collection, migrated: Migrated) -> tuple[Subject, ...]:
    """Return the statement as the rules see it, then the parts of a batch."""
    parts = []
    for shape in one.shape.each:
        table = collection.table_of(shape, one.keyspace)
        with_ttl = table is None or table.id not in migrated.without_ttl
        parts.append(Subject(shape, table, (table,), with_ttl))
    if one.shape.kind is not Kind.BATCH:
        return tuple(parts)
    tables = tuple(part.table for part in parts)
    return (Subject(one.shape, None, tables), *parts)


def is_prepared(shape: Shape) -> bool:
    """Return whether it is a statement that can be prepared; the rules alone judge all others."""
    return shape.kind in (Kind.SELECT, Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.BATCH)


def untried(one: Found, collection: Collection, migrated: Migrated) -> str:
    """Return why a statement cannot be tried; empty where it can, or where nobody has to."""
    if not is_prepared(one.shape):
        return ""
    for shape in one.shape.each:
        if shape.table is None:
            return "the name of its table is put in at run time; add the statement as it is sent"
        keyspace = shape.table.keyspace or one.keyspace
        if keyspace == "system" or keyspace.startswith("system_"):
            continue
        if collection.table_of(shape, one.keyspace) is None:
            named = str(shape.table) if keyspace else shape.table.name
            return _missing(named, shape.table, collection)
    return ""


def _missing(named: str, table: TableId, collection: Collection) -> str:
    alike = [one for one in collection.tables if one.name == table.name]
    if not table.keyspace and len(alike) > 1:
        names = ", ".join(map(str, alike))
        return f"{named} may be {names}: give the statement with its keyspace"
    return (
        f"{named} is not in the schema file: list its table in migration.toml, or write the file"
        " again with `hintferry init`"
    )


def _judged(
    one: Found,
    collection: Collection,
    migrated: Migrated,
    answer: Answer | None,
    prices: Prices | None,
) -> Judged:
    first, *parts = subjects(one, collection, migrated)
    rules = tuple(findings(first, tuple(parts)))
    unmigrated = [
        f"{subject.table.id} cannot be migrated: {migrated.refused[subject.table.id]}"
        for subject in (first, *parts)
        if subject.table is not None and subject.table.id in migrated.refused
    ]
    why = untried(one, collection, migrated)
    said = scrubbed(answer.refusal, one.literals) if answer else ""
    if said and _DRIFTED.search(said):
        why, said = f"the schema file has drifted from the application: {said}", ""
    tried = not is_prepared(one.shape) or (answer is not None and not answer.silence)
    verdict = _verdict(rules, bool(said or unmigrated), tried and not why)
    units = units_of(one.shape)
    return Judged(
        one,
        verdict,
        rules,
        unmigrated[0] if unmigrated else said,
        _reason(verdict, rules, answer, why),
        _tried(answer),
        units,
        _usd_month(units, one, collection, prices),
    )


def _verdict(rules: Sequence[Rule], is_refused: bool, is_tried: bool) -> Verdict:
    effects = {rule.effect for rule in rules}
    if is_refused or Effect.REFUSED in effects:
        return Verdict.REFUSED
    if Effect.UNSURE in effects or not is_tried:
        return Verdict.UNKNOWN
    return Verdict.DIFFERS if Effect.DIFFERS in effects else Verdict.RUNS


def _reason(verdict: Verdict, rules: Sequence[Rule], answer: Answer | None, why: str) -> str:
    """Return why a verdict is unknown; empty for the others."""
    if verdict is not Verdict.UNKNOWN:
        return ""
    if why or (answer is not None and answer.silence):
        return why or (answer.silence if answer else "")
    unsure = [rule.what for rule in rules if rule.effect is Effect.UNSURE]
    return " ".join(unsure) or "it was not tried"


def _tried(answer: Answer | None) -> str:
    if answer is None or answer.silence:
        return "no"
    return "run" if answer.ran else "prepared"


def units_of(shape: Shape) -> Units:
    """Return the least that one call takes, at LOCAL_QUORUM, with rows of one unit.

    The guide: a read unit is 4 KB, a write unit 1 KB, and a logged batch writes each row twice.
    """
    if shape.kind is Kind.SELECT:
        return Units(read=float(subqueries(shape)), more=not _is_by_key(shape))
    if shape.kind is Kind.BATCH:
        parts = [units_of(part) for part in shape.parts]
        twice = 2 if shape.batch is BatchKind.LOGGED else 1
        more = any(part.more for part in parts)
        return Units(write=twice * sum(part.write for part in parts), more=more)
    if shape.kind in (Kind.INSERT, Kind.UPDATE, Kind.DELETE):
        ranged = shape.kind is Kind.DELETE and bool(shape.restricted("<", ">", "<=", ">="))
        return Units(write=1.0, more=ranged)
    return Units()


def _is_by_key(shape: Shape) -> bool:
    """Return whether it has equalities only; whether that is the whole key, the table knows."""
    return bool(shape.where) and all(one.operator in ("=", "in") for one in shape.where)


def _usd_month(
    units: Units, one: Found, collection: Collection, prices: Prices | None
) -> float | None:
    if prices is None or collection.seconds <= 0:
        return None
    calls = one.count / collection.seconds * HOURS_A_MONTH * 3_600
    usd = units.read * prices.million_reads + units.write * prices.million_writes
    return calls * usd / 1e6


def _weight(one: Judged) -> tuple[float, int, str]:
    return (-(one.usd_month or 0.0), -one.found.count, one.found.text)
